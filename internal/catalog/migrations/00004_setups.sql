-- +goose Up
-- When a record's calls were set up, so that a capture's own SIP finds it by time.
CREATE TABLE cdr_setup (
    at  INTEGER NOT NULL,                     -- ms since 1970
    cdr INTEGER NOT NULL REFERENCES cdr (id) ON DELETE CASCADE,
    PRIMARY KEY (at, cdr)
) WITHOUT ROWID;
CREATE INDEX cdr_setup_cdr ON cdr_setup (cdr);
ALTER TABLE cdr ADD COLUMN setups INTEGER NOT NULL DEFAULT 0; -- they stand in cdr_setup
CREATE INDEX cdr_no_setups ON cdr (id) WHERE setups = 0;

-- +goose Down
DROP INDEX cdr_no_setups;
ALTER TABLE cdr DROP COLUMN setups;
DROP TABLE cdr_setup;
