-- What happens when DDL meets an entity: the event triggers and what they call. Re-created on every install.

-- The role that the client acts as; inside a SECURITY DEFINER function current_user is the installer.
CREATE OR REPLACE FUNCTION kameleon.acting_role() RETURNS name
LANGUAGE sql STABLE AS $$
    SELECT CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role')::name END
$$;

-- What the changelog tells of an entity: NULL when its table is gone.
CREATE OR REPLACE FUNCTION kameleon.entity_shape(entity int) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT jsonb_build_object(
        'schema', n.nspname, 'name', c.relname, 'storage', e.storage_mode,
        'fields', (SELECT coalesce(jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                              'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull,
                              'default', CASE a.attgenerated WHEN '' THEN pg_get_expr(d.adbin, d.adrelid) END,
                              'generated', CASE a.attgenerated WHEN '' THEN NULL ELSE pg_get_expr(d.adbin, d.adrelid) END,
                              'identity', CASE a.attidentity WHEN 'a' THEN 'always' WHEN 'd' THEN 'by default' END)) ORDER BY a.attnum), '[]')
                   FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
                   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
        'constraints', (SELECT coalesce(jsonb_object_agg(k.conname, pg_get_constraintdef(k.oid)), '{}')
                        FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('c', 'f', 'p', 'u', 'x') AND k.connamespace <> 'kameleon'::regnamespace),
        'indexes', (SELECT coalesce(jsonb_object_agg(i.relname, pg_get_indexdef(i.oid)), '{}')
                    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
                    WHERE x.indrelid = c.oid AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.oid AND k.conrelid = c.oid)))
    FROM kameleon.kdb_entity_definitions e JOIN pg_class c ON c.oid = e.relid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE e.entity_id = entity
$$;

DROP FUNCTION IF EXISTS kameleon.log_change(int, text);
CREATE OR REPLACE FUNCTION kameleon.log_change(entity int, tag text, why text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO kameleon.kdb_schema_changelog
        (change_id, entity_id, schema_name, entity_name, generation, command_tag, statement, reason, changed_by, before, after)
    OVERRIDING SYSTEM VALUE
    SELECT kameleon.next_number('kameleon.kdb_schema_changelog', 'change_id'), e.entity_id, e.schema_name, e.entity_name, e.generation, tag, current_query(),
           coalesce(nullif(current_setting('kameleon.reason', true), ''), why), kameleon.acting_role(),
           (SELECT l.after FROM kameleon.kdb_schema_changelog l WHERE l.entity_id = entity ORDER BY l.change_id DESC LIMIT 1),
           kameleon.entity_shape(entity)
    FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.create_entity(relation oid, mode text, tag text) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entity int;
    why_not text;
    row_count bigint;
BEGIN
    IF mode = 'shared' THEN
        why_not := kameleon.obstacle(relation);
        IF why_not IS NOT NULL THEN
            RAISE NOTICE 'table "%" is kept in dedicated storage: %', (SELECT relname FROM pg_class WHERE oid = relation), why_not;
            mode := 'dedicated';
        END IF;
    END IF;
    INSERT INTO kameleon.kdb_entity_definitions (entity_id, relid, schema_name, entity_name, storage_mode, reason, created_by, synced_acl, synced_owner)
    OVERRIDING SYSTEM VALUE
    SELECT kameleon.next_number('kameleon.kdb_entity_definitions', 'entity_id'), c.oid, n.nspname, c.relname, mode, why_not, kameleon.acting_role(), c.relacl::text, c.relowner
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = relation
    RETURNING entity_id INTO entity;
    IF mode = 'shared' THEN
        PERFORM kameleon.build_storage(entity);
        IF tag IN ('CREATE TABLE AS', 'SELECT INTO') THEN
            PERFORM kameleon.drain_shell(entity);
        END IF;
    ELSE
        PERFORM kameleon.sync_fields(entity, relation);
        UPDATE kameleon.kdb_entity_definitions SET generation = 1 WHERE entity_id = entity;
    END IF;
    PERFORM kameleon.log_change(entity, tag);
    PERFORM kameleon.notify_session(entity::text);
    RETURN entity;
END
$$;

-- Brings an entity in step after DDL on its shell; `shape`: whether more than an index may have changed.
CREATE OR REPLACE FUNCTION kameleon.sync_entity(entity int, tag text, shape boolean DEFAULT true) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    definition kameleon.kdb_entity_definitions;
    why_not text;
BEGIN
    UPDATE kameleon.kdb_entity_definitions e SET schema_name = n.nspname, entity_name = c.relname
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE e.entity_id = entity AND c.oid = e.relid
    RETURNING e.* INTO definition;
    IF definition.entity_id IS NULL THEN
        RETURN;
    END IF;
    PERFORM kameleon.refuse_while_moving(entity);
    IF definition.storage_mode = 'shared' THEN
        IF EXISTS (SELECT FROM kameleon.kdb_field_definitions f
                   JOIN pg_attribute a ON a.attrelid = definition.relid AND a.attnum = f.attnum AND NOT a.attisdropped
                   WHERE f.entity_id = entity AND NOT f.dropped AND NOT definition.shell_filled
                     AND (a.atttypid, a.atttypmod, a.attcollation) <> (f.type_oid, f.type_modifier, f.collation_oid)) THEN
            RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
                MESSAGE = format('cannot change the type of a column of table "%s", which is kept in shared storage, past Kameleon', definition.entity_name),
                HINT = 'Connect through Kameleon''s port.';
        END IF;
        why_not := kameleon.obstacle(definition.relid);
        IF why_not IS NULL AND (shape OR definition.shell_filled) THEN
            why_not := kameleon.body_obstacle(definition.relid);
        END IF;
        IF why_not IS NOT NULL THEN
            PERFORM kameleon.make_dedicated(definition.relid, why_not, tag);
            RETURN;
        END IF;
        IF definition.shell_filled THEN
            -- what is built below must not look at documents of the old shape; every document will have a value of its own
            PERFORM kameleon.empty_documents(entity);
            UPDATE kameleon.kdb_field_definitions f SET missing_value = NULL WHERE f.entity_id = entity AND f.missing_value IS NOT NULL;
        END IF;
        IF shape OR definition.shell_filled THEN
            PERFORM kameleon.build_storage(entity);
        ELSE
            PERFORM kameleon.sync_indexes(entity);
        END IF;
        IF EXISTS (SELECT FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity AND e.storage_mode = 'dedicated') THEN
            -- what it now is a routine cannot use as documents
            RETURN;
        END IF;
        IF definition.shell_filled THEN
            PERFORM kameleon.drain_shell(entity);
        END IF;
    ELSE
        PERFORM kameleon.sync_fields(entity, definition.relid);
        UPDATE kameleon.kdb_entity_definitions SET generation = generation + 1 WHERE entity_id = entity;
    END IF;
    PERFORM kameleon.log_change(entity, tag);
    PERFORM kameleon.notify_session(entity::text);
END
$$;

-- Puts an entity's rows into its shell, so that the DDL command that follows sees them as rows of the table.
-- The end of that command drains them into documents again (kameleon.drain_shell). `related`: the tables that foreign
-- keys tie it to, too, for a command that makes PostgreSQL check those keys again. `referenced`: tables that the command
-- makes it, an entity or not, refer to. A dedicated entity has its rows: `related` is of those that are tied to it.
DROP FUNCTION IF EXISTS kameleon.fill_shell(regclass, boolean);
CREATE OR REPLACE FUNCTION kameleon.fill_shell(shell regclass, related boolean DEFAULT false, referenced oid[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS $$
BEGIN
    -- without the right to alter the table the statement itself fails, in PostgreSQL's words
    IF NOT pg_has_role(kameleon.acting_role(), (SELECT relowner FROM pg_class WHERE oid = shell), 'USAGE') THEN
        RETURN;
    END IF;
    PERFORM kameleon.fill_shells(shell, related);
    IF related AND NOT EXISTS (SELECT FROM kameleon.kdb_entity_definitions e WHERE e.relid = shell AND e.storage_mode = 'shared') THEN
        PERFORM kameleon.fill_neighbours(shell);
    END IF;
    PERFORM kameleon.fill_shells(r.relid::regclass, false) FROM unnest(referenced) AS r (relid)
    WHERE has_any_column_privilege(kameleon.acting_role(), r.relid, 'REFERENCES');
END
$$;

-- Takes the guard away from a shell that stays empty, until the end of the command that follows.
CREATE OR REPLACE FUNCTION kameleon.open_shell(shell regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS $$
DECLARE
    internal text := coalesce(current_setting('kameleon.internal', true), '');
    definition kameleon.kdb_entity_definitions;
BEGIN
    SELECT e.* INTO definition FROM kameleon.kdb_entity_definitions e WHERE e.relid = shell AND e.storage_mode = 'shared';
    IF pg_has_role(kameleon.acting_role(), (SELECT relowner FROM pg_class WHERE oid = definition.relid), 'USAGE') THEN
        PERFORM set_config('kameleon.internal', 'on', true);
        EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', shell);
        PERFORM kameleon.refuse_while_moving(definition.entity_id);
        PERFORM kameleon.lift_guard(definition.entity_id);
        PERFORM set_config('kameleon.internal', internal, true);
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.fill_shells(shell regclass, related boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    definition kameleon.kdb_entity_definitions;
    internal text := coalesce(current_setting('kameleon.internal', true), '');
BEGIN
    SELECT e.* INTO definition FROM kameleon.kdb_entity_definitions e WHERE e.relid = shell;
    IF definition.entity_id IS NULL OR definition.storage_mode <> 'shared' OR definition.shell_filled THEN
        RETURN;
    END IF;
    PERFORM kameleon.refuse_while_moving(definition.entity_id);
    PERFORM set_config('kameleon.internal', 'on', true);
    EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', shell);
    PERFORM kameleon.lock_storage(definition.entity_id);
    UPDATE kameleon.kdb_entity_definitions SET shell_filled = true WHERE entity_id = definition.entity_id;
    PERFORM kameleon.lift_guard(definition.entity_id);
    IF kameleon.has_documents(definition) THEN
        PERFORM kameleon.refuse_unseen_documents(definition);
        PERFORM kameleon.fill_from_documents(definition);
    END IF;
    PERFORM set_config('kameleon.internal', internal, true);
    IF related THEN
        PERFORM kameleon.fill_neighbours(shell);
    END IF;
END
$$;

-- Fills the shells that foreign keys tie to a table, and those tied to them.
CREATE OR REPLACE FUNCTION kameleon.fill_neighbours(relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    neighbour regclass;
BEGIN
    FOR neighbour IN
        SELECT c.confrelid FROM kameleon.foreign_keys_of(relation) AS c WHERE c.conrelid = relation AND c.connamespace <> 'kameleon'::regnamespace
        UNION SELECT c.conrelid FROM kameleon.foreign_keys_of(relation) AS c WHERE c.confrelid = relation AND c.connamespace <> 'kameleon'::regnamespace
    LOOP
        PERFORM kameleon.fill_shells(neighbour, true);
    END LOOP;
END
$$;

-- Whether there may be any. Whatever this transaction's snapshot sees of them: a table of no size has never had one.
CREATE OR REPLACE FUNCTION kameleon.has_documents(definition kameleon.kdb_entity_definitions) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN pg_relation_size(format('kameleon.%I', kameleon.child_name(definition))::regclass) > 0;
END
$$;

-- Above READ COMMITTED the transaction may not see all the documents that it is about to move. ALTER TABLE, which is made to
-- count them, looks at those that there are.
CREATE OR REPLACE FUNCTION kameleon.refuse_unseen_documents(definition kameleon.kdb_entity_definitions) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    child text := format('kameleon.%I', kameleon.child_name(definition));
    seen text;
BEGIN
    IF current_setting('transaction_isolation') IN ('read committed', 'read uncommitted') THEN
        RETURN;
    END IF;
    PERFORM set_config('kameleon.counted', '0 0', true);
    EXECUTE format('ALTER TABLE %s ADD CONSTRAINT kdb_counted CHECK (kameleon.count_document(data))', child);
    EXECUTE format('ALTER TABLE %s DROP CONSTRAINT kdb_counted', child);
    EXECUTE format('SELECT concat(count(*), '' '', coalesce(sum(jsonb_hash_extended(data, 0)), 0)) FROM ONLY %s', child) INTO seen;
    IF seen <> current_setting('kameleon.counted') THEN
        RAISE EXCEPTION USING ERRCODE = 'serialization_failure', MESSAGE = 'could not serialize access due to concurrent update',
            DETAIL = format('Rows of table "%s", which this command moves, have been written since the transaction began.', definition.entity_name),
            HINT = 'The transaction might succeed if retried.';
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.count_document(data jsonb) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    counted text[] := string_to_array(current_setting('kameleon.counted'), ' ');
BEGIN
    PERFORM set_config('kameleon.counted', concat(counted[1]::bigint + 1, ' ', counted[2]::numeric + jsonb_hash_extended(data, 0)), true);
    RETURN true;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.fill_from_documents(definition kameleon.kdb_entity_definitions) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    shell regclass := definition.relid;
    replication_role text := current_setting('session_replication_role');
    set_aside text;
    put_back text;
    proven text[];
BEGIN
    PERFORM set_config('session_replication_role', 'replica', true);
    -- rows need not satisfy a constraint that is NOT VALID (nor need those of a table that inherits from this one now), nor what a failed CREATE INDEX CONCURRENTLY left
    UPDATE pg_index SET indisready = false WHERE indrelid = shell AND indisready AND NOT indisvalid;
    SELECT string_agg(format('DROP CONSTRAINT %I', c.conname), ', '),
           format('ALTER TABLE %s ', shell) || string_agg(format('ADD CONSTRAINT %I %s', c.conname, pg_get_constraintdef(c.oid)), ', ')
           || coalesce(string_agg(format('; COMMENT ON CONSTRAINT %I ON %s IS %L', c.conname, shell, obj_description(c.oid, 'pg_constraint')), '')
                       FILTER (WHERE obj_description(c.oid, 'pg_constraint') IS NOT NULL), '')
    INTO set_aside, put_back
    FROM pg_constraint c WHERE c.conrelid = shell AND c.contype IN ('c', 'n') AND NOT c.convalidated;
    IF set_aside IS NOT NULL THEN
        -- those that inherit it may have been found to satisfy it, as a new table is
        proven := ARRAY(WITH RECURSIVE heirs (relid) AS (SELECT inhrelid FROM pg_inherits WHERE inhparent = shell
                                                         UNION SELECT i.inhrelid FROM pg_inherits i JOIN heirs h ON i.inhparent = h.relid)
                        SELECT concat(c.conrelid, ' ', c.conname) FROM heirs JOIN pg_constraint c ON c.conrelid = relid
                        WHERE c.contype IN ('c', 'n') AND c.coninhcount > 0 AND c.convalidated);
        EXECUTE format('ALTER TABLE %s %s', shell, set_aside);
    END IF;
    PERFORM kameleon.run_unhindered(definition, kameleon.fill_statement(definition));
    IF put_back IS NOT NULL THEN
        EXECUTE put_back;
        UPDATE pg_constraint c SET convalidated = true
        WHERE NOT c.convalidated AND c.contype IN ('c', 'n') AND concat(c.conrelid, ' ', c.conname) = ANY (proven);
    END IF;
    PERFORM set_config('session_replication_role', replication_role, true);
END
$$;

-- Runs a statement over the shell and the read view as the owner, who may have given up privileges on the table, or lost those
-- on its schema.
CREATE OR REPLACE FUNCTION kameleon.run_unhindered(definition kameleon.kdb_entity_definitions, statement text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    read_view text := format('kameleon.%I', 'kdb_read_' || definition.entity_id);
    shell record;
    may_read boolean;
    may_name boolean;
BEGIN
    SELECT c.relowner, c.relacl::text AS acl, c.relforcerowsecurity AS forced, n.oid AS schema, n.nspacl INTO shell
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = definition.relid;
    may_read := has_table_privilege(shell.relowner, read_view, 'SELECT');
    may_name := has_schema_privilege(shell.relowner, shell.schema, 'USAGE');
    IF NOT may_name THEN
        EXECUTE format('GRANT USAGE ON SCHEMA %s TO %I', shell.schema::regnamespace, pg_get_userbyid(shell.relowner));
    END IF;
    UPDATE pg_class SET relacl = NULL, relforcerowsecurity = false WHERE oid = definition.relid AND (relacl IS NOT NULL OR relforcerowsecurity);
    IF NOT may_read THEN
        EXECUTE format('GRANT SELECT ON %s TO %I', read_view, pg_get_userbyid(shell.relowner));
    END IF;
    PERFORM kameleon.run_as_owner(definition.entity_id, statement);
    IF NOT may_read THEN
        EXECUTE format('REVOKE SELECT ON %s FROM %I', read_view, pg_get_userbyid(shell.relowner));
    END IF;
    UPDATE pg_class SET relacl = shell.acl::aclitem[], relforcerowsecurity = shell.forced WHERE oid = definition.relid AND (shell.acl IS NOT NULL OR shell.forced);
    IF NOT may_name THEN
        EXECUTE format('REVOKE USAGE ON SCHEMA %s FROM %I', shell.schema::regnamespace, pg_get_userbyid(shell.relowner));
        UPDATE pg_namespace SET nspacl = shell.nspacl WHERE oid = shell.schema;
    END IF;
END
$$;

-- Copies the rows as the views still give them into the shell, whose columns may have been renamed, added or dropped since.
CREATE OR REPLACE FUNCTION kameleon.fill_statement(definition kameleon.kdb_entity_definitions) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('INSERT INTO %s %s SELECT %s FROM kameleon.%I', (definition).relid::regclass,
                  '(' || string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) || ') OVERRIDING SYSTEM VALUE',
                  string_agg(quote_ident(f.field_name), ', ' ORDER BY a.attnum),
                  -- a view of columns that are all gone may name functions that are gone with their types
                  CASE WHEN count(*) = 0 THEN kameleon.child_name(definition) ELSE 'kdb_read_' || (definition).entity_id END)
    FROM pg_attribute a JOIN kameleon.kdb_field_definitions f ON f.attnum = a.attnum AND NOT f.dropped
    WHERE a.attrelid = (definition).relid AND f.entity_id = (definition).entity_id AND NOT a.attisdropped AND a.attgenerated = ''
$$;

-- Moves the rows that stand in the shell into documents.
CREATE OR REPLACE FUNCTION kameleon.drain_shell(entity int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    definition kameleon.kdb_entity_definitions;
BEGIN
    SELECT e.* INTO STRICT definition FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity;
    IF definition.shell_filled THEN
        PERFORM kameleon.empty_documents(entity);
        -- every document is written anew, with all its fields and no others
        DELETE FROM kameleon.kdb_field_definitions WHERE entity_id = entity AND dropped;
    END IF;
    IF pg_relation_size(definition.relid) = 0 THEN
        UPDATE kameleon.kdb_entity_definitions SET shell_filled = false WHERE entity_id = entity;
    ELSE
        PERFORM kameleon.drain_rows(definition);
    END IF;
END
$$;

-- By itself, because a change of session_replication_role makes PostgreSQL forget the plans of all queries of the session.
CREATE OR REPLACE FUNCTION kameleon.drain_rows(definition kameleon.kdb_entity_definitions) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET session_replication_role = 'replica' AS $$
DECLARE
    entity int := definition.entity_id;
    child text := kameleon.child_name(definition);
    keys record;
BEGIN
    PERFORM kameleon.lift_guard(entity);
    -- the rows were a table's: they are taken as they are, also where they violate a NOT VALID constraint
    EXECUTE format('ALTER TABLE kameleon.%I DISABLE TRIGGER USER', child);
    SELECT coalesce(string_agg(format(', %I', k.column_name), '' ORDER BY k.attnum), '') AS names,
           coalesce(string_agg(format(', kdb_row.%I', f.field_name), '' ORDER BY k.attnum), '') AS values
    INTO keys
    FROM kameleon.key_columns(entity) AS k JOIN kameleon.kdb_field_definitions f ON f.entity_id = entity AND f.attnum = k.attnum
    WHERE k.is_current;
    PERFORM kameleon.run_unhindered(definition,
        format('INSERT INTO kameleon.%I (data%s) SELECT %s%s FROM ONLY %s AS kdb_row', child, keys.names,
               kameleon.pack_stored(entity, 'kdb_row.%I'), keys.values, definition.relid::regclass));
    PERFORM kameleon.always_fire(entity);
    EXECUTE format('DELETE FROM ONLY %s', definition.relid::regclass);
    UPDATE kameleon.kdb_entity_definitions SET shell_filled = false, moved_by = pg_current_xact_id() WHERE entity_id = entity;
    PERFORM kameleon.sync_grants(entity);
    PERFORM kameleon.set_guard(entity);
END
$$;

-- As pack_expression, with the values of stored generated columns taken as they are.
CREATE OR REPLACE FUNCTION kameleon.pack_stored(entity int, source text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    generated text;
BEGIN
    SELECT string_agg(CASE WHEN kameleon.base_type(d.type_oid) = 'jsonb'::regtype
                           THEN format('kameleon.json_field(%L, %s::jsonb)', d.field_key, format(source, d.field_name))
                           ELSE format('jsonb_strip_nulls(jsonb_build_object(%L, %s))', d.field_key,
                                       kameleon.write_expression(format(source, d.field_name), d.type_oid)) END, ' || ')
    INTO generated
    FROM kameleon.kdb_field_definitions d
    JOIN kameleon.kdb_entity_definitions e USING (entity_id)
    JOIN pg_attribute a ON a.attrelid = e.relid AND a.attnum = d.attnum
    WHERE d.entity_id = entity AND NOT d.dropped AND a.attgenerated = 's';
    RETURN kameleon.pack_expression(entity, source) || coalesce(' || ' || generated, '');
END
$$;

-- Behind an extension's script: what is made while it runs belongs to the extension, as shadows and twins must not.
CREATE OR REPLACE FUNCTION kameleon.follow_extension(extension oid, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    member pg_depend;
BEGIN
    FOR member IN
        SELECT d.* FROM pg_depend d LEFT JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
        WHERE d.refclassid = 'pg_extension'::regclass AND d.refobjid = extension AND d.deptype = 'e'
          AND (d.classid = 'pg_proc'::regclass OR c.relkind IN ('v', 'm'))
        ORDER BY d.objid
    LOOP
        IF member.classid = 'pg_class'::regclass THEN
            PERFORM kameleon.sync_view(member.objid);
        ELSIF EXISTS (SELECT FROM pg_proc p WHERE p.oid = member.objid AND p.prosqlbody IS NOT NULL) THEN
            PERFORM kameleon.follow_routine(member.objid, tag);
        END IF;
    END LOOP;
    IF tag = 'ALTER EXTENSION' THEN
        PERFORM kameleon.dedicate_where_needed(tag);
    END IF;
END
$$;

-- Whether a function of an extension's is among those that run, by its name in PL/pgSQL's PG_CONTEXT. What such a function makes, it
-- and its like will use in statements that no rewriter sees: PostGIS's topologies, history tables.
CREATE OR REPLACE FUNCTION kameleon.is_in_extensions_function(context text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN strpos(context, E'\n') > 0 AND EXISTS (
        SELECT FROM regexp_matches(context, '^(?:PL/pgSQL|SQL) function (?:[\w$]+\.)?"?([\w$]+)', 'gn') AS f (found)
        JOIN pg_proc p ON p.proname = f.found[1] AND p.oid >= 16384
        JOIN pg_depend d ON d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e');
END
$$;

-- The queries of all that is called are looked up by what they are given: a plan made once, whatever it is given, is as good
-- as a new one, and many a session runs only a few commands.
CREATE OR REPLACE FUNCTION kameleon.on_ddl_command_end() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    command record;
    entity int;
    storage text;
    seen int[] := '{}';
    privileges_changed boolean := false;
    open_shells int[];
    context text;
BEGIN
    IF coalesce(current_setting('kameleon.internal', true), '') = 'on' THEN
        RETURN;
    END IF;
    PERFORM set_config('kameleon.internal', 'on', true);
    storage := current_setting('kameleon.default_storage', true);
    FOR command IN SELECT * FROM pg_event_trigger_ddl_commands() LOOP
        entity := NULL;
        IF command.command_tag IN ('CREATE TABLE AS', 'SELECT INTO') AND command.object_type = 'table' THEN
            PERFORM kameleon.show_row_types(command.objid);
        END IF;
        IF command.command_tag = 'CREATE TABLE' AND command.object_type = 'table' THEN
            PERFORM kameleon.drop_copied_guard(command.objid);
        END IF;
        IF command.schema_name = 'pg_temp' THEN
            PERFORM kameleon.notify_session('names');
            IF command.classid = 'pg_class'::regclass THEN
                PERFORM kameleon.dedicate_parents(command.objid, command.command_tag);
            ELSIF command.object_type IN ('function', 'procedure') AND NOT command.in_extension THEN
                PERFORM kameleon.follow_routine(command.objid, command.command_tag);
            END IF;
        ELSIF command.schema_name = 'kameleon' THEN
            -- the first schema of a role called kameleon is this one: its tables would be no entities
            IF command.command_tag LIKE 'CREATE TABLE%' OR command.command_tag = 'SELECT INTO' THEN
                RAISE EXCEPTION USING ERRCODE = 'reserved_name',
                    MESSAGE = format('cannot create %s: schema "kameleon" is reserved', command.object_identity),
                    HINT = 'Name another schema, or SET search_path = public.';
            END IF;
            CONTINUE;
        ELSIF command.command_tag IN ('GRANT', 'REVOKE') THEN
            privileges_changed := true;
        ELSIF command.command_tag IN ('CREATE TABLE', 'CREATE TABLE AS', 'SELECT INTO') AND command.object_type = 'table' THEN
            PERFORM kameleon.dedicate_parents(command.objid, command.command_tag);
            IF storage IN ('shared', 'dedicated')
               AND NOT EXISTS (SELECT FROM kameleon.kdb_entity_definitions e WHERE e.relid = command.objid)
               AND command.schema_name NOT IN ('information_schema', 'pg_catalog', 'pg_toast') THEN
                GET DIAGNOSTICS context = PG_CONTEXT;
                seen := seen || kameleon.create_entity(command.objid, CASE WHEN command.in_extension OR kameleon.is_in_extensions_function(context) THEN 'dedicated'
                                                                           ELSE storage END, command.command_tag);
            ELSIF storage IN ('shared', 'dedicated') THEN
                PERFORM kameleon.notify_session('names');
            END IF;
            PERFORM kameleon.dedicate_referenced(command.objid, command.command_tag);
        ELSIF command.object_type IN ('table', 'table column', 'table constraint') THEN
            PERFORM kameleon.dedicate_parents(command.objid, command.command_tag);
            PERFORM kameleon.dedicate_referenced(command.objid, command.command_tag);
            SELECT e.entity_id INTO entity FROM kameleon.kdb_entity_definitions e
            WHERE e.relid = CASE WHEN command.classid = 'pg_constraint'::regclass
                                 THEN (SELECT c.conrelid FROM pg_constraint c WHERE c.oid = command.objid) ELSE command.objid END;
        ELSIF command.command_tag = 'REINDEX' THEN
            PERFORM kameleon.reindex_documents(command.objid);
        ELSIF command.object_type = 'index' THEN
            SELECT e.entity_id INTO entity FROM kameleon.kdb_entity_definitions e
            WHERE e.relid = (SELECT i.indrelid FROM pg_index i WHERE i.indexrelid = command.objid);
        ELSIF command.object_type IN ('trigger', 'rule', 'policy', 'statistics object') THEN
            PERFORM kameleon.dedicate_used_by(command.classid, command.objid, command.command_tag);
        ELSIF command.object_type = 'extension' THEN
            PERFORM kameleon.follow_extension(command.objid, command.command_tag);
        ELSIF command.object_type IN ('function', 'procedure') THEN
            IF NOT command.in_extension THEN
                PERFORM kameleon.follow_routine(command.objid, command.command_tag);
                PERFORM kameleon.dedicate_for_triggers(command.objid, command.command_tag);
            END IF;
        ELSIF command.command_tag LIKE '%PUBLICATION' OR command.command_tag = 'CREATE CAST' THEN
            PERFORM kameleon.dedicate_where_needed(tg_tag);
        ELSIF command.command_tag = 'ALTER DOMAIN' THEN
            PERFORM kameleon.follow_domain(command.objid, command.command_tag);
        ELSIF command.command_tag = 'ALTER SCHEMA' THEN
            FOR entity IN SELECT e.entity_id FROM kameleon.kdb_entity_definitions e JOIN pg_class c ON c.oid = e.relid WHERE c.relnamespace = command.objid LOOP
                PERFORM kameleon.sync_entity(entity, command.command_tag);
            END LOOP;
            entity := NULL;
            PERFORM kameleon.notify_session(d.view_id::text)
            FROM kameleon.kdb_view_definitions d JOIN pg_class c ON c.oid = d.relid WHERE c.relnamespace = command.objid;
        ELSIF command.object_type IN ('view', 'materialized view', 'view column', 'materialized view column', 'foreign table', 'sequence') THEN
            PERFORM kameleon.notify_session('names');
            IF command.object_type = 'foreign table' THEN
                PERFORM kameleon.dedicate_parents(command.objid, command.command_tag);
            END IF;
        END IF;
        IF command.command_tag LIKE 'ALTER %' THEN
            PERFORM kameleon.follow_names(command.classid, command.objid, command.command_tag);
        END IF;
        IF command.object_type = 'materialized view' AND command.command_tag LIKE ANY ('{CREATE %,ALTER %}') THEN
            PERFORM kameleon.notify_session(e.entity_id::text)
            FROM pg_class c JOIN kameleon.kdb_entity_definitions e ON e.entity_name = c.relname WHERE c.oid = command.objid;
        END IF;
        IF command.classid = 'pg_class'::regclass AND command.objid IN (SELECT c.oid FROM pg_class c WHERE c.relkind IN ('v', 'm'))
           AND command.command_tag NOT IN ('COMMENT', 'SECURITY LABEL', 'REFRESH MATERIALIZED VIEW') AND NOT command.in_extension THEN
            PERFORM kameleon.sync_view(command.objid);
        END IF;
        IF command.command_tag = 'COMMENT' THEN
            entity := NULL;
        END IF;
        IF entity IS NOT NULL AND NOT entity = ANY (seen) THEN
            seen := seen || entity;
            PERFORM kameleon.sync_entity(entity, command.command_tag, shape => command.object_type <> 'index');
        END IF;
    END LOOP;
    PERFORM kameleon.follow_type_changes(tg_tag);
    -- an ALTER TABLE that changed nothing it reports (IF EXISTS, IF NOT EXISTS) must drain or guard all the same
    open_shells := string_to_array(current_setting('kameleon.open_shells', true), ' ')::int[];
    FOR entity IN
        SELECT e.entity_id FROM kameleon.kdb_entity_definitions e
        WHERE e.shell_filled
           OR (e.entity_id = ANY (open_shells)
               AND e.storage_mode = 'shared' AND to_regclass('kameleon.kdb_guard_' || e.entity_id) IS NULL)
    LOOP
        seen := seen || entity;
        PERFORM kameleon.sync_entity(entity, tg_tag);
    END LOOP;
    PERFORM kameleon.sync_foreign_keys(seen);
    IF coalesce(current_setting('kameleon.scanned_shells', true), '') <> '' THEN
        PERFORM kameleon.let_scan(e.relid, false)
        FROM kameleon.kdb_entity_definitions e
        WHERE e.relid = ANY (string_to_array(current_setting('kameleon.scanned_shells', true), ' ')::oid[]) AND e.storage_mode = 'shared';
        PERFORM set_config('kameleon.scanned_shells', '', true);
    END IF;
    PERFORM kameleon.refuse_ties_while_moving();
    -- REASSIGN OWNED fires no event trigger: what it did past the proxy is found here, by the next command that does
    FOR entity IN
        SELECT e.entity_id FROM kameleon.kdb_entity_definitions e JOIN pg_class c ON c.oid = e.relid
        WHERE e.storage_mode = 'shared' AND (c.relacl::text, c.relowner) IS DISTINCT FROM (e.synced_acl, e.synced_owner)
    LOOP
        PERFORM kameleon.sync_owner(entity);
        PERFORM kameleon.sync_grants(entity);
        PERFORM kameleon.log_change(entity, tg_tag);
    END LOOP;
    IF privileges_changed THEN
        PERFORM kameleon.refuse_while_moving(m.entity_id)
        FROM kameleon.kdb_migrations m JOIN kameleon.kdb_entity_definitions e USING (entity_id)
        WHERE m.finished_at IS NULL AND kameleon.live_obstacle(e.relid) IS NOT NULL;
        PERFORM kameleon.dedicate_where_needed(tg_tag);
    END IF;
    PERFORM kameleon.sync_view_privileges();
    PERFORM kameleon.after_materialized_view(tg_tag, (SELECT c.objid FROM pg_event_trigger_ddl_commands() AS c WHERE c.command_tag = 'CREATE MATERIALIZED VIEW'));
    PERFORM set_config('kameleon.internal', '', true);
END
$$;

CREATE OR REPLACE FUNCTION kameleon.on_sql_drop() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    object record;
    entity int;
    tables_altered int[] := '{}';
BEGIN
    IF coalesce(current_setting('kameleon.internal', true), '') = 'on' THEN
        RETURN;
    END IF;
    PERFORM set_config('kameleon.internal', 'on', true);
    PERFORM kameleon.forget_views(ARRAY(SELECT o.objid FROM pg_event_trigger_dropped_objects() AS o
                                        WHERE o.object_type IN ('view', 'materialized view') AND o.schema_name <> 'kameleon'));
    FOR object IN SELECT * FROM pg_event_trigger_dropped_objects() LOOP
        CONTINUE WHEN object.schema_name = 'kameleon';
        IF object.is_temporary OR object.object_type IN ('view', 'materialized view', 'foreign table') THEN
            PERFORM kameleon.notify_session('names');
        END IF;
        IF object.object_type = 'table' AND object.objsubid = 0 THEN
            SELECT e.entity_id INTO entity FROM kameleon.kdb_entity_definitions e WHERE e.relid = object.objid;
            IF FOUND THEN
                PERFORM kameleon.refuse_while_moving(entity);
                PERFORM kameleon.log_change(entity, tg_tag);
                PERFORM kameleon.drop_storage(entity);
                PERFORM kameleon.notify_session(entity::text);
            END IF;
        ELSIF object.object_type = 'table column' THEN
            SELECT e.entity_id INTO entity FROM kameleon.kdb_entity_definitions e
            WHERE e.relid = object.objid AND EXISTS (SELECT FROM pg_class c WHERE c.oid = e.relid);
            IF FOUND THEN
                tables_altered := tables_altered || entity;
            END IF;
        ELSIF object.object_type = 'index' THEN
            SELECT d.entity_id INTO entity FROM kameleon.kdb_index_definitions d JOIN kameleon.kdb_entity_definitions e USING (entity_id)
            WHERE d.index_relid = object.objid AND EXISTS (SELECT FROM pg_class c WHERE c.oid = e.relid);
            IF FOUND THEN
                tables_altered := tables_altered || entity;
            END IF;
        ELSIF object.object_type = 'table constraint' THEN
            SELECT r.entity_id INTO entity FROM kameleon.kdb_relationship_definitions r JOIN kameleon.kdb_entity_definitions e USING (entity_id)
            WHERE r.constraint_oid = object.objid AND e.storage_mode = 'shared' AND EXISTS (SELECT FROM pg_class c WHERE c.oid = e.relid);
            IF FOUND THEN
                PERFORM kameleon.drop_foreign_keys(entity, stale => true, cascaded => NOT object.original);
                PERFORM kameleon.sync_relationships(entity);
                PERFORM kameleon.log_change(entity, tg_tag);
                PERFORM kameleon.notify_session(entity::text);
            END IF;
        END IF;
    END LOOP;
    IF tg_tag <> 'ALTER TABLE' THEN
        FOR entity IN SELECT DISTINCT a.entity FROM unnest(tables_altered) AS a (entity) LOOP
            PERFORM kameleon.sync_entity(entity, tg_tag, shape => tg_tag <> 'DROP INDEX');
        END LOOP;
        PERFORM kameleon.sync_foreign_keys(tables_altered);
    END IF;
    PERFORM set_config('kameleon.internal', '', true);
END
$$;

-- Whether an ALTER TABLE, given in lower case, may have to look at the table's rows: rather one too many.
CREATE OR REPLACE FUNCTION kameleon.may_read_rows(statement text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT s.said ~ '\malter\s+(?:column\s+)?(?:"(?:[^"]|"")+"|[\w$]+)\s+(?:set\s+data\s+)?type\M'
        OR s.said ~ '\mset\s+(?:not\s+null|expression)\M|\mattach\M|\m(?:enable|disable)\s+trigger\M|\mtable\s+(?:if\s+exists\s+)?only\M'
        OR s.said ~ '\madd\M.*\m(?:default|not\s+null|check|unique|primary|exclude|generated|(?:big|small)?serial[248]?)\M'
        OR (s.said ~ '\madd\M' AND EXISTS (SELECT FROM pg_type t WHERE t.typtype = 'd' AND t.typnamespace <> 'information_schema'::regnamespace
                                           AND strpos(s.said, lower(t.typname)) > 0))
        OR (s.said ~ '\mvalidate\M' AND EXISTS (SELECT FROM pg_constraint c WHERE c.contype IN ('c', 'n') AND NOT c.convalidated
                                                AND strpos(s.said, lower(c.conname)) > 0))
    -- a constant for all rows, which satisfies NOT NULL, is kept beside them
    FROM regexp_replace(statement, '(?:\mnot\s+null\s+)?\mdefault\s+(?:[-+]?\s*[\d.]+|''[^'']*''|true|false)(?:\s*::\s*[\w."]+(?:\s*\([\d,\s]*\))?(?:\[\])*)?'
                                   '(?=\s*(?:[,";]|$|\n|\m(?:not|references|constraint|collate|check|unique|primary)\M))(?:\s*\mnot\s+null\M)?', '', 'g') AS s (said)
$$;

-- Foreign keys are validated by a query over both tables, which their shells do not let pass. Where nothing has opened them, in
-- functions and past the proxy, this does: those that the statement names, and those that foreign keys tie to what it names. With a
-- table that has its rows, they need theirs, too; and so does whatever looks at rows and has had no prelude.
CREATE OR REPLACE FUNCTION kameleon.on_ddl_command_start() RETURNS event_trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    context text;
    said text;
    words text[];
    is_seen boolean;
    reads_rows boolean;
    shell record;
BEGIN
    IF coalesce(current_setting('kameleon.internal', true), '') = 'on' THEN
        RETURN;
    END IF;
    GET DIAGNOSTICS context = PG_CONTEXT;
    -- what the proxy has seen has its prelude
    is_seen := strpos(context, E'\n') = 0 AND coalesce(current_setting('kameleon.proxied', true), '') <> '';
    -- a function's statement is in the context, below the line that is ours; that of an SQL function only in its body
    said := CASE WHEN strpos(context, E'\n') = 0 THEN current_query() ELSE concat_ws(';', context,
        (SELECT string_agg(p.prosrc, ';') FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang AND l.lanname = 'sql'
         WHERE p.proname = ANY (regexp_split_to_array(context, '[^\w$]+')::name[]))) END;
    said := (SELECT lower(string_agg(s.statement, ' ')) FROM regexp_split_to_table(said, ';') AS s (statement)
             WHERE s.statement ~* CASE WHEN is_seen THEN 'references|validate|enforced|expression|\mtype\M' ELSE '\malter\M|references' END);
    IF said IS NULL THEN
        RETURN;
    END IF;
    reads_rows := NOT is_seen AND (kameleon.may_read_rows(said)
                                   OR kameleon.may_read_rows(regexp_replace(said, '/\*.*?\*/|--[^\n]*', ' ', 'g')));
    IF NOT reads_rows AND said !~ 'references|validate|enforced|expression|\mtype\M' THEN
        RETURN;
    END IF;
    words := regexp_split_to_array(said, '[^\w$]+');
    FOR shell IN
        WITH named AS (
            SELECT e.relid, e.storage_mode, pg_has_role(kameleon.acting_role(), c.relowner, 'USAGE') AS is_own
            FROM kameleon.kdb_entity_definitions e JOIN pg_class c ON c.oid = e.relid
            WHERE lower(e.entity_name) = ANY (words)
               OR (e.entity_name ~ '[^\w$]' AND strpos(said, lower(replace(e.entity_name, '"', '""'))) > 0)
        )
        SELECT c.oid, bool_or((reads_rows AND n.is_own) OR n.storage_mode = 'dedicated' OR EXISTS (SELECT FROM named AS o WHERE o.storage_mode = 'dedicated')) AS needs_rows
        FROM named n CROSS JOIN LATERAL (SELECT n.relid UNION SELECT unnest(ARRAY[k.conrelid, k.confrelid]) FROM kameleon.foreign_keys_of(n.relid) AS k) AS t (relid)
        JOIN pg_class c ON c.oid = t.relid JOIN kameleon.kdb_entity_definitions e ON e.relid = c.oid AND e.storage_mode = 'shared'
        WHERE NOT c.relispopulated AND (n.is_own OR has_any_column_privilege(kameleon.acting_role(), c.oid, 'REFERENCES'))
        GROUP BY c.oid
        ORDER BY c.oid
    LOOP
        IF shell.needs_rows THEN
            PERFORM kameleon.fill_shells(shell.oid::regclass, reads_rows);
            CONTINUE;
        END IF;
        -- as the statement itself will
        EXECUTE format('LOCK TABLE ONLY %s IN SHARE ROW EXCLUSIVE MODE', shell.oid::regclass);
        PERFORM kameleon.let_scan(shell.oid, true);
        PERFORM set_config('kameleon.scanned_shells', concat_ws(' ', nullif(current_setting('kameleon.scanned_shells', true), ''), shell.oid), true);
    END LOOP;
END
$$;

DROP EVENT TRIGGER IF EXISTS kameleon_ddl_command_start;
CREATE EVENT TRIGGER kameleon_ddl_command_start ON ddl_command_start WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION kameleon.on_ddl_command_start();
DROP EVENT TRIGGER IF EXISTS kameleon_ddl_command_end;
CREATE EVENT TRIGGER kameleon_ddl_command_end ON ddl_command_end EXECUTE FUNCTION kameleon.on_ddl_command_end();
DROP EVENT TRIGGER IF EXISTS kameleon_sql_drop;
CREATE EVENT TRIGGER kameleon_sql_drop ON sql_drop EXECUTE FUNCTION kameleon.on_sql_drop();
-- also in a session that replays as a replica
ALTER EVENT TRIGGER kameleon_ddl_command_start ENABLE ALWAYS;
ALTER EVENT TRIGGER kameleon_ddl_command_end ENABLE ALWAYS;
ALTER EVENT TRIGGER kameleon_sql_drop ENABLE ALWAYS;
