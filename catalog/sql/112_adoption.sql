-- Ordinary tables become dedicated entities, and dedicated entities ordinary tables; no row is touched. The procedures are
-- what people call: names are resolved by the caller's search_path, so they set none. Re-created on every install.

CREATE OR REPLACE PROCEDURE kameleon.adopt_entity(table_name text, reason text DEFAULT NULL)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM kameleon.adopt(table_name, pg_catalog.to_regclass(table_name), reason);
END
$$;
COMMENT ON PROCEDURE kameleon.adopt_entity IS 'Makes an ordinary table a dedicated entity, so that its rows can be moved into shared storage.';

CREATE OR REPLACE PROCEDURE kameleon.forget_entity(entity_name text, reason text DEFAULT NULL)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM kameleon.forget(entity_name, pg_catalog.to_regclass(entity_name), reason);
END
$$;
COMMENT ON PROCEDURE kameleon.forget_entity IS 'Leaves a dedicated entity as an ordinary table, which Kameleon no longer manages.';

-- What keeps a relation from being an entity, as the end of a sentence; NULLs for a table that can be one.
CREATE OR REPLACE FUNCTION kameleon.adoption_obstacle(relation oid, OUT obstacle text, OUT hint text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT o.obstacle, o.hint
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace,
    LATERAL (VALUES
        (n.nspname = 'kameleon', 'it is one of Kameleon''s own', 'Name a table of yours.'),
        (n.nspname IN ('pg_catalog', 'information_schema', 'pg_toast'), 'it is one of PostgreSQL''s own', 'Name a table of yours.'),
        (c.relkind = 'v', 'it is a view', 'Adopt the tables that it reads: a view needs nothing itself.'),
        (c.relkind = 'm', 'it is a materialized view', 'Adopt the tables that it reads: a view needs nothing itself.'),
        (c.relkind = 'f', 'it is a foreign table', 'Only an ordinary table can be adopted.'),
        (c.relkind = 'p', 'it is partitioned', 'Only an ordinary table can be adopted.'),
        (c.relispartition, 'it is a partition of another table', 'ALTER TABLE ... DETACH PARTITION makes it an ordinary table.'),
        (c.relkind <> 'r', 'it is not a table', 'Only an ordinary table can be adopted.'),
        (c.relpersistence = 't', 'it is a temporary table', 'CREATE TABLE ... AS TABLE ... makes a copy that lasts.')
    ) AS o (applies, obstacle, hint)
    WHERE c.oid = relation AND o.applies
    LIMIT 1
$$;

-- Lets nobody but its owner change what a table is to Kameleon, and nobody else meanwhile.
CREATE OR REPLACE FUNCTION kameleon.lock_own_table(named text, relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known pg_class := (SELECT c FROM pg_class c WHERE c.oid = relation);
BEGIN
    IF known.oid IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_table', MESSAGE = format('relation "%s" does not exist', named);
    END IF;
    IF NOT pg_has_role(kameleon.acting_role(), known.relowner, 'USAGE') THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege',
            MESSAGE = format('must be owner of %s %s', CASE known.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table'
                                                            WHEN 'r' THEN 'table' WHEN 'p' THEN 'table' ELSE 'relation' END, known.relname);
    END IF;
    IF known.relkind = 'r' THEN
        EXECUTE format('LOCK TABLE ONLY %s IN SHARE UPDATE EXCLUSIVE MODE', relation);
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.adopt(table_name text, relation regclass, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS $$
DECLARE
    internal text := coalesce(current_setting('kameleon.internal', true), '');
    own_reason text := coalesce(current_setting('kameleon.reason', true), '');
    own_name name := (SELECT c.relname FROM pg_class c WHERE c.oid = relation);
    why_not record;
    entity int;
BEGIN
    PERFORM kameleon.lock_own_table(table_name, relation);
    IF EXISTS (SELECT FROM kameleon.kdb_entity_definitions e WHERE e.relid = relation) THEN
        RAISE EXCEPTION USING ERRCODE = 'duplicate_object', MESSAGE = format('table "%s" is an entity already', own_name),
            HINT = 'There is nothing to be done; the view kameleon.entities lists them.';
    END IF;
    SELECT o.* INTO why_not FROM kameleon.adoption_obstacle(relation) AS o;
    IF why_not.obstacle IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type', MESSAGE = format('cannot adopt "%s": %s', own_name, why_not.obstacle), HINT = why_not.hint;
    END IF;
    PERFORM set_config('kameleon.internal', 'on', true);
    PERFORM set_config('kameleon.reason', coalesce(reason, own_reason), true);
    entity := kameleon.create_entity(relation, 'dedicated', 'ADOPT ENTITY');
    UPDATE kameleon.kdb_entity_definitions e SET reason = coalesce(adopt.reason, 'it was adopted') WHERE e.entity_id = entity;
    PERFORM set_config('kameleon.reason', own_reason, true);
    PERFORM set_config('kameleon.internal', internal, true);
END
$$;

CREATE OR REPLACE FUNCTION kameleon.forget(entity_name text, relation regclass, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS $$
DECLARE
    internal text := coalesce(current_setting('kameleon.internal', true), '');
    own_reason text := coalesce(current_setting('kameleon.reason', true), '');
    definition kameleon.kdb_entity_definitions;
    tied kameleon.kdb_entity_definitions;
BEGIN
    PERFORM kameleon.lock_own_table(entity_name, relation);
    SELECT e.* INTO definition FROM kameleon.kdb_entity_definitions e WHERE e.relid = relation FOR UPDATE;
    IF definition.entity_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type', MESSAGE = format('"%s" is not an entity', entity_name),
            HINT = 'The view kameleon.entities lists them.';
    END IF;
    IF definition.storage_mode <> 'dedicated' THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('cannot forget table "%s": its rows are kept in shared storage', definition.entity_name),
            HINT = format('CALL kameleon.materialize_entity(%L) first.', format('%I.%I', definition.schema_name, definition.entity_name));
    END IF;
    PERFORM set_config('kameleon.internal', 'on', true);
    PERFORM kameleon.refuse_while_moving(definition.entity_id);
    SELECT f.* INTO tied FROM kameleon.foreign_keys_of(relation) AS k
    JOIN kameleon.kdb_entity_definitions f ON f.relid IN (k.conrelid, k.confrelid) AND f.storage_mode = 'shared' LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('cannot forget table "%s": a foreign key ties it to table "%s", whose rows are kept in shared storage', definition.entity_name, tied.entity_name),
            HINT = format('CALL kameleon.materialize_entity(%L) first.', format('%I.%I', tied.schema_name, tied.entity_name));
    END IF;
    PERFORM set_config('kameleon.reason', coalesce(reason, own_reason), true);
    PERFORM kameleon.log_change(definition.entity_id, 'FORGET ENTITY');
    -- as for a table that is dropped: nothing will be known of it from now on
    UPDATE kameleon.kdb_schema_changelog SET after = NULL
    WHERE change_id = (SELECT max(l.change_id) FROM kameleon.kdb_schema_changelog l WHERE l.entity_id = definition.entity_id);
    PERFORM kameleon.drop_storage(definition.entity_id);
    PERFORM kameleon.notify_session(definition.entity_id::text);
    PERFORM set_config('kameleon.reason', own_reason, true);
    PERFORM set_config('kameleon.internal', internal, true);
END
$$;

-- A table that has a foreign key to this one which cannot refer to documents.
CREATE OR REPLACE FUNCTION kameleon.plain_referrer(relation oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format(CASE c.relkind WHEN 'p' THEN 'partitioned table "%s" references it' ELSE 'table "%s", which is not an entity, references it' END, c.relname)
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    WHERE k.contype = 'f' AND k.confrelid = relation AND k.connamespace <> 'kameleon'::regnamespace AND NOT kameleon.may_be_tied(k.conrelid)
    ORDER BY c.relkind <> 'p', c.relname LIMIT 1
$$;
