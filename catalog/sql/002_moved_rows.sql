-- When an entity's rows were last moved between documents and table. Run once.

ALTER TABLE kameleon.kdb_entity_definitions ADD COLUMN moved_by xid8;
COMMENT ON COLUMN kameleon.kdb_entity_definitions.moved_by IS 'The transaction that moved the rows: an older snapshot sees none of them.';
