-- +goose Up
CREATE INDEX recording_capture ON recording (id) WHERE place GLOB '*.pcap';

-- +goose Down
DROP INDEX recording_capture;
