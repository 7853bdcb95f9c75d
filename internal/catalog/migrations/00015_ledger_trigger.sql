-- +goose Up
-- The same as before without a list in memory, which cost as much as all the rest of it at each step of a call.
DROP TRIGGER ledger_recording;
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

-- +goose Down
DROP TRIGGER ledger_recording;
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
