-- The foreign keys of and to an entity when its move began. Each entity moves by itself: call_id is the number of its only line.
-- Run once.

ALTER TABLE kameleon.kdb_migrations ADD COLUMN foreign_keys oid[] NOT NULL DEFAULT '{}';
