-- What people call. Names are resolved by the caller's search_path, so the procedures themselves set none. Re-created on
-- every install.
--
-- Either way the tables are locked while their rows move.

CREATE OR REPLACE PROCEDURE kameleon.materialize_entity(entity_name text, reason text DEFAULT NULL)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM kameleon.change_storage(entity_name, pg_catalog.to_regclass(entity_name), 'dedicated', reason);
END
$$;
COMMENT ON PROCEDURE kameleon.materialize_entity IS 'Moves a table''s rows from shared storage into the table itself, and those of the tables that foreign keys tie to it.';

CREATE OR REPLACE PROCEDURE kameleon.dematerialize_entity(entity_name text, reason text DEFAULT NULL)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM kameleon.change_storage(entity_name, pg_catalog.to_regclass(entity_name), 'shared', reason);
END
$$;
COMMENT ON PROCEDURE kameleon.dematerialize_entity IS 'Moves a table''s rows into shared storage, and those of the tables that foreign keys tie to it.';

CREATE OR REPLACE FUNCTION kameleon.change_storage(entity_name text, relation regclass, mode text, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    definition kameleon.kdb_entity_definitions;
    internal text := coalesce(current_setting('kameleon.internal', true), '');
    why text := coalesce(reason, 'its owner asked for it');
BEGIN
    IF relation IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_table', MESSAGE = format('relation "%s" does not exist', entity_name);
    END IF;
    SELECT e.* INTO definition FROM kameleon.kdb_entity_definitions e WHERE e.relid = relation;
    IF definition.entity_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type', MESSAGE = format('"%s" is not an entity', entity_name),
            HINT = 'The view kameleon.entities lists them.';
    END IF;
    IF NOT pg_has_role(kameleon.acting_role(), (SELECT c.relowner FROM pg_class c WHERE c.oid = relation), 'USAGE') THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('must be owner of table %s', definition.entity_name);
    END IF;
    IF definition.storage_mode = mode THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('table "%s" is kept in %s storage already', definition.entity_name, mode),
            HINT = 'There is nothing to be done.';
    END IF;
    PERFORM set_config('kameleon.internal', 'on', true);
    IF mode = 'dedicated' THEN
        PERFORM kameleon.make_dedicated(relation, why, 'MATERIALIZE ENTITY');
    ELSE
        PERFORM kameleon.make_shared(relation, why, 'DEMATERIALIZE ENTITY');
    END IF;
    PERFORM set_config('kameleon.internal', internal, true);
END
$$;
