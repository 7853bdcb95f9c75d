-- +goose Up
CREATE TABLE recording (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    inbox       TEXT    NOT NULL,
    source      TEXT    NOT NULL,             -- file name in the inbox
    uid         TEXT    NOT NULL,
    conf        TEXT    NOT NULL,             -- empty for a foreign file
    state       TEXT    NOT NULL,
    due         INTEGER,                      -- ms since 1970 when the next step may run; NULL = when something happens
    leased      INTEGER NOT NULL DEFAULT 0,   -- a worker has it
    seq         INTEGER NOT NULL DEFAULT 0,   -- fencing token, rises with every claim
    source_gone INTEGER NOT NULL DEFAULT 0,
    source_due  INTEGER,                      -- ms when the source may be deleted; NULL = not yet allowed, or done
    spool       TEXT    NOT NULL DEFAULT '',
    missed      INTEGER NOT NULL DEFAULT 0,   -- listings in a row without the file while it was only seen
    started     INTEGER NOT NULL DEFAULT 0,   -- ms, for lists
    internal    TEXT    NOT NULL DEFAULT '',
    external    TEXT    NOT NULL DEFAULT '',
    direction   TEXT    NOT NULL DEFAULT '',
    owner       TEXT    NOT NULL DEFAULT '',
    sha256      TEXT    NOT NULL DEFAULT '',  -- of the capture
    place       TEXT    NOT NULL DEFAULT '',
    doc         TEXT    NOT NULL              -- the whole recording as JSON
);
CREATE INDEX recording_due    ON recording (due) WHERE due IS NOT NULL;
CREATE INDEX recording_source_due ON recording (source_due) WHERE source_due IS NOT NULL;
CREATE INDEX recording_source ON recording (inbox, source);
CREATE INDEX recording_conf   ON recording (conf);
CREATE INDEX recording_state  ON recording (state, started);

CREATE TABLE cdr (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    received INTEGER NOT NULL,
    digest   TEXT    NOT NULL UNIQUE,         -- the same record sent twice is stored once
    xml      TEXT    NOT NULL
);
CREATE TABLE cdr_conf (
    conf TEXT    NOT NULL,
    cdr  INTEGER NOT NULL REFERENCES cdr (id) ON DELETE CASCADE,
    PRIMARY KEY (conf, cdr)
) WITHOUT ROWID;
CREATE INDEX cdr_conf_cdr ON cdr_conf (cdr);
CREATE INDEX cdr_received ON cdr (received);

CREATE TABLE cdr_garbage (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    received INTEGER NOT NULL,
    sender   TEXT    NOT NULL,
    reason   TEXT    NOT NULL,
    body     BLOB    NOT NULL
);

CREATE TABLE leg (
    pbx   TEXT    NOT NULL,
    cn    TEXT    NOT NULL,
    conf  TEXT    NOT NULL,
    began INTEGER NOT NULL,
    ended INTEGER NOT NULL DEFAULT 0,         -- 0 while it lives
    doc   TEXT    NOT NULL,
    PRIMARY KEY (pbx, cn, conf, began)
) WITHOUT ROWID;
CREATE INDEX leg_conf ON leg (conf);

CREATE TABLE agent (
    pbx  TEXT NOT NULL,
    cn   TEXT NOT NULL,
    doc  TEXT NOT NULL,
    PRIMARY KEY (pbx, cn)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE agent;
DROP TABLE leg;
DROP TABLE cdr_garbage;
DROP TABLE cdr_conf;
DROP TABLE cdr;
DROP TABLE recording;
