-- +goose Up
-- Several recordings may be of one capture.
CREATE INDEX recording_spool ON recording (spool) WHERE spool <> '';

-- +goose Down
DROP INDEX recording_spool;
