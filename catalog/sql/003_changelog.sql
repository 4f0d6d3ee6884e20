-- What an entity was before each change, and after it. Run once.

ALTER TABLE kameleon.kdb_schema_changelog ADD COLUMN before jsonb, ADD COLUMN after jsonb;
COMMENT ON COLUMN kameleon.kdb_schema_changelog.before IS 'As after, before the change; NULL where nothing was known of it.';
COMMENT ON COLUMN kameleon.kdb_schema_changelog.after IS 'Name, schema, storage, fields, constraints and indexes of the table; NULL where the table was dropped or forgotten.';
CREATE INDEX kdb_schema_changelog_of_entity ON kameleon.kdb_schema_changelog (entity_id, change_id);
