-- The catalog's tables. Run once; later versions add files, they never edit this one.

CREATE SCHEMA IF NOT EXISTS kameleon;
COMMENT ON SCHEMA kameleon IS 'Kameleon: entities, their shared JSONB storage, and the procedures that move them.';
GRANT USAGE ON SCHEMA kameleon TO PUBLIC;

CREATE TABLE kameleon.kdb_entity_definitions (
    entity_id     int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relid         oid NOT NULL UNIQUE,
    schema_name   name NOT NULL,
    entity_name   name NOT NULL,
    storage_mode  text NOT NULL CHECK (storage_mode IN ('shared', 'dedicated')),
    -- grows with every change of shape or storage
    generation    int NOT NULL DEFAULT 0,
    -- the generation in which its present storage was made; part of the names of child, write and insert view.
    -- A change of shape keeps those names, so that PostgreSQL itself lets statements that waited for it go on.
    storage_generation int NOT NULL DEFAULT 1,
    -- true between fill_shell() and the end of the DDL command that it was called for
    shell_filled  boolean NOT NULL DEFAULT false,
    -- pg_class.relacl as it was when the views' grants were last brought in step
    synced_acl    text,
    synced_owner  oid,
    reason        text,
    created_at    timestamptz NOT NULL DEFAULT now(),
    created_by    name NOT NULL DEFAULT session_user
);
COMMENT ON TABLE kameleon.kdb_entity_definitions IS 'One row per entity: a table that Kameleon manages.';

CREATE TABLE kameleon.kdb_field_definitions (
    entity_id      int NOT NULL REFERENCES kameleon.kdb_entity_definitions ON DELETE CASCADE,
    attnum         int2 NOT NULL,
    field_name     name NOT NULL,
    -- the key in the document; never used twice in the life of an entity
    field_key      text NOT NULL,
    type_oid       oid NOT NULL,
    type_modifier  int NOT NULL,
    collation_oid  oid NOT NULL,
    type_name      text NOT NULL,
    -- enum labels or composite attributes, to notice an ALTER TYPE that documents would not survive
    type_signature text,
    -- SQL text of the value that documents written before this field was added are read with
    missing_value  text,
    dropped        boolean NOT NULL DEFAULT false,
    PRIMARY KEY (entity_id, attnum),
    UNIQUE (entity_id, field_key)
);
COMMENT ON TABLE kameleon.kdb_field_definitions IS 'One row per field of an entity, dropped ones included.';

CREATE TABLE kameleon.kdb_index_definitions (
    entity_id     int NOT NULL REFERENCES kameleon.kdb_entity_definitions ON DELETE CASCADE,
    index_relid   oid NOT NULL,
    child_name    name NOT NULL,
    definition    text NOT NULL,
    PRIMARY KEY (entity_id, index_relid)
);
COMMENT ON TABLE kameleon.kdb_index_definitions IS 'Which index over the documents stands for which index of the shell table.';

CREATE TABLE kameleon.kdb_relationship_definitions (
    constraint_oid    oid PRIMARY KEY,
    entity_id         int NOT NULL REFERENCES kameleon.kdb_entity_definitions ON DELETE CASCADE,
    constraint_name   name NOT NULL,
    columns           name[] NOT NULL,
    target_relid      oid NOT NULL,
    target_columns    name[] NOT NULL,
    definition        text NOT NULL
);
COMMENT ON TABLE kameleon.kdb_relationship_definitions IS 'Foreign keys that are declared on entities.';

CREATE TABLE kameleon.kdb_schema_changelog (
    change_id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    entity_id     int,
    schema_name   name,
    entity_name   name,
    generation    int,
    command_tag   text NOT NULL,
    statement     text,
    reason        text,
    changed_by    name NOT NULL,
    session_user_name name NOT NULL DEFAULT session_user,
    changed_at    timestamptz NOT NULL DEFAULT clock_timestamp()
);
COMMENT ON TABLE kameleon.kdb_schema_changelog IS 'Every change of an entity''s shape or storage: who, when, what, why.';

CREATE TABLE kameleon.kdb_records (
    entity_id  int NOT NULL,
    data       jsonb NOT NULL DEFAULT '{}'
);
COMMENT ON TABLE kameleon.kdb_records IS 'The documents of all shared entities; physically one child table per entity and generation of its storage.';

-- Attaching a child locks its parent until the transaction ends, so a single parent would make one open
-- transaction with a CREATE TABLE hold up every other one. Children hang below one of these instead;
-- kameleon.free_bucket() picks one that no other open transaction is using.
DO $$
BEGIN
    FOR bucket IN 0 .. 31 LOOP
        EXECUTE format('CREATE TABLE kameleon.kdb_records_bucket_%s () INHERITS (kameleon.kdb_records)', bucket);
    END LOOP;
END
$$;
