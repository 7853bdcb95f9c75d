-- +goose Up
-- A key that is touched again, before its lines are made, keeps its row and counts: deleting and inserting it
-- wrote three pages each time, five times a call.
ALTER TABLE ledger_touched ADD COLUMN times INTEGER NOT NULL DEFAULT 0;  -- that it was touched again
DROP TRIGGER ledger_leg_new;
DROP TRIGGER ledger_leg_ended;
DROP TRIGGER ledger_cdr;
DROP TRIGGER ledger_recording_new;
DROP TRIGGER ledger_recording;
-- +goose StatementBegin
CREATE TRIGGER ledger_leg_new AFTER INSERT ON leg
BEGIN
    INSERT INTO ledger_touched (conf, recording) VALUES (NEW.conf, 0)
        ON CONFLICT (conf, recording) DO UPDATE SET times = times + 1, old = 0, again = 0, fault = '';
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ledger_leg_ended AFTER UPDATE ON leg WHEN OLD.ended <> NEW.ended
BEGIN
    INSERT INTO ledger_touched (conf, recording) VALUES (NEW.conf, 0)
        ON CONFLICT (conf, recording) DO UPDATE SET times = times + 1, old = 0, again = 0, fault = '';
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ledger_cdr AFTER INSERT ON cdr_conf
BEGIN
    INSERT INTO ledger_touched (conf, recording) VALUES (NEW.conf, 0)
        ON CONFLICT (conf, recording) DO UPDATE SET times = times + 1, old = 0, again = 0, fault = '';
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ledger_recording_new AFTER INSERT ON recording
BEGIN
    INSERT INTO ledger_touched (conf, recording) VALUES (NEW.conf, CASE NEW.conf WHEN '' THEN NEW.id ELSE 0 END)
        ON CONFLICT (conf, recording) DO UPDATE SET times = times + 1, old = 0, again = 0, fault = '';
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ledger_recording_moved AFTER UPDATE OF conf ON recording WHEN OLD.conf <> NEW.conf
BEGIN
    INSERT INTO ledger_touched (conf, recording) VALUES (OLD.conf, CASE OLD.conf WHEN '' THEN OLD.id ELSE 0 END)
        ON CONFLICT (conf, recording) DO UPDATE SET times = times + 1, old = 0, again = 0, fault = '';
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ledger_recording AFTER UPDATE OF state, conf, owner, place ON recording
WHEN OLD.conf <> NEW.conf OR OLD.owner <> NEW.owner OR OLD.place <> NEW.place OR OLD.state <> NEW.state AND
    (NEW.state IN ('filed', 'discarded', 'quarantined', 'unusable') OR OLD.state IN ('discarded', 'quarantined', 'unusable'))
BEGIN
    INSERT INTO ledger_touched (conf, recording) VALUES (NEW.conf, CASE NEW.conf WHEN '' THEN NEW.id ELSE 0 END)
        ON CONFLICT (conf, recording) DO UPDATE SET times = times + 1, old = 0, again = 0, fault = '';
END;
-- +goose StatementEnd

-- +goose Down
DROP TRIGGER ledger_recording_moved;
DROP TRIGGER ledger_recording;
DROP TRIGGER ledger_recording_new;
DROP TRIGGER ledger_cdr;
DROP TRIGGER ledger_leg_ended;
DROP TRIGGER ledger_leg_new;
-- +goose StatementBegin
CREATE TRIGGER ledger_leg_new AFTER INSERT ON leg
BEGIN
    DELETE FROM ledger_touched WHERE conf = NEW.conf AND recording = 0;
    INSERT INTO ledger_touched (conf, recording) VALUES (NEW.conf, 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ledger_leg_ended AFTER UPDATE ON leg WHEN OLD.ended <> NEW.ended
BEGIN
    DELETE FROM ledger_touched WHERE conf = NEW.conf AND recording = 0;
    INSERT INTO ledger_touched (conf, recording) VALUES (NEW.conf, 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ledger_cdr AFTER INSERT ON cdr_conf
BEGIN
    DELETE FROM ledger_touched WHERE conf = NEW.conf AND recording = 0;
    INSERT INTO ledger_touched (conf, recording) VALUES (NEW.conf, 0);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ledger_recording_new AFTER INSERT ON recording
BEGIN
    DELETE FROM ledger_touched WHERE conf = NEW.conf AND recording = CASE NEW.conf WHEN '' THEN NEW.id ELSE 0 END;
    INSERT INTO ledger_touched (conf, recording) VALUES (NEW.conf, CASE NEW.conf WHEN '' THEN NEW.id ELSE 0 END);
END;
-- +goose StatementEnd
-- +goose StatementBegin
CREATE TRIGGER ledger_recording AFTER UPDATE OF state, conf, owner, place ON recording
WHEN OLD.conf <> NEW.conf OR OLD.owner <> NEW.owner OR OLD.place <> NEW.place OR OLD.state <> NEW.state AND
    (NEW.state IN ('filed', 'discarded', 'quarantined', 'unusable') OR OLD.state IN ('discarded', 'quarantined', 'unusable'))
BEGIN
    DELETE FROM ledger_touched WHERE conf = NEW.conf AND recording = CASE NEW.conf WHEN '' THEN NEW.id ELSE 0 END;
    INSERT INTO ledger_touched (conf, recording) VALUES (NEW.conf, CASE NEW.conf WHEN '' THEN NEW.id ELSE 0 END);
    DELETE FROM ledger_touched WHERE OLD.conf <> NEW.conf AND conf = OLD.conf AND recording = CASE OLD.conf WHEN '' THEN OLD.id ELSE 0 END;
    INSERT INTO ledger_touched (conf, recording)
        SELECT OLD.conf, CASE OLD.conf WHEN '' THEN OLD.id ELSE 0 END WHERE OLD.conf <> NEW.conf;
END;
-- +goose StatementEnd
ALTER TABLE ledger_touched DROP COLUMN times;
