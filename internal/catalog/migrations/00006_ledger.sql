-- +goose Up
-- One line for each agent's part in each conference; it outlives the events and CDRs it is made of.
CREATE TABLE ledger (
    conf      TEXT    NOT NULL,               -- empty for a capture that names no conference
    recording INTEGER NOT NULL,               -- of such a capture; else 0
    agent     TEXT    NOT NULL,               -- his PBX and name
    began     INTEGER NOT NULL,               -- ms since 1970
    outcome   TEXT    NOT NULL,
    again     INTEGER,                        -- ms when it is looked at again by itself; NULL = when something happens
    accepted  INTEGER NOT NULL DEFAULT 0,     -- somebody has looked at a call without audio
    doc       TEXT    NOT NULL,               -- the whole line as JSON
    PRIMARY KEY (conf, recording, agent)
) WITHOUT ROWID;
CREATE INDEX ledger_began   ON ledger (began);
CREATE INDEX ledger_again   ON ledger (again) WHERE again IS NOT NULL;
CREATE INDEX ledger_outcome ON ledger (outcome, accepted);

-- What has happened since its lines were made: written by triggers in the very transaction in which it
-- happens, so that nothing is passed over.
CREATE TABLE ledger_touched (
    id        INTEGER PRIMARY KEY AUTOINCREMENT,
    conf      TEXT    NOT NULL,
    recording INTEGER NOT NULL,
    old       INTEGER NOT NULL DEFAULT 0,     -- from before there was a ledger
    UNIQUE (conf, recording)
);

-- +goose StatementBegin
CREATE TRIGGER ledger_leg_new AFTER INSERT ON leg BEGIN
    DELETE FROM ledger_touched WHERE conf = NEW.conf AND recording = 0;
    INSERT INTO ledger_touched (conf, recording) VALUES (NEW.conf, 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ledger_leg_ended AFTER UPDATE ON leg WHEN OLD.ended <> NEW.ended BEGIN
    DELETE FROM ledger_touched WHERE conf = NEW.conf AND recording = 0;
    INSERT INTO ledger_touched (conf, recording) VALUES (NEW.conf, 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ledger_cdr AFTER INSERT ON cdr_conf BEGIN
    DELETE FROM ledger_touched WHERE conf = NEW.conf AND recording = 0;
    INSERT INTO ledger_touched (conf, recording) VALUES (NEW.conf, 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ledger_recording_new AFTER INSERT ON recording BEGIN
    DELETE FROM ledger_touched WHERE conf = NEW.conf AND recording = CASE NEW.conf WHEN '' THEN NEW.id ELSE 0 END;
    INSERT INTO ledger_touched (conf, recording) VALUES (NEW.conf, CASE NEW.conf WHEN '' THEN NEW.id ELSE 0 END);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ledger_recording AFTER UPDATE OF state, conf, owner, place ON recording
WHEN OLD.conf <> NEW.conf OR OLD.owner <> NEW.owner OR OLD.place <> NEW.place OR OLD.state <> NEW.state AND
    (NEW.state IN ('filed', 'discarded', 'quarantined', 'unusable') OR OLD.state IN ('discarded', 'quarantined', 'unusable'))
BEGIN
    DELETE FROM ledger_touched WHERE (conf, recording) IN (VALUES (NEW.conf, CASE NEW.conf WHEN '' THEN NEW.id ELSE 0 END),
        (OLD.conf, CASE OLD.conf WHEN '' THEN OLD.id ELSE 0 END));
    INSERT INTO ledger_touched (conf, recording) VALUES (NEW.conf, CASE NEW.conf WHEN '' THEN NEW.id ELSE 0 END);
    INSERT INTO ledger_touched (conf, recording)
        SELECT OLD.conf, CASE OLD.conf WHEN '' THEN OLD.id ELSE 0 END WHERE OLD.conf <> NEW.conf;
END;
-- +goose StatementEnd

INSERT INTO ledger_touched (conf, recording, old)
    SELECT conf, 0, 1 FROM leg UNION SELECT conf, 0, 1 FROM cdr_conf
    UNION SELECT conf, CASE conf WHEN '' THEN id ELSE 0 END, 1 FROM recording;

-- How many licences a PBX had when it last said so.
CREATE TABLE licence (
    pbx   TEXT    PRIMARY KEY,
    name  TEXT    NOT NULL,
    count INTEGER NOT NULL,
    read  INTEGER NOT NULL                    -- ms since 1970
) WITHOUT ROWID;

-- +goose Down
DROP TABLE licence;
DROP TRIGGER ledger_recording;
DROP TRIGGER ledger_recording_new;
DROP TRIGGER ledger_cdr;
DROP TRIGGER ledger_leg_ended;
DROP TRIGGER ledger_leg_new;
DROP TABLE ledger_touched;
DROP TABLE ledger;
