-- +goose Up
-- A TAN that somebody wants a recording to have, until its files are renamed.
CREATE TABLE tan_wish (
    recording INTEGER PRIMARY KEY REFERENCES recording (id) ON DELETE CASCADE,
    tan       TEXT    NOT NULL,
    at        INTEGER NOT NULL                -- ms since 1970
);

-- +goose Down
DROP TABLE tan_wish;
