-- +goose Up
-- What agents said of their calls. A mark that came as a file is known by where it lay
-- and by the file's stamp until the file is gone, so that it is taken once.
CREATE TABLE mark (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    kind       TEXT    NOT NULL,
    number     TEXT    NOT NULL,
    conf       TEXT    NOT NULL DEFAULT '',     -- the call meant, where that was said
    at         INTEGER NOT NULL,                -- ms since 1970
    received   INTEGER NOT NULL,                -- ms
    origin     TEXT    NOT NULL,
    stamp      TEXT    NOT NULL DEFAULT '',     -- of its file
    file_there INTEGER NOT NULL DEFAULT 0,      -- the file is not deleted yet
    after_conf TEXT    NOT NULL DEFAULT '',     -- the ended call that it has gone to
    told       INTEGER NOT NULL DEFAULT 0       -- that it is of no call was said
);
CREATE UNIQUE INDEX mark_file ON mark (origin, stamp) WHERE file_there = 1;
CREATE INDEX mark_at ON mark (at);
CREATE TABLE mark_use (
    mark      INTEGER NOT NULL REFERENCES mark (id) ON DELETE CASCADE,
    recording INTEGER NOT NULL,
    PRIMARY KEY (mark, recording)
) WITHOUT ROWID;
CREATE INDEX leg_span ON leg (began, ended);

-- Random recording: the counters by agent ('' is the system's), and which numbers a
-- call has taken.
CREATE TABLE counter (
    agent TEXT    PRIMARY KEY,
    n     INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE draw (
    conf      TEXT    NOT NULL,
    agent     TEXT    NOT NULL,
    recording INTEGER NOT NULL,                 -- 0 where the conference tells the call
    at        INTEGER NOT NULL,                 -- ms
    doc       TEXT    NOT NULL,
    PRIMARY KEY (conf, agent, recording)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE draw;
DROP TABLE counter;
DROP INDEX leg_span;
DROP TABLE mark_use;
DROP TABLE mark;
