-- +goose Up
-- Calls are found by the TAN that the agent gave them.
CREATE INDEX recording_tan ON recording (json_extract(doc, '$.call.tan')) WHERE json_extract(doc, '$.call.tan') IS NOT NULL;

-- +goose Down
DROP INDEX recording_tan;
