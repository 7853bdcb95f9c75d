-- +goose Up
-- What others are to be told of calls, in order. A message is put here in the same
-- transaction as what it tells of. What has been sent stays for a while: by its key it is
-- told once, and it may have to be sent again.
CREATE TABLE outbox (
    seq    INTEGER PRIMARY KEY AUTOINCREMENT,
    target TEXT    NOT NULL,
    key    TEXT    NOT NULL,
    at     INTEGER NOT NULL,                    -- ms since 1970
    doc    BLOB    NOT NULL,
    sent   INTEGER NOT NULL DEFAULT 0,          -- ms since 1970; 0 = waits
    dead   INTEGER NOT NULL DEFAULT 0,          -- ms since 1970 when it was given up; 0 = it was not
    UNIQUE (target, key)
);
CREATE INDEX outbox_waiting ON outbox (target, seq) WHERE sent = 0 AND dead = 0;
CREATE INDEX outbox_dead ON outbox (target, dead) WHERE dead > 0;

-- Who may ask the API. The token itself is nowhere: only its SHA-256.
CREATE TABLE token (
    name    TEXT    PRIMARY KEY,
    hash    BLOB    NOT NULL UNIQUE,
    scope   TEXT    NOT NULL,
    created INTEGER NOT NULL,                   -- ms since 1970
    expires INTEGER NOT NULL,                   -- ms since 1970; 0 = never
    revoked INTEGER NOT NULL DEFAULT 0          -- ms since 1970; 0 = it is not
);

-- +goose Down
DROP TABLE token;
DROP TABLE outbox;
