-- +goose Up
-- A CDR came while a worker had the recording: its next step is due at once.
ALTER TABLE recording ADD COLUMN woken INTEGER NOT NULL DEFAULT 0;
CREATE INDEX leg_began ON leg (pbx, cn, began);
CREATE INDEX leg_ended ON leg (ended);
CREATE INDEX recording_content ON recording (sha256) WHERE sha256 <> '';
CREATE INDEX recording_uid ON recording (uid);
CREATE TABLE health (
    id    INTEGER PRIMARY KEY CHECK (id = 1),
    ticks INTEGER NOT NULL                    -- written to see that the database can be
);
INSERT INTO health (id, ticks) VALUES (1, 0);

-- +goose Down
DROP TABLE health;
DROP INDEX recording_uid;
DROP INDEX recording_content;
DROP INDEX leg_ended;
DROP INDEX leg_began;
ALTER TABLE recording DROP COLUMN woken;
