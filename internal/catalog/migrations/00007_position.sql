-- +goose Up
-- How far a file of records has been read.
CREATE TABLE position (
    name TEXT PRIMARY KEY,
    doc  TEXT NOT NULL
) WITHOUT ROWID;

-- +goose Down
DROP TABLE position;
