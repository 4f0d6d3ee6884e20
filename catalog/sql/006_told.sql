-- When a client was last told of a suggestion, by whatever proxy, and which statements it came of. Run once.

ALTER TABLE kameleon.kdb_suggestions ADD COLUMN last_told timestamptz, ADD COLUMN shape_ids bigint[] NOT NULL DEFAULT '{}';
