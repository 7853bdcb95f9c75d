-- +goose Up
-- Since when a PBX's list of agents may have changed unseen. One without a row has never told its agents.
CREATE TABLE roster (
    pbx    TEXT    PRIMARY KEY,
    unsure INTEGER NOT NULL                   -- ms since 1970; 0 = it tells every change
) WITHOUT ROWID;
INSERT INTO roster (pbx, unsure) SELECT DISTINCT pbx, 0 FROM agent;

-- Why lines could not be made, and when that is tried again.
ALTER TABLE ledger_touched ADD COLUMN again INTEGER NOT NULL DEFAULT 0;  -- ms since 1970
ALTER TABLE ledger_touched ADD COLUMN fault TEXT    NOT NULL DEFAULT '';
CREATE INDEX ledger_fault ON ledger_touched (id) WHERE fault <> '';

-- +goose Down
DROP INDEX ledger_fault;
ALTER TABLE ledger_touched DROP COLUMN fault;
ALTER TABLE ledger_touched DROP COLUMN again;
DROP TABLE roster;
