-- Indexes, grants, relationships and the guard of a shared entity. Re-created on every install.

-- The definition of a shell's index over the documents, but for its name: '... USING btree (...) WHERE ...'.
CREATE OR REPLACE FUNCTION kameleon.child_index_definition(entity int, index_relid oid) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    ind record;
    key_expressions text[] := '{}';
    result text[] := '{}';
    expression text;
    opclass record;
    predicate text[];
BEGIN
    SELECT i.*, m.amname, c.reloptions, (SELECT s.spcname FROM pg_tablespace s WHERE s.oid = c.reltablespace) AS tablespace, pg_get_expr(i.indpred, i.indrelid) AS predicate,
           coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) AS nulls_not_distinct
    INTO STRICT ind
    FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
    WHERE i.indexrelid = index_relid;
    FOR k IN 1 .. ind.indnkeyatts LOOP
        key_expressions := key_expressions || format('(%s)', pg_get_indexdef(index_relid, k, false));
    END LOOP;
    key_expressions := kameleon.over_document(entity, key_expressions, 'data');
    IF ind.indisunique THEN
        -- PostgreSQL takes a COLLATE that an index's expression is, so to speak, out of it: ON CONFLICT, over the write view, would not find it
        key_expressions := ARRAY(
            SELECT CASE WHEN a.attcollation NOT IN (0, t.typcollation) THEN format('kameleon.unchanged(%s)', e.expression) ELSE e.expression END
            FROM unnest(key_expressions, ind.indkey::int2[]) WITH ORDINALITY AS e (expression, attnum, position)
            LEFT JOIN pg_attribute a ON a.attrelid = ind.indrelid AND a.attnum = nullif(e.attnum, 0) LEFT JOIN pg_type t ON t.oid = a.atttypid
            WHERE e.position <= ind.indnkeyatts ORDER BY e.position);
    END IF;
    FOR k IN 1 .. ind.indnkeyatts LOOP
        -- a foreign key may refer to columns only, not to a domain's view of them
        SELECT c.column_name INTO expression FROM kameleon.key_columns(entity) AS c WHERE c.is_current AND c.attnum = ind.indkey[k - 1];
        expression := coalesce(expression, format('((%s)%s)', key_expressions[k],
            (SELECT kameleon.write_cast(a.atttypid) FROM pg_attribute a WHERE a.attrelid = ind.indrelid AND a.attnum = nullif(ind.indkey[k - 1], 0))));
        IF ind.indcollation[k - 1] <> 0 THEN
            expression := expression || (SELECT format(' COLLATE %I.%I', n.nspname, c.collname) FROM pg_collation c
                JOIN pg_namespace n ON n.oid = c.collnamespace WHERE c.oid = ind.indcollation[k - 1]);
        END IF;
        SELECT o.opcdefault, n.nspname, o.opcname INTO STRICT opclass
        FROM pg_opclass o JOIN pg_namespace n ON n.oid = o.opcnamespace WHERE o.oid = ind.indclass[k - 1];
        IF NOT opclass.opcdefault THEN
            expression := expression || format(' %I.%I', opclass.nspname, opclass.opcname);
        END IF;
        IF ind.amname = 'btree' THEN
            expression := expression
                || CASE WHEN ind.indoption[k - 1] & 1 = 1 THEN ' DESC' ELSE '' END
                || CASE WHEN ind.indoption[k - 1] & 2 = 2 THEN ' NULLS FIRST' ELSE ' NULLS LAST' END;
        END IF;
        result := result || expression;
    END LOOP;
    IF ind.predicate IS NOT NULL THEN
        predicate := kameleon.over_document(entity, ARRAY[format('(%s)', ind.predicate)], 'data', for_arbiter => ind.indisunique);
    END IF;
    -- INCLUDE columns only save a look at the row; an index over documents cannot hold expressions there
    RETURN format('USING %I (%s)', ind.amname, array_to_string(result, ', '))
        || CASE WHEN ind.nulls_not_distinct THEN ' NULLS NOT DISTINCT' ELSE '' END
        || coalesce(' WITH (' || array_to_string(ind.reloptions, ', ') || ')', '')
        || coalesce(' TABLESPACE ' || quote_ident(ind.tablespace), '')
        || coalesce(' WHERE ' || predicate[1], '');
END
$$;

CREATE OR REPLACE FUNCTION kameleon.sync_indexes(entity int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = 'warning' AS $$
DECLARE
    definition kameleon.kdb_entity_definitions;
    child text;
    known kameleon.kdb_index_definitions;
    ind record;
    wanted text;
    free_name text;
    any_made boolean := false;
    key_detail text;
BEGIN
    SELECT e.* INTO STRICT definition FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity;
    child := kameleon.child_name(definition);
    FOR known IN
        SELECT d.* FROM kameleon.kdb_index_definitions d
        WHERE d.entity_id = entity AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = d.index_relid AND i.indrelid = definition.relid)
    LOOP
        PERFORM kameleon.release_index(known.child_name);
        EXECUTE format('DROP INDEX IF EXISTS kameleon.%I', known.child_name);
        DELETE FROM kameleon.kdb_index_definitions WHERE entity_id = entity AND index_relid = known.index_relid;
    END LOOP;
    FOR ind IN
        SELECT i.indexrelid, i.indisunique, i.indnkeyatts, c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
        -- what a failed CREATE INDEX CONCURRENTLY left is no index
        WHERE i.indrelid = definition.relid AND i.indisvalid ORDER BY i.indexrelid
    LOOP
        wanted := kameleon.child_index_definition(entity, ind.indexrelid);
        SELECT d.* INTO known FROM kameleon.kdb_index_definitions d WHERE d.entity_id = entity AND d.index_relid = ind.indexrelid;
        -- PostgreSQL checks unique indexes in the order of their OIDs: behind one that is made anew, all are
        IF FOUND AND (known.definition <> wanted OR to_regclass(format('kameleon.%I', known.child_name)) IS NULL OR (any_made AND ind.indisunique)) THEN
            PERFORM kameleon.release_index(known.child_name);
            EXECUTE format('DROP INDEX IF EXISTS kameleon.%I', known.child_name);
            DELETE FROM kameleon.kdb_index_definitions WHERE entity_id = entity AND index_relid = ind.indexrelid;
            known := NULL;
        END IF;
        free_name := ind.relname;
        IF to_regclass(format('kameleon.%I', free_name)) IS NOT NULL AND free_name IS DISTINCT FROM known.child_name THEN
            free_name := format('kdb_index_%s_%s', entity, ind.indexrelid);
        END IF;
        IF known.child_name IS NULL THEN
            BEGIN
                EXECUTE format('CREATE %s INDEX %I ON kameleon.%I %s', CASE WHEN ind.indisunique THEN 'UNIQUE' ELSE '' END, free_name, child, wanted);
            EXCEPTION WHEN unique_violation THEN
                GET STACKED DIAGNOSTICS key_detail = PG_EXCEPTION_DETAIL;
                RAISE EXCEPTION USING ERRCODE = 'unique_violation', MESSAGE = format('could not create unique index "%s"', ind.relname),
                    DETAIL = regexp_replace(key_detail, '^Key \(.*?\)=\(', format('Key (%s)=(',
                        (SELECT string_agg(pg_get_indexdef(ind.indexrelid, k, true), ', ' ORDER BY k) FROM generate_series(1, ind.indnkeyatts) AS k))),
                    SCHEMA = definition.schema_name, TABLE = definition.entity_name, CONSTRAINT = ind.relname;
            END;
            PERFORM kameleon.depend_silently('pg_class'::regclass, to_regclass(format('kameleon.%I', free_name)));
            INSERT INTO kameleon.kdb_index_definitions VALUES (entity, ind.indexrelid, free_name, wanted);
            any_made := any_made OR ind.indisunique;
        ELSIF known.child_name <> free_name THEN
            EXECUTE format('ALTER INDEX kameleon.%I RENAME TO %I', known.child_name, free_name);
            UPDATE kameleon.kdb_index_definitions SET child_name = free_name WHERE entity_id = entity AND index_relid = ind.indexrelid;
        END IF;
    END LOOP;
    PERFORM kameleon.sync_clustering(entity);
END
$$;

-- Gives a view the primary key of the table whose columns it has.
CREATE OR REPLACE FUNCTION kameleon.declare_key(of_table oid, view_oid oid, key_name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    primary_key pg_constraint;
    declared oid := pg_nextoid('pg_constraint'::regclass, 'oid', 'pg_constraint_oid_index'::regclass);
BEGIN
    SELECT c.* INTO primary_key FROM pg_constraint c WHERE c.conrelid = of_table AND c.contype = 'p';
    IF primary_key.oid IS NULL THEN
        RETURN;
    END IF;
    INSERT INTO pg_constraint
    SELECT r.* FROM jsonb_populate_record(primary_key, jsonb_build_object(
        'oid', declared, 'conname', key_name, 'connamespace', 'kameleon'::regnamespace::oid, 'conrelid', view_oid,
        -- pg_get_constraintdef looks at its index: one that no DDL takes away
        'conindid', 'pg_class_oid_index'::regclass::oid,
        'conkey', ARRAY(SELECT v.attnum
                        FROM unnest(primary_key.conkey) WITH ORDINALITY AS k (attnum, position)
                        JOIN pg_attribute a ON a.attrelid = of_table AND a.attnum = k.attnum
                        JOIN pg_attribute v ON v.attrelid = view_oid AND v.attname = a.attname
                        ORDER BY k.position))) AS r;
    INSERT INTO pg_depend VALUES ('pg_constraint'::regclass, declared, 0, 'pg_class'::regclass, view_oid, 0, 'a');
END
$$;

-- Tells PostgreSQL's parser which columns of the read and the write view are their key, so that `GROUP BY id` lets the other columns
-- of the entity be selected, as for a table with a primary key. The only way to say it of a view is the catalog row itself;
-- the unique index over the documents makes it true.
CREATE OR REPLACE FUNCTION kameleon.sync_key(entity int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    shell oid;
    storage_generation int;
BEGIN
    SELECT e.relid, e.storage_generation INTO shell, storage_generation FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity;
    PERFORM kameleon.sync_key_of(shell, to_regclass(format('kameleon.kdb_read_%s', entity)), format('kdb_key_%s', entity));
    PERFORM kameleon.sync_key_of(shell, to_regclass(format('kameleon.kdb_write_%s_%s', entity, storage_generation)), format('kdb_key_w_%s', entity));
END
$$;

CREATE OR REPLACE FUNCTION kameleon.sync_key_of(shell oid, view_oid oid, key_name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    declared oid := (SELECT c.oid FROM pg_constraint c WHERE c.conrelid = view_oid AND c.contype = 'p');
    primary_key pg_constraint;
    view_columns int2[];
    dependent regclass;
BEGIN
    SELECT c.* INTO primary_key FROM pg_constraint c WHERE c.conrelid = shell AND c.contype = 'p';
    IF primary_key.oid IS NULL THEN
        IF declared IS NOT NULL THEN
            SELECT r.ev_class::regclass INTO dependent
            FROM pg_depend d JOIN pg_rewrite r ON d.classid = 'pg_rewrite'::regclass AND r.oid = d.objid
            WHERE d.refclassid = 'pg_constraint'::regclass AND d.refobjid = declared LIMIT 1;
            IF dependent IS NOT NULL THEN
                RAISE EXCEPTION USING ERRCODE = 'dependent_objects_still_exist',
                    MESSAGE = format('cannot drop the primary key of table %s because other objects depend on it', shell::regclass),
                    DETAIL = format('view %s groups by it', dependent),
                    HINT = 'Drop the dependent objects first.';
            END IF;
            DELETE FROM pg_depend WHERE classid = 'pg_constraint'::regclass AND objid = declared;
            DELETE FROM pg_constraint WHERE oid = declared;
        END IF;
    ELSIF declared IS NOT NULL THEN
        SELECT array_agg(v.attnum ORDER BY k.position) INTO view_columns
        FROM unnest(primary_key.conkey) WITH ORDINALITY AS k (attnum, position)
        JOIN pg_attribute a ON a.attrelid = shell AND a.attnum = k.attnum
        JOIN pg_attribute v ON v.attrelid = view_oid AND v.attname = a.attname;
        UPDATE pg_constraint SET conkey = view_columns WHERE oid = declared AND conkey <> view_columns;
    ELSIF view_oid IS NOT NULL THEN
        PERFORM kameleon.declare_key(shell, view_oid, key_name);
    END IF;
END
$$;

-- What was granted on the table is granted on its views.
CREATE OR REPLACE FUNCTION kameleon.sync_grants(entity int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = 'warning' AS $$
DECLARE
    definition kameleon.kdb_entity_definitions;
    shell pg_class;
    target record;
    granted record;
BEGIN
    SELECT e.* INTO STRICT definition FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity;
    SELECT c.* INTO STRICT shell FROM pg_class c WHERE c.oid = definition.relid;
    FOR target IN
        SELECT v.name, v.privileges, c.oid, c.relowner
        -- SELECT ... FOR UPDATE asks for UPDATE, LOCK TABLE for any that its mode goes with; none of the read view's columns
        -- can be inserted or updated
        FROM (VALUES (format('kdb_read_%s', entity), ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'MAINTAIN']),
                     (format('kdb_write_%s_%s', entity, definition.storage_generation), ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE']),
                     (format('kdb_insert_%s_%s', entity, definition.storage_generation), ARRAY['SELECT', 'INSERT']),
                     -- VACUUM and ANALYZE go to the documents; before PostgreSQL 17 they were the owner's alone. TRUNCATE does where a
                     -- foreign key ties them to a table.
                     -- SELECT: PostgreSQL shows the key of a unique violation to those who may read the whole table
                     -- with the index. Documents may still hold the values of dropped columns, though: then only the owner.
                     (kameleon.child_name(definition),
                      CASE WHEN EXISTS (SELECT FROM kameleon.kdb_field_definitions f WHERE f.entity_id = entity AND f.dropped)
                           THEN ARRAY['MAINTAIN', 'TRUNCATE'] ELSE ARRAY['MAINTAIN', 'TRUNCATE', 'SELECT'] END)) AS v (name, privileges)
        JOIN pg_class c ON c.relname = v.name AND c.relnamespace = 'kameleon'::regnamespace
    LOOP
        FOR granted IN
            SELECT DISTINCT x.grantee FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) AS x WHERE c.oid = target.oid AND x.grantee <> c.relowner
        LOOP
            EXECUTE format('REVOKE ALL ON kameleon.%I FROM %s', target.name,
                           CASE granted.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(granted.grantee)) END);
        END LOOP;
        FOR granted IN
            SELECT x.grantee, string_agg(DISTINCT x.privilege_type, ', ') AS privileges
            FROM aclexplode(coalesce(shell.relacl, acldefault('r', shell.relowner))) AS x
            WHERE (x.privilege_type = ANY (target.privileges) OR (x.privilege_type = 'SELECT' AND x.grantee = shell.relowner))
              AND x.grantee <> target.relowner
            GROUP BY x.grantee
        LOOP
            EXECUTE format('GRANT %s ON kameleon.%I TO %s', granted.privileges, target.name,
                           CASE granted.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(granted.grantee)) END);
        END LOOP;
    END LOOP;
    PERFORM kameleon.sync_key_grants(entity);
    UPDATE kameleon.kdb_entity_definitions SET synced_acl = shell.relacl::text, synced_owner = shell.relowner WHERE entity_id = entity;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.sync_relationships(entity int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    DELETE FROM kameleon.kdb_relationship_definitions WHERE entity_id = entity;
    INSERT INTO kameleon.kdb_relationship_definitions
    SELECT c.oid, entity, c.conname,
           ARRAY(SELECT a.attname FROM unnest(c.conkey) WITH ORDINALITY AS k (attnum, n) JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.attnum ORDER BY k.n),
           c.confrelid,
           ARRAY(SELECT a.attname FROM unnest(c.confkey) WITH ORDINALITY AS k (attnum, n) JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.attnum ORDER BY k.n),
           pg_get_constraintdef(c.oid)
    FROM kameleon.kdb_entity_definitions e JOIN pg_constraint c ON c.conrelid = e.relid AND c.contype = 'f' AND c.connamespace <> 'kameleon'::regnamespace
    WHERE e.entity_id = entity;
END
$$;

-- The guard. A shared entity's shell has an empty inheriting table with a statistics object over a call of this
-- function. The planner folds immutable calls with constant arguments when it looks at a table's statistics, so
-- every SELECT, UPDATE, DELETE and MERGE of the shell fails when it is planned, for superusers too; DDL and ANALYZE still
-- work. (A foreign table without a handler would do the same, but fails ANALYZE of the whole database.) ONLY plans nothing of
-- what inherits: the executor scans no relation that is marked as a materialized view without rows is, whatever its kind.
CREATE OR REPLACE FUNCTION kameleon.refuse_shell(entity int) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    definition kameleon.kdb_entity_definitions;
BEGIN
    SELECT e.* INTO definition FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity;
    RAISE EXCEPTION USING ERRCODE = 'KDB02',
        MESSAGE = format('table "%s" is kept in shared storage and cannot be used here', definition.entity_name),
        DETAIL = 'The statement reached the table itself, not its documents: it stands in a function, or the connection is not Kameleon''s.',
        HINT = format('Use the table in statements of the client''s own, through Kameleon''s port; or make it an ordinary table: CALL kameleon.materialize_entity(%L).',
                      format('%I.%I', definition.schema_name, definition.entity_name)),
        SCHEMA = definition.schema_name, TABLE = definition.entity_name;
END
$$;

-- The same for documents that are still being made of a table's rows. A proxy that has not heard that the table left shared
-- storage would find them under the name that it knows. For what moves the rows it is not there.
CREATE OR REPLACE FUNCTION kameleon.refuse_unfinished(entity int) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF coalesce(current_setting('kameleon.internal', true), '') <> 'on' THEN
        RAISE EXCEPTION USING ERRCODE = 'KDB02', MESSAGE = format('the documents of entity %s are not complete yet', entity), HINT = 'Use the table.';
    END IF;
    RETURN false;
END
$$;

-- The same for a table that is being filled with the rows of documents, whose move must scan it. What builds its indexes anew
-- (TRUNCATE, REINDEX and the like, under a lock that no query takes) plans it, too, and shows nothing of it.
CREATE OR REPLACE FUNCTION kameleon.refuse_filling(entity int) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    said text;
BEGIN
    IF coalesce(current_setting('kameleon.internal', true), '') = 'on' THEN
        RETURN false;
    END IF;
    GET DIAGNOSTICS said = PG_CONTEXT;
    IF concat_ws(' ', current_query(), said) !~* '\m(truncate|reindex|cluster|vacuum|index)\M'
       OR NOT EXISTS (SELECT FROM pg_locks l JOIN kameleon.kdb_entity_definitions e ON e.relid = l.relation
                      WHERE e.entity_id = entity AND l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.granted
                        AND l.mode NOT IN ('AccessShareLock', 'RowShareLock', 'RowExclusiveLock')) THEN
        PERFORM kameleon.refuse_shell(entity);
    END IF;
    RETURN false;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.set_filling(entity int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    shell regclass := (SELECT e.relid FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity);
BEGIN
    EXECUTE format('CREATE STATISTICS kameleon.%I ON (kameleon.refuse_filling(%s) OR %I IS NULL) FROM %s', 'kdb_filling_' || entity, entity,
                   kameleon.guarding_column(shell), shell);
    EXECUTE format('ALTER STATISTICS kameleon.%I SET STATISTICS 0', 'kdb_filling_' || entity);
    PERFORM kameleon.let_scan(shell, true);
END
$$;

CREATE OR REPLACE FUNCTION kameleon.lift_filling(entity int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = 'warning' AS $$
BEGIN
    EXECUTE format('DROP STATISTICS IF EXISTS kameleon.%I', 'kdb_filling_' || entity);
END
$$;

-- CREATE TABLE ... LIKE copies statistics objects.
CREATE OR REPLACE FUNCTION kameleon.drop_copied_guard(relation oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    copied record;
BEGIN
    FOR copied IN
        SELECT n.nspname, s.stxname FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace
        WHERE s.stxrelid = relation AND s.stxexprs::text LIKE format('%%:funcid %s %%', 'kameleon.refuse_filling'::regproc::oid)
    LOOP
        EXECUTE format('DROP STATISTICS %I.%I', copied.nspname, copied.stxname);
    END LOOP;
END
$$;

-- Whether the executor may scan a table.
CREATE OR REPLACE FUNCTION kameleon.let_scan(relation oid, allowed boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE pg_class SET relispopulated = allowed WHERE oid = relation AND relispopulated <> allowed;
END
$$;

-- INSERT plans nothing of its target, and does not scan it: a trigger refuses it.
CREATE OR REPLACE FUNCTION kameleon.refuse_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- what fills the shell while the entity moves; only a superuser's function can set this role
    IF current_setting('session_replication_role') = 'replica' AND coalesce(current_setting('kameleon.internal', true), '') = 'on' THEN
        RETURN NULL;
    END IF;
    PERFORM kameleon.refuse_shell((SELECT e.entity_id FROM kameleon.kdb_entity_definitions e WHERE e.relid = TG_RELID));
    RETURN NULL;
END
$$;

-- COPY TO of a table neither plans nor fires triggers: the proxy runs this before it. The lock stays, so that it is still
-- true when the rows are read; the guard is looked for as PostgreSQL looks for a relation, past the transaction's snapshot.
CREATE OR REPLACE PROCEDURE kameleon.expect_table(entity int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    shell regclass := (SELECT c.oid FROM kameleon.kdb_entity_definitions e JOIN pg_class c ON c.oid = e.relid WHERE e.entity_id = entity);
BEGIN
    -- without the right to read it, COPY fails by itself
    IF has_any_column_privilege(kameleon.acting_role(), shell, 'SELECT') THEN
        EXECUTE format('LOCK TABLE ONLY %s IN ACCESS SHARE MODE', shell);
        IF to_regclass('kameleon.kdb_guard_' || entity) IS NOT NULL THEN
            PERFORM kameleon.refuse_shell(entity);
        END IF;
    END IF;
END
$$;

-- TRUNCATE of the shell empties the documents, so that RESTART IDENTITY, CASCADE and privileges are PostgreSQL's own. After it: where a
-- foreign key of theirs refers to a table that is emptied, too, it has emptied them itself.
CREATE OR REPLACE FUNCTION kameleon.truncate_documents() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kameleon.empty_documents(e.entity_id), kameleon.empty_target(e.entity_id) FROM kameleon.kdb_entity_definitions e WHERE e.relid = TG_RELID;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.set_guard(entity int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = 'warning' AS $$
DECLARE
    shell regclass := (SELECT e.relid FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity);
    guard text := 'kdb_guard_' || entity;
    guard_oid oid;
    owner oid;
    without_statistics text;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = shell AND t.tgname = 'kameleon_guard') THEN
        EXECUTE format('CREATE TRIGGER kameleon_guard BEFORE INSERT OR UPDATE OR DELETE ON %s FOR EACH STATEMENT EXECUTE FUNCTION kameleon.refuse_insert()', shell);
        EXECUTE format('CREATE TRIGGER kameleon_truncate AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION kameleon.truncate_documents()', shell);
        EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER kameleon_guard, ENABLE ALWAYS TRIGGER kameleon_truncate', shell);
        -- \d, pg_dump and information_schema show the user's own triggers only
        UPDATE pg_trigger SET tgisinternal = true WHERE tgrelid = shell AND tgname IN ('kameleon_guard', 'kameleon_truncate');
    END IF;
    IF to_regclass(format('kameleon.%I', guard)) IS NULL THEN
        EXECUTE format('CREATE TABLE kameleon.%I () INHERITS (%s)', guard, shell);
        UPDATE pg_depend SET deptype = 'a'
        WHERE classid = 'pg_class'::regclass AND objid = to_regclass(format('kameleon.%I', guard)) AND refobjid = shell AND deptype = 'n';
    END IF;
    guard_oid := to_regclass(format('kameleon.%I', guard));
    -- DDL of the shell's owner reaches the inheriting table too
    SELECT c.relowner INTO owner FROM pg_class c WHERE c.oid = shell;
    IF owner <> (SELECT c.relowner FROM pg_class c WHERE c.oid = guard_oid) THEN
        EXECUTE format('ALTER TABLE kameleon.%I OWNER TO %I', guard, pg_get_userbyid(owner));
    END IF;
    -- a table none of whose columns has statistics is analyzed without a look at its statistics objects
    SELECT string_agg(format('ALTER %I SET STATISTICS 0', a.attname), ', ') INTO without_statistics
    FROM pg_attribute a
    WHERE a.attrelid = guard_oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v' AND a.attstattarget IS DISTINCT FROM 0;
    IF without_statistics IS NOT NULL THEN
        EXECUTE format('ALTER TABLE kameleon.%I %s', guard, without_statistics);
    END IF;
    -- it goes with the column that it names
    IF NOT EXISTS (SELECT FROM pg_statistic_ext s WHERE s.stxrelid = guard_oid) THEN
        EXECUTE format('CREATE STATISTICS kameleon.%I ON (kameleon.refuse_shell(%s) OR %I IS NULL) FROM kameleon.%I', guard, entity,
                       kameleon.guarding_column(shell), guard);
    END IF;
    -- a move that fills the shell scans it
    IF NOT EXISTS (SELECT FROM kameleon.kdb_migrations m WHERE m.entity_id = entity AND m.target = shell AND m.finished_at IS NULL) THEN
        PERFORM kameleon.let_scan(shell, false);
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.guarding_column(shell oid) RETURNS name
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT a.attname FROM pg_attribute a WHERE a.attrelid = shell AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attgenerated = 'v', a.attnum LIMIT 1);
END
$$;

-- of an older version: before TRUNCATE
UPDATE pg_trigger SET tgtype = 32 WHERE tgname = 'kameleon_truncate' AND tgtype = 2 + 32 AND tgfoid = 'kameleon.truncate_documents'::regproc;
-- of an older version: BEFORE INSERT only
UPDATE pg_trigger SET tgtype = 2 + 4 + 8 + 16 WHERE tgname = 'kameleon_guard' AND tgtype = 2 + 4 AND tgfoid = 'kameleon.refuse_insert'::regproc;

CREATE OR REPLACE FUNCTION kameleon.lift_guard(entity int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = 'warning' AS $$
DECLARE
    shell regclass := (SELECT e.relid FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity);
BEGIN
    EXECUTE format('DROP TABLE IF EXISTS kameleon.%I', 'kdb_guard_' || entity);
    -- the end of the command sees to it that each has its guard again
    PERFORM set_config('kameleon.open_shells', concat_ws(' ', nullif(current_setting('kameleon.open_shells', true), ''), entity), true);
    UPDATE pg_trigger SET tgisinternal = false WHERE tgrelid = shell AND tgname IN ('kameleon_guard', 'kameleon_truncate');
    EXECUTE format('DROP TRIGGER IF EXISTS kameleon_guard ON %s', shell);
    EXECUTE format('DROP TRIGGER IF EXISTS kameleon_truncate ON %s', shell);
    PERFORM kameleon.let_scan(shell, true);
END
$$;
