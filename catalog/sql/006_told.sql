-- When a client was last told of a suggestion, by whatever proxy. Run once.

ALTER TABLE kameleon.kdb_suggestions ADD COLUMN last_told timestamptz;
