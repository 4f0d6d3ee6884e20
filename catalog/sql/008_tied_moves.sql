-- The foreign keys of and to an entity when its move began. Run once.

ALTER TABLE kameleon.kdb_migrations ADD COLUMN foreign_keys oid[] NOT NULL DEFAULT '{}';
