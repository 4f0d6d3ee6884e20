-- Child tables, views and triggers of a shared entity, built from its shell table. Re-created on every install.

-- Tells the session's proxy in band, now, and every other proxy at commit.
CREATE OR REPLACE FUNCTION kameleon.notify_session(what text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    RAISE INFO USING MESSAGE = what, ERRCODE = 'KDB01';
    IF what NOT IN ('names', 'temporary') THEN
        PERFORM pg_catalog.pg_notify('kameleon', what);
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.child_name(entity kameleon.kdb_entity_definitions) RETURNS text
LANGUAGE plpgsql STABLE AS $$
DECLARE
    -- whatever its generation: all that begins with kdb_records_<entity>_
    first_name name := pg_catalog.format('kdb_records_%s_', entity.entity_id);
    behind name := pg_catalog.format('kdb_records_%s`', entity.entity_id);
BEGIN
    RETURN (SELECT c.relname::text FROM pg_catalog.pg_class c
            WHERE c.relname OPERATOR(pg_catalog.>) first_name AND c.relname OPERATOR(pg_catalog.<) behind
              AND c.relnamespace OPERATOR(pg_catalog.=) 'kameleon'::regnamespace AND c.relkind OPERATOR(pg_catalog.=) 'r');
END
$$;

-- Runs one statement as an entity's owner. Whatever evaluates the owner's own functions (a CHECK, the expression of an
-- index or a generated column) must run with the owner's rights, as it does for an ordinary table, and not with those
-- of the installer. The function is made for the one call and gone after it: nobody else can see or change it.
CREATE OR REPLACE FUNCTION kameleon.run_as_owner(entity int, statement text) RETURNS json
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner_name name := (SELECT pg_get_userbyid(c.relowner) FROM kameleon.kdb_entity_definitions e JOIN pg_class c ON c.oid = e.relid WHERE e.entity_id = entity);
    once text := 'kdb_once_' || replace(gen_random_uuid()::text, '-', '');
    answers boolean := statement LIKE 'EXPLAIN %';
    result json;
BEGIN
    IF owner_name = current_user THEN
        IF answers THEN
            EXECUTE statement INTO result;
        ELSE
            EXECUTE statement;
        END IF;
        RETURN result;
    END IF;
    EXECUTE format('CREATE FUNCTION kameleon.%I() RETURNS json LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS %L', once,
                   format('DECLARE result json; BEGIN EXECUTE %L %s; RETURN result; END', statement, CASE WHEN answers THEN 'INTO result' ELSE '' END));
    EXECUTE format('ALTER FUNCTION kameleon.%I() OWNER TO %I', once, owner_name);
    EXECUTE format('SELECT kameleon.%I()', once) INTO result;
    EXECUTE format('DROP FUNCTION kameleon.%I()', once);
    RETURN result;
END
$$;

-- Builds of indexes, VACUUM and ANALYZE run the owner's functions as the owner of what they work on: that must not be the
-- installer. The role's list of what it owns leaves the documents out: DROP OWNED drops the table, which takes them along.
CREATE OR REPLACE FUNCTION kameleon.sync_owner(entity int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    definition kameleon.kdb_entity_definitions;
    child regclass;
BEGIN
    SELECT e.* INTO STRICT definition FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity;
    child := format('kameleon.%I', kameleon.child_name(definition))::regclass;
    -- not where it is the same: a table with deferred checks still pending cannot be altered
    IF (SELECT c.relowner FROM pg_class c WHERE c.oid = child) <> (SELECT c.relowner FROM pg_class c WHERE c.oid = definition.relid) THEN
        EXECUTE format('ALTER TABLE %s OWNER TO %I', child, (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = definition.relid));
    END IF;
    DELETE FROM pg_shdepend
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND classid = 'pg_class'::regclass AND objid = child AND deptype = 'o';
END
$$;

-- A parent for a new child that no other open transaction is attaching a child to.
CREATE OR REPLACE FUNCTION kameleon.free_bucket() RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    FOR bucket IN 0 .. 31 LOOP
        IF pg_try_advisory_xact_lock('kameleon.kdb_records'::regclass::oid::int, bucket) THEN
            RETURN bucket;
        END IF;
    END LOOP;
    RETURN 0;
END
$$;

-- SQL of the document for a row whose field `f` is read by format(source, f), e.g. 'NEW.%I' or '(NEW.kdb_rec).%I'.
-- `given`: SQL of a condition, by format(given, key), for fields that keep an explicit null. `instead`: {field name: SQL}.
CREATE OR REPLACE FUNCTION kameleon.pack_expression(entity int, source text, given text DEFAULT NULL, instead jsonb DEFAULT '{}') RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    field record;
    plain text[] := '{}';
    parts text[] := '{}';
    piece text;
BEGIN
    FOR field IN
        SELECT d.*, coalesce(instead ->> d.field_name, format(source, d.field_name)) AS value, a.attgenerated,
               kameleon.base_type(d.type_oid) = 'jsonb'::regtype AS is_jsonb
        FROM kameleon.kdb_field_definitions d
        JOIN kameleon.kdb_entity_definitions e USING (entity_id)
        JOIN pg_attribute a ON a.attrelid = e.relid AND a.attnum = d.attnum
        WHERE d.entity_id = entity AND NOT d.dropped AND a.attgenerated = ''
        ORDER BY d.attnum
    LOOP
        piece := format('%L, %s', field.field_key, kameleon.write_expression(field.value, field.type_oid));
        IF field.missing_value IS NOT NULL THEN
            piece := format('jsonb_build_object(%s)', piece);
            IF given IS NOT NULL THEN
                piece := format('CASE WHEN %s THEN %s ELSE ''{}''::jsonb END', format(given, field.field_key), piece);
            END IF;
            parts := parts || piece;
        ELSIF field.is_jsonb THEN
            parts := parts || format('kameleon.json_field(%L, %s::jsonb)', field.field_key, field.value);
        ELSE
            plain := plain || piece;
        END IF;
    END LOOP;
    -- a function call takes at most 100 arguments
    WHILE cardinality(plain) > 0 LOOP
        parts := format('jsonb_strip_nulls(jsonb_build_object(%s))', array_to_string(plain[1:45], ', ')) || parts;
        plain := plain[46:];
    END LOOP;
    RETURN CASE WHEN cardinality(parts) = 0 THEN '''{}''::jsonb' ELSE '(' || array_to_string(parts, ' || ') || ')' END;
END
$$;

-- PostgreSQL would try to insert a domain's default into a column of the write view that is not a target: that is of the
-- type behind the domain. An index has the same, for ON CONFLICT to find it; without a length, or no query would.
CREATE OR REPLACE FUNCTION kameleon.write_cast(typ oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT '::' || format_type(kameleon.base_type(t.oid), NULL) FROM pg_type t WHERE t.oid = typ AND t.typtype = 'd' AND t.typdefault IS NOT NULL
$$;

-- Stands around an expression while PostgreSQL expands it, which leaves out what COLLATE says.
CREATE OR REPLACE FUNCTION kameleon.collated(value anyelement, marker text) RETURNS anyelement
LANGUAGE plpgsql IMMUTABLE PARALLEL SAFE AS $$ BEGIN RETURN value; END $$;

-- What PostgreSQL puts in line, so that nothing is left of it.
CREATE OR REPLACE FUNCTION kameleon.unchanged(value anyelement) RETURNS anyelement
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT value $$;

-- An expression, as PostgreSQL prints it, with a marker at each of its COLLATEs: (<expression> COLLATE <name>)
CREATE OR REPLACE FUNCTION kameleon.mark_collations(expression text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    tokens text[];
    opened int[] := '{}';
    name text;
BEGIN
    IF strpos(expression, ' COLLATE ') = 0 THEN
        RETURN expression;
    END IF;
    tokens := ARRAY(SELECT t.found[1] FROM regexp_matches(expression, '("(?:[^"]|"")*"|''(?:[^'']|'''')*''|[()]|\w+|[^"''()\w]+)', 'g') WITH ORDINALITY AS t (found, position)
                    ORDER BY t.position);
    FOR i IN 1 .. cardinality(tokens) LOOP
        CASE tokens[i]
            WHEN '(' THEN opened := opened || i;
            WHEN ')' THEN opened := trim_array(opened, 1);
            WHEN 'COLLATE' THEN
                name := tokens[i + 2] || CASE tokens[i + 3] WHEN '.' THEN '.' || tokens[i + 4] ELSE '' END;
                tokens[opened[cardinality(opened)]] := '(kameleon.collated(';
                tokens[i] := format(', ''kdb_collate %s'') COLLATE', name::regcollation::oid);
            ELSE NULL;
        END CASE;
    END LOOP;
    RETURN array_to_string(tokens, '');
END
$$;

-- In the markers' place what they stand for.
CREATE OR REPLACE FUNCTION kameleon.unmark_collations(expression text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    marked record;
BEGIN
    FOR marked IN
        SELECT DISTINCT m.found[1] AS marker, c.collname, n.nspname FROM regexp_matches(expression, ', ''kdb_collate (\d+)''::text\)', 'g') AS m (found)
        JOIN pg_collation c ON c.oid = m.found[1]::oid JOIN pg_namespace n ON n.oid = c.collnamespace
    LOOP
        expression := replace(expression, format(', ''kdb_collate %s''::text)', marked.marker), format(') COLLATE %I.%I)', marked.nspname, marked.collname));
    END LOOP;
    RETURN replace(expression, 'kameleon.collated(', '((');
END
$$;

-- The same expressions over the shell's columns as expressions over the document (SQL `document`).
-- PostgreSQL expands the read view itself; EXPLAIN shows what it made of it. for_arbiter: over the columns as the write view has them.
DROP FUNCTION IF EXISTS kameleon.over_document(int, text[], text);
CREATE OR REPLACE FUNCTION kameleon.over_document(entity int, expressions text[], document text, for_arbiter boolean DEFAULT false) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
SET enable_indexonlyscan = off SET max_parallel_workers_per_gather = 0 SET quote_all_identifiers = off AS $$
DECLARE
    source text := format('kameleon.%I', 'kdb_read_' || entity);
    has_collations boolean := EXISTS (SELECT FROM kameleon.kdb_field_definitions f JOIN pg_type t ON t.oid = f.type_oid
                                      WHERE f.entity_id = entity AND NOT f.dropped AND f.collation_oid NOT IN (0, t.typcollation));
    explained constant text := 'EXPLAIN (VERBOSE, COSTS OFF, FORMAT JSON) SELECT %s FROM %s';
    owner_name name := (SELECT pg_get_userbyid(c.relowner) FROM kameleon.kdb_entity_definitions e JOIN pg_class c ON c.oid = e.relid WHERE e.entity_id = entity);
    once text := 'kdb_once_' || replace(gen_random_uuid()::text, '-', '');
    plan json;
BEGIN
    IF cardinality(expressions) = 0 THEN
        RETURN expressions;
    END IF;
    IF for_arbiter OR has_collations THEN
        source := format('(SELECT %s FROM %s) AS %I', (
            SELECT string_agg(format(CASE WHEN f.collation_oid IN (0, t.typcollation) THEN '%1$I%2$s AS %1$I' ELSE 'kameleon.collated(%1$I%2$s, %3$L) AS %1$I' END,
                                     f.field_name, CASE WHEN for_arbiter THEN kameleon.write_cast(f.type_oid) END, 'kdb_collate ' || f.collation_oid), ', ' ORDER BY f.attnum)
            FROM kameleon.kdb_field_definitions f JOIN pg_type t ON t.oid = f.type_oid WHERE f.entity_id = entity AND NOT f.dropped), source, 'kdb_read_' || entity);
    END IF;
    expressions := ARRAY(SELECT kameleon.mark_collations(e.expression) FROM unnest(expressions) WITH ORDINALITY AS e (expression, position) ORDER BY e.position);
    BEGIN
        plan := kameleon.run_as_owner(entity, format(explained, array_to_string(expressions, ', '), source));
    EXCEPTION WHEN insufficient_privilege THEN
        -- who wrote them may use what they name, in a schema of an extension say, also where the owner may not
        EXECUTE format('CREATE VIEW kameleon.%I AS SELECT %s FROM %s', once, (
            SELECT string_agg(format('%s AS kdb_%s', e.expression, e.position), ', ' ORDER BY e.position)
            FROM unnest(expressions) WITH ORDINALITY AS e (expression, position)), source);
        EXECUTE format('GRANT SELECT ON kameleon.%I TO %I', once, owner_name);
        plan := kameleon.run_as_owner(entity, format(explained, '*', 'kameleon.' || quote_ident(once)));
        EXECUTE format('DROP VIEW kameleon.%I', once);
    END;
    expressions := ARRAY(SELECT replace(o.expression, 'kdb_document_row.data', document)
                         FROM json_array_elements_text(plan -> 0 -> 'Plan' -> 'Output') WITH ORDINALITY AS o (expression, position)
                         ORDER BY o.position);
    expressions := kameleon.over_key_columns(entity, expressions, document);
    RETURN ARRAY(SELECT kameleon.unmark_collations(e.expression) FROM unnest(expressions) WITH ORDINALITY AS e (expression, position) ORDER BY e.position);
END
$$;

-- 'expression AS name, ...' of arrays in the same order.
CREATE OR REPLACE FUNCTION kameleon.select_list(expressions text[], names name[]) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(format('%s AS %I', l.expression, l.name), ', ' ORDER BY l.position)
    FROM unnest(expressions, names) WITH ORDINALITY AS l (expression, name, position)
$$;

CREATE OR REPLACE FUNCTION kameleon.next_identity(sequence regclass) RETURNS bigint
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$ SELECT nextval(sequence) $$;

-- The next number for an identity column of ours. After nextval(), in the client's session, lastval() would tell a number of
-- ours; after setval() it does not. What that did stays, and the lock is let go of with the subtransaction.
CREATE OR REPLACE FUNCTION kameleon.next_number(relation text, column_name text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    counter regclass := pg_get_serial_sequence(relation, column_name);
    number bigint;
BEGIN
    BEGIN
        PERFORM pg_advisory_xact_lock(counter::oid::int, 0);
        EXECUTE format('SELECT last_value + is_called::int FROM %s', counter) INTO number;
        PERFORM setval(counter, number);
        RAISE EXCEPTION USING ERRCODE = 'KDB03', MESSAGE = 'undone';
    EXCEPTION WHEN SQLSTATE 'KDB03' THEN
        NULL;
    END;
    RETURN number;
END
$$;

-- The length checks of assignments, marked stable: of a constant that is too long they would otherwise be computed, and
-- fail, when a statement that does not need it is planned.
CREATE OR REPLACE FUNCTION kameleon.assigned_varchar(varchar, int, boolean) RETURNS varchar LANGUAGE internal STABLE STRICT PARALLEL SAFE AS 'varchar';
CREATE OR REPLACE FUNCTION kameleon.assigned_bpchar(bpchar, int, boolean) RETURNS bpchar LANGUAGE internal STABLE STRICT PARALLEL SAFE AS 'bpchar';
CREATE OR REPLACE FUNCTION kameleon.assigned_bit("bit", int, boolean) RETURNS "bit" LANGUAGE internal STABLE STRICT PARALLEL SAFE AS 'bit';
CREATE OR REPLACE FUNCTION kameleon.assigned_varbit(varbit, int, boolean) RETURNS varbit LANGUAGE internal STABLE STRICT PARALLEL SAFE AS 'varbit';

-- An expression's value as an assignment to a column of the type would store it: too long a string is an error.
CREATE OR REPLACE FUNCTION kameleon.assigned(expression text, typ oid, typmod int) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN typmod >= 0 AND t.typname IN ('varchar', 'bpchar', 'bit', 'varbit')
                THEN format('kameleon.%I((%s)::%s, %s, false)', 'assigned_' || t.typname, expression, format_type(t.oid, -1), typmod)
                ELSE format('(%s)::%s', expression, format_type(typ, typmod)) END
    FROM pg_type t WHERE t.oid = typ
$$;

-- SQL of a column's default, NULL where it has none. It names no column, and is printed without the table, which PostgreSQL would lock:
-- whoever has locked it for long is not to keep the proxy from the catalog.
CREATE OR REPLACE FUNCTION kameleon.default_expression(relation oid, attribute int2) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
    RETURN (SELECT CASE
        WHEN a.attidentity <> '' THEN format('kameleon.next_identity(%L::regclass)',
            (SELECT s.objid FROM pg_depend s WHERE s.classid = 'pg_class'::regclass AND s.refclassid = 'pg_class'::regclass
                AND s.refobjid = a.attrelid AND s.refobjsubid = a.attnum AND s.deptype = 'i'))
        WHEN a.attgenerated = '' THEN coalesce(pg_get_expr(d.adbin, 0),
            -- a column of a domain type takes the domain's default
            (SELECT pg_get_expr(t.typdefaultbin, 0) FROM pg_type t WHERE t.oid = a.atttypid AND t.typtype = 'd'))
        END
    FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = relation AND a.attnum = attribute);
END
$$;

-- Brings kdb_field_definitions in step with the shell and, for a shared entity, the composite type of sub-field targets.
-- Returns whether anything about the fields changed.
CREATE OR REPLACE FUNCTION kameleon.sync_fields(entity int, shell oid) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
SET "DateStyle" = 'ISO, YMD' SET "IntervalStyle" = 'postgres' SET extra_float_digits = 1 SET bytea_output = 'hex' AS $$
DECLARE
    record_type text := format('kameleon.%I', 'kdb_rec_' || entity);
    column_now record;
    known kameleon.kdb_field_definitions;
    changed boolean := false;
    type_exists boolean := to_regtype(record_type) IS NOT NULL;
    steps text[] := '{}';
    missing text;
    rows_touched boolean;
BEGIN
    FOR known IN
        SELECT f.* FROM kameleon.kdb_field_definitions f
        WHERE f.entity_id = entity AND NOT f.dropped
          AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = shell AND a.attnum = f.attnum AND NOT a.attisdropped)
    LOOP
        UPDATE kameleon.kdb_field_definitions SET dropped = true WHERE entity_id = entity AND attnum = known.attnum;
        steps := steps || format('DROP ATTRIBUTE IF EXISTS %I', known.field_name);
        changed := true;
    END LOOP;
    FOR column_now IN
        SELECT a.*, format_type(a.atttypid, a.atttypmod) AS type_name, kameleon.type_signature(a.atttypid) AS signature
        FROM pg_attribute a WHERE a.attrelid = shell AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
    LOOP
        SELECT f.* INTO known FROM kameleon.kdb_field_definitions f WHERE f.entity_id = entity AND f.attnum = column_now.attnum;
        IF NOT FOUND THEN
            missing := NULL;
            -- documents that are about to be written anew will have a value of their own
            IF column_now.atthasmissing AND type_exists
               AND NOT EXISTS (SELECT FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity AND e.shell_filled) THEN
                -- the only element of an array of any type, as text; the same however the session writes its dates
                SELECT quote_literal(array_to_string(a.attmissingval, '')) || '::' || column_now.type_name INTO missing
                FROM pg_attribute a WHERE a.attrelid = shell AND a.attnum = column_now.attnum;
            END IF;
            INSERT INTO kameleon.kdb_field_definitions
            VALUES (entity, column_now.attnum, column_now.attname,
                    CASE WHEN EXISTS (SELECT FROM kameleon.kdb_field_definitions f
                                      WHERE f.entity_id = entity AND f.field_key = column_now.attname)
                         THEN format('%s_%s', column_now.attname, column_now.attnum) ELSE column_now.attname END,
                    column_now.atttypid, column_now.atttypmod, column_now.attcollation, column_now.type_name,
                    column_now.signature, missing);
            steps := steps || format('ADD ATTRIBUTE %I %s', column_now.attname, column_now.type_name);
            changed := true;
        ELSE
            IF known.field_name <> column_now.attname THEN
                UPDATE kameleon.kdb_field_definitions SET field_name = column_now.attname
                WHERE entity_id = entity AND attnum = column_now.attnum;
                IF type_exists THEN
                    EXECUTE format('ALTER TYPE %s RENAME ATTRIBUTE %I TO %I', record_type, known.field_name, column_now.attname);
                END IF;
                changed := true;
            END IF;
            IF (known.type_oid, known.type_modifier, known.collation_oid)
               <> (column_now.atttypid, column_now.atttypmod, column_now.attcollation) THEN
                UPDATE kameleon.kdb_field_definitions
                SET type_oid = column_now.atttypid, type_modifier = column_now.atttypmod, collation_oid = column_now.attcollation,
                    type_name = column_now.type_name, type_signature = column_now.signature,
                    -- rows that went through the shell come back with the value of their own
                    missing_value = CASE WHEN NOT EXISTS (SELECT FROM kameleon.kdb_entity_definitions e
                                                          WHERE e.entity_id = entity AND e.shell_filled)
                                         THEN missing_value || '::' || column_now.type_name END
                WHERE entity_id = entity AND attnum = column_now.attnum;
                steps := steps || format('DROP ATTRIBUTE IF EXISTS %I', column_now.attname)
                               || format('ADD ATTRIBUTE %I %s', column_now.attname, column_now.type_name);
                changed := true;
            END IF;
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity AND e.storage_mode = 'dedicated') THEN
        RETURN changed;
    END IF;
    IF NOT type_exists THEN
        EXECUTE format('CREATE TYPE %s AS (%s)', record_type, (
            SELECT string_agg(format('%I %s', f.field_name, f.type_name), ', ' ORDER BY f.attnum)
            FROM kameleon.kdb_field_definitions f WHERE f.entity_id = entity AND NOT f.dropped));
        PERFORM kameleon.sync_parts_fields(entity);
        RETURN true;
    END IF;
    -- one by one: an attribute that is dropped and added again may not stand in one command
    FOR i IN 1 .. cardinality(steps) LOOP
        EXECUTE format('ALTER TYPE %s %s', record_type, steps[i]);
    END LOOP;
    PERFORM kameleon.sync_parts_fields(entity);
    RETURN changed;
END
$$;

-- Puts the read view in step, keeping it (and the shadows over it) where columns were only renamed or added.
CREATE OR REPLACE FUNCTION kameleon.replace_read_view(entity int, columns text, child text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    view_name text := 'kdb_read_' || entity;
    view_oid oid := to_regclass(format('kameleon.%I', view_name));
    wanted record;
BEGIN
    IF view_oid IS NOT NULL THEN
        SELECT bool_and(d.attnum IS NOT NULL AND (d.type_oid, d.type_modifier, d.collation_oid) = (a.atttypid, a.atttypmod, a.attcollation)) AS kept,
               array_agg(ARRAY[a.attname, d.field_name] ORDER BY a.attnum) FILTER (WHERE a.attname <> d.field_name) AS renamed
        INTO wanted
        FROM pg_attribute a
        LEFT JOIN (SELECT f.*, row_number() OVER (ORDER BY f.attnum) AS position FROM kameleon.kdb_field_definitions f
                   WHERE f.entity_id = entity AND NOT f.dropped) AS d ON d.position = a.attnum
        WHERE a.attrelid = view_oid AND a.attnum > 0;
        -- a drop in the middle moves columns: same place, other field
        wanted.kept := coalesce(wanted.kept, true) AND NOT EXISTS (
            SELECT FROM kameleon.kdb_field_definitions f
            WHERE f.entity_id = entity AND f.dropped
              AND EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = view_oid AND a.attname = f.field_name));
        IF wanted.kept AND cardinality(coalesce(wanted.renamed, '{}')) <= 2 THEN
            IF wanted.renamed IS NOT NULL THEN
                EXECUTE format('ALTER VIEW kameleon.%I RENAME COLUMN %I TO %I', view_name, wanted.renamed[1][1], wanted.renamed[1][2]);
            END IF;
            EXECUTE format('CREATE OR REPLACE VIEW kameleon.%I AS SELECT %s FROM kameleon.%I AS kdb_document_row', view_name, columns, child);
            RETURN;
        END IF;
        EXECUTE format('DROP VIEW kameleon.%I', view_name);
        EXECUTE format('CREATE VIEW kameleon.%I AS SELECT %s FROM kameleon.%I AS kdb_document_row', view_name, columns, child);
        PERFORM kameleon.sync_key(entity);
        RETURN;
    END IF;
    EXECUTE format('CREATE VIEW kameleon.%I AS SELECT %s FROM kameleon.%I AS kdb_document_row', view_name, columns, child);
END
$$;

-- Locks one relation, and with a view not what it reads: LOCK TABLE would, in the name of the view's owner, who may not have
-- the right to, along with other entities that the view reads besides, and before the next view, which statements lock first.
-- ALTER VIEW takes the lock and changes nothing.
CREATE OR REPLACE FUNCTION kameleon.lock_alone(relation regclass, lock_mode text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own pg_class;
    options text[];
BEGIN
    SELECT c.* INTO own FROM pg_class c WHERE c.oid = relation AND c.relkind = 'v' AND lock_mode = 'ACCESS EXCLUSIVE';
    options := coalesce(own.reloptions, '{}');
    IF own.relpersistence = 't' AND own.relnamespace <> pg_my_temp_schema() THEN
        -- of another session's views nothing but the name can be altered
        EXECUTE format('ALTER VIEW %s RENAME TO %I', relation, 'kdb_aside_' || own.oid);
        EXECUTE format('ALTER VIEW %s RENAME TO %I', relation, own.relname);
    ELSIF own.oid IS NOT NULL THEN
        EXECUTE format('ALTER VIEW %s %s', relation,
                       coalesce((SELECT format('SET (%s)', o) FROM unnest(options) AS o WHERE o LIKE 'security_barrier=%'), 'RESET (security_barrier)'));
    ELSE
        EXECUTE format('LOCK TABLE ONLY %s IN %s MODE', relation, lock_mode);
    END IF;
END
$$;

-- Takes the locks that a change of storage needs. A statement locks its view first and the documents later, and a
-- transaction may hold one view and want the next: waiting for one lock while holding another would be a deadlock that
-- a table, which is a single lock, does not have. So each attempt gives up well within deadlock_timeout, lets go of
-- what it got, and tries again in another order, until the session's own lock_timeout.
CREATE OR REPLACE FUNCTION kameleon.lock_storage(entity int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first_views text[] := ARRAY['read', 'insert', 'write'];
    attempt int := 0;
    relations oid[];
    own_timeout text := current_setting('lock_timeout');
    patience interval := own_timeout::interval;
    began timestamptz := clock_timestamp();
    own name[] := kameleon.storage_names(entity, '{read,insert,write,records}');
    -- what is read through others comes behind them
    shadows name[] := ARRAY(SELECT format('kdb_%s', n.name)
                            FROM kameleon.kdb_entity_definitions e
                            CROSS JOIN LATERAL unnest(kameleon.views_over(ARRAY[e.relid])) WITH ORDINALITY AS v (oid, position)
                            JOIN kameleon.kdb_view_definitions d ON d.relid = v.oid
                            CROSS JOIN LATERAL (VALUES (format('read_%s', d.view_id)), (format('write_%s_%s', d.view_id, d.generation))) AS n (name)
                            WHERE e.entity_id = entity
                            ORDER BY v.position DESC, n.name);
BEGIN
    LOOP
        SELECT array_agg(c.oid
                         ORDER BY CASE WHEN attempt % 2 = 0 THEN array_position(shadows, c.relname) END,
                                  c.relname !~ ('^kdb_' || first_views[attempt % 3 + 1]), c.relname ~ '^kdb_records', c.relname)
        INTO relations
        FROM pg_class c
        WHERE c.relkind IN ('r', 'v') AND c.relname = ANY (shadows || own)
          AND (c.relnamespace = 'kameleon'::regnamespace OR (c.relpersistence = 't' AND c.relname = ANY (shadows)));
        EXIT WHEN relations IS NULL;
        BEGIN
            PERFORM set_config('lock_timeout', '100ms', true);
            PERFORM kameleon.lock_alone(r.oid, 'ACCESS EXCLUSIVE') FROM unnest(relations) WITH ORDINALITY AS r (oid, position);
            PERFORM set_config('lock_timeout', own_timeout, true);
            EXIT;
        EXCEPTION WHEN lock_not_available THEN
            IF patience > interval '0' AND clock_timestamp() - began > patience THEN
                RAISE;
            END IF;
        END;
        attempt := attempt + 1;
        PERFORM pg_sleep(0.02 * random());
    END LOOP;
END
$$;

-- (Re)builds everything around an entity's documents for the shell as it is now, as a new generation. `beside`: nobody uses it
-- yet, the table goes on being what it is.
DROP FUNCTION IF EXISTS kameleon.build_storage(int);
CREATE OR REPLACE FUNCTION kameleon.build_storage(entity int, beside boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    shell oid;
    views oid[] := '{}';
BEGIN
    UPDATE kameleon.kdb_entity_definitions SET generation = generation + 1 WHERE entity_id = entity RETURNING relid INTO STRICT shell;
    PERFORM kameleon.lock_storage(entity);
    IF NOT beside THEN
        views := kameleon.views_over(ARRAY[shell]);
        PERFORM kameleon.drop_shadows(views);
    END IF;
    PERFORM kameleon.build_documents(entity, beside);
    IF NOT beside THEN
        -- where that cannot be done, it is told what becomes of the table
        PERFORM kameleon.make_shadows(views);
        PERFORM kameleon.make_bodies(shell || views);
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.build_documents(entity int, beside boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = 'warning' AS $$
DECLARE
    definition kameleon.kdb_entity_definitions;
    child text;
    columns text;
    names name[];
    attnums int2[];
    expressions text[];
    from_documents text[];
    write_casts text[];
    keys text[];
    computed text[];
    read_view text := 'kdb_read_' || entity;
    write_view text;
    insert_view text;
    field record;
    not_null_keys text[];
    refusals text := '';
    check_row record;
    checks text[] := '{}';
    conditions text[] := '{}';
    generated record;
    generate_steps text := '';
    failing_row text;
    owner_name name;
    renamed jsonb;
    defaults text[] := '{}';
    instead jsonb := '{}';
    without_defaults record;
BEGIN
    SELECT e.* INTO STRICT definition FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity;
    child := kameleon.child_name(definition);
    write_view := format('kdb_write_%s_%s', entity, definition.storage_generation);
    insert_view := format('kdb_insert_%s_%s', entity, definition.storage_generation);
    PERFORM kameleon.drop_views(entity);
    PERFORM kameleon.sync_fields(entity, definition.relid);
    PERFORM kameleon.drop_foreign_keys(entity, stale => true);
    IF child IS NULL THEN
        child := format('kdb_records_%s_%s', entity, definition.storage_generation);
        EXECUTE format('CREATE TABLE kameleon.%I (entity_id int NOT NULL DEFAULT %s CHECK (entity_id = %s), data jsonb NOT NULL DEFAULT ''{}'', kdb_rec kameleon.%I, kdb_keys text[], kdb_parts kameleon.%I[], kdb_paths text[])'
                       ' INHERITS (kameleon.kdb_records_bucket_%s)',
                       child, entity, entity, 'kdb_rec_' || entity, 'kdb_rec_' || entity, kameleon.free_bucket());
    ELSIF NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = format('kameleon.%I', child)::regclass AND a.attname = 'kdb_parts') THEN
        EXECUTE format('ALTER TABLE kameleon.%I ADD COLUMN kdb_parts kameleon.%I[], ADD COLUMN kdb_paths text[]', child, 'kdb_rec_' || entity);
    END IF;
    PERFORM kameleon.sync_owner(entity);
    PERFORM kameleon.add_key_columns(entity);
    SELECT array_agg(d.field_name ORDER BY d.attnum), array_agg(d.attnum ORDER BY d.attnum),
           array_agg(coalesce('kdb_document_row.' || k.column_name || CASE WHEN kameleon.base_type(d.type_oid) <> d.type_oid THEN '::' || d.type_name ELSE '' END,
                              d.expression) ORDER BY d.attnum),
           array_agg(d.expression ORDER BY d.attnum),
           array_agg(kameleon.write_cast(d.type_oid) ORDER BY d.attnum),
           array_agg('kdb_document_row.' || k.column_name ORDER BY d.attnum)
    INTO names, attnums, expressions, from_documents, write_casts, keys
    FROM (SELECT f.*, kameleon.read_expression('kdb_document_row.data', f.field_key, f.type_oid, f.type_modifier, f.collation_oid, f.missing_value) AS expression
          FROM kameleon.kdb_field_definitions f WHERE f.entity_id = entity AND NOT f.dropped OFFSET 0) AS d
    LEFT JOIN kameleon.key_columns(entity) AS k ON k.attnum = d.attnum AND k.is_current;
    PERFORM kameleon.replace_read_view(entity, kameleon.select_list(expressions, names), child);
    owner_name := (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = definition.relid);
    EXECUTE format('GRANT SELECT ON kameleon.%I TO %I', read_view, owner_name);
    SELECT array_agg(format('(%s)::%s', pg_get_expr(d.adbin, d.adrelid), format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum)
           FILTER (WHERE a.attgenerated = 'v') AS virtual_expressions,
           array_agg(a.attnum ORDER BY a.attnum) FILTER (WHERE a.attgenerated = 'v') AS virtual_columns,
           array_agg(format('(%s)::%s', pg_get_expr(d.adbin, d.adrelid), format_type(a.atttypid, a.atttypmod)) ORDER BY a.attnum)
           FILTER (WHERE a.attgenerated = 's') AS stored_expressions,
           array_agg(a.attnum ORDER BY a.attnum) FILTER (WHERE a.attgenerated = 's') AS stored_columns
    INTO generated
    FROM pg_attribute a JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    WHERE a.attrelid = definition.relid AND a.attgenerated <> '' AND NOT a.attisdropped;
    IF generated.virtual_columns IS NOT NULL THEN
        -- over the read view that now has all other columns
        computed := kameleon.over_document(entity, generated.virtual_expressions, 'kdb_document_row.data');
        FOR i IN 1 .. cardinality(computed) LOOP
            expressions[array_position(attnums, generated.virtual_columns[i])] := computed[i];
        END LOOP;
        PERFORM kameleon.replace_read_view(entity, kameleon.select_list(expressions, names), child);
    END IF;
    columns := kameleon.select_list(expressions, names);
    -- behind the table's own columns the system columns, by their numbers: the proxy counts on that
    EXECUTE format('CREATE VIEW kameleon.%I AS SELECT %s, kdb_document_row.ctid, kdb_document_row.xmin, kdb_document_row.cmin, kdb_document_row.xmax,'
                   ' kdb_document_row.cmax, %s::oid AS tableoid, kdb_document_row.data AS kdb_data, kdb_document_row.kdb_rec, kdb_document_row.kdb_keys,'
                   ' kdb_document_row.kdb_parts, kdb_document_row.kdb_paths'
                   ' FROM kameleon.%I AS kdb_document_row',
                   write_view, kameleon.select_list(ARRAY(SELECT coalesce(w.key, '(' || w.expression || ')' || w.type_cast, w.expression)
                                                          FROM unnest(expressions, write_casts, keys) WITH ORDINALITY AS w (expression, type_cast, key, position)
                                                          ORDER BY w.position), names), definition.relid, child);
    PERFORM kameleon.forget_key_defaults(entity, write_view);

    -- the insert view: PostgreSQL's own assignment casts and defaults, then the rule makes the document
    without_defaults := kameleon.no_key_defaults(entity);
    EXECUTE format('CREATE VIEW kameleon.%I AS SELECT * FROM kameleon.%I', insert_view, read_view);
    EXECUTE format('CREATE RULE kdb_insert AS ON INSERT TO kameleon.%I DO INSTEAD INSERT INTO kameleon.%I AS kdb_document_row (data%s) VALUES (%s%s) RETURNING %s',
                   insert_view, child, without_defaults.names, kameleon.pack_expression(entity, 'NEW.%I'), without_defaults.nulls, columns);
    FOR field IN
        SELECT d.field_name, d.field_key, kameleon.default_expression(definition.relid, d.attnum) AS default_value,
               d.type_oid, d.type_modifier, kameleon.base_type(d.type_oid) <> d.type_oid AS is_domain
        FROM kameleon.kdb_field_definitions d WHERE d.entity_id = entity AND NOT d.dropped
    LOOP
        CONTINUE WHEN field.default_value IS NULL AND NOT field.is_domain;
        IF field.default_value IS NOT NULL THEN
            defaults := defaults || format('ALTER COLUMN %I SET DEFAULT %s', field.field_name, field.default_value);
        END IF;
        instead := instead || jsonb_build_object(field.field_name,
            format('CASE WHEN $4 AND NOT %L = ANY ($3) THEN %s ELSE ($2).%I END', field.field_key,
                   -- a domain may refuse NULL
                   kameleon.assigned(coalesce(field.default_value, 'NULL'), field.type_oid, field.type_modifier), field.field_name));
    END LOOP;
    IF cardinality(defaults) > 0 THEN
        EXECUTE format('ALTER VIEW kameleon.%I %s', insert_view, array_to_string(defaults, ', '));
    END IF;
    PERFORM kameleon.build_copy(entity, definition.relid, insert_view);

    -- sub-field targets of UPDATE and INSERT ... ON CONFLICT become the document; kdb_keys names the columns given, which
    -- PostgreSQL resolves like the sub-fields, when the statement runs
    SELECT jsonb_object_agg(d.field_name, d.field_key) INTO renamed
    FROM kameleon.kdb_field_definitions d WHERE d.entity_id = entity AND NOT d.dropped AND d.field_name <> d.field_key;
    -- Bodies in standard SQL are resolved here and now: what runs does not depend on the client's search_path, and a
    -- default's own functions still see it.
    EXECUTE format('CREATE FUNCTION kameleon.%I(jsonb, kameleon.%I, text[], boolean) RETURNS jsonb LANGUAGE sql RETURN ($1 - $3) || %s',
                   'kdb_document_' || entity, 'kdb_rec_' || entity,
                   kameleon.pack_expression(entity, '($2).%I', '$4 OR %L = ANY ($3)', instead));
    IF renamed IS NOT NULL THEN
        EXECUTE format('CREATE FUNCTION kameleon.%I(text[]) RETURNS text[] LANGUAGE sql IMMUTABLE'
                       ' RETURN ARRAY(SELECT coalesce(%L::jsonb ->> n, n) FROM unnest($1) AS n)', 'kdb_keys_' || entity, renamed);
    END IF;
    EXECUTE format('CREATE FUNCTION kameleon.%I() RETURNS trigger LANGUAGE plpgsql AS %L', 'kdb_pack_' || entity,
                   format('BEGIN %s NEW.data := kameleon.%I(NEW.data, NEW.kdb_rec, %s, TG_OP OPERATOR(pg_catalog.=) ''INSERT'');'
                          ' NEW.kdb_rec := NULL; NEW.kdb_keys := NULL; RETURN NEW; END', kameleon.build_parts(entity), 'kdb_document_' || entity,
                          CASE WHEN renamed IS NULL THEN 'NEW.kdb_keys' ELSE format('kameleon.%I(NEW.kdb_keys)', 'kdb_keys_' || entity) END));
    EXECUTE format('CREATE TRIGGER kdb_1_pack BEFORE INSERT OR UPDATE ON kameleon.%I FOR EACH ROW WHEN (NEW.kdb_keys IS NOT NULL) EXECUTE FUNCTION kameleon.%I()',
                   child, 'kdb_pack_' || entity);

    -- stored generated columns
    IF generated.stored_columns IS NOT NULL THEN
        computed := kameleon.over_document(entity, generated.stored_expressions, '$1');
        SELECT string_agg(CASE WHEN kameleon.base_type(d.type_oid) = 'jsonb'::regtype
                               THEN format('kameleon.json_field(%L, %s)', d.field_key, v.expression)
                               ELSE format('jsonb_strip_nulls(jsonb_build_object(%L, %s))', d.field_key,
                                           kameleon.write_expression('(' || v.expression || ')', d.type_oid)) END, ' || ' ORDER BY d.attnum)
        INTO generate_steps
        FROM kameleon.kdb_field_definitions d JOIN unnest(generated.stored_columns, computed) AS v (attnum, expression) ON v.attnum = d.attnum
        WHERE d.entity_id = entity AND NOT d.dropped;
        EXECUTE format('CREATE FUNCTION kameleon.%I(jsonb) RETURNS jsonb LANGUAGE sql RETURN ($1 - %L::text[]) || %s', 'kdb_compute_' || entity,
                       (SELECT array_agg(d.field_key) FROM kameleon.kdb_field_definitions d
                        WHERE d.entity_id = entity AND d.attnum = ANY (generated.stored_columns) AND NOT d.dropped), generate_steps);
        EXECUTE format('CREATE FUNCTION kameleon.%I() RETURNS trigger LANGUAGE plpgsql AS %L', 'kdb_generate_' || entity,
                       format('BEGIN NEW.data := kameleon.%I(NEW.data); RETURN NEW; END', 'kdb_compute_' || entity));
        EXECUTE format('CREATE TRIGGER kdb_2_generate BEFORE INSERT OR UPDATE ON kameleon.%I FOR EACH ROW EXECUTE FUNCTION kameleon.%I()',
                       child, 'kdb_generate_' || entity);
    END IF;

    -- NOT NULL and CHECK: a trigger that is only called for a row that violates one
    failing_row := kameleon.failing_row(definition.relid, ARRAY(SELECT replace(d.expression, 'kdb_document_row.data', 'NEW.data') FROM unnest(from_documents) WITH ORDINALITY AS d (expression, position) ORDER BY d.position),
                                        ARRAY(SELECT d.attnum = ANY (coalesce(generated.virtual_columns, '{}')) FROM unnest(attnums) WITH ORDINALITY AS d (attnum, position) ORDER BY d.position));
    FOR field IN
        SELECT d.field_key, d.field_name, d.missing_value,
               CASE WHEN d.missing_value IS NULL THEN format('NOT NEW.data ? %L', d.field_key)
                    ELSE format('NEW.data ? %1$L AND (NEW.data ->> %1$L) IS NULL', d.field_key) END AS is_null
        FROM kameleon.kdb_field_definitions d
        JOIN pg_attribute a ON a.attrelid = definition.relid AND a.attnum = d.attnum
        WHERE d.entity_id = entity AND NOT d.dropped AND a.attnotnull AND a.attgenerated <> 'v'
        ORDER BY d.attnum
    LOOP
        IF field.missing_value IS NULL THEN
            not_null_keys := not_null_keys || field.field_key;
        ELSE
            conditions := conditions || field.is_null;
        END IF;
        refusals := refusals || kameleon.refusal(field.is_null, format('ERRCODE = ''not_null_violation'', MESSAGE = %L, SCHEMA = %L, TABLE = %L, COLUMN = %L',
            format('null value in column "%s" of relation "%s" violates not-null constraint', field.field_name, definition.entity_name),
            definition.schema_name, definition.entity_name, field.field_name));
    END LOOP;
    IF not_null_keys IS NOT NULL THEN
        conditions := format('NOT NEW.data ?& %L::text[]', not_null_keys) || conditions;
    END IF;
    FOR field IN
        SELECT a.attname AS field_name FROM pg_attribute a
        WHERE a.attrelid = definition.relid AND a.attnotnull AND a.attgenerated = 'v' AND NOT a.attisdropped ORDER BY a.attnum
    LOOP
        checks := kameleon.over_document(entity, ARRAY[format('%I', field.field_name)], 'NEW.data');
        conditions := conditions || format('(%s) IS NOT DISTINCT FROM NULL', checks[1]);
        refusals := refusals || kameleon.refusal(format('(%s) IS NOT DISTINCT FROM NULL', checks[1]), format('ERRCODE = ''not_null_violation'', MESSAGE = %L, SCHEMA = %L, TABLE = %L, COLUMN = %L',
            format('null value in column "%s" of relation "%s" violates not-null constraint', field.field_name, definition.entity_name),
            definition.schema_name, definition.entity_name, field.field_name));
    END LOOP;
    FOR check_row IN
        SELECT c.conname, pg_get_expr(c.conbin, c.conrelid) AS expression
        FROM pg_constraint c WHERE c.conrelid = definition.relid AND c.contype = 'c'
          AND coalesce((to_jsonb(c) ->> 'conenforced')::boolean, true)
        ORDER BY c.conname
    LOOP
        checks := kameleon.over_document(entity, ARRAY[format('(%s)', replace(check_row.expression, definition.entity_name || '.*', read_view || '.*'))], 'NEW.data');
        conditions := conditions || format('(%s) IS FALSE', checks[1]);
        refusals := refusals || kameleon.refusal(format('(%s) IS FALSE', checks[1]), format('ERRCODE = ''check_violation'', MESSAGE = %L, SCHEMA = %L, TABLE = %L, CONSTRAINT = %L',
            format('new row for relation "%s" violates check constraint "%s"', definition.entity_name, check_row.conname),
            definition.schema_name, definition.entity_name, check_row.conname));
    END LOOP;
    IF cardinality(conditions) > 0 THEN
        EXECUTE format('CREATE FUNCTION kameleon.%I() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS %L', 'kdb_refuse_' || entity,
                       format('DECLARE failing_row text := ''Failing row contains ('' || %s || '').''; BEGIN %s RETURN NEW; END', failing_row, refusals));
        EXECUTE format('CREATE TRIGGER kdb_3_check BEFORE INSERT OR UPDATE ON kameleon.%I FOR EACH ROW WHEN (%s) EXECUTE FUNCTION kameleon.%I()',
                       child, array_to_string(conditions, ' OR '), 'kdb_refuse_' || entity);
    END IF;
    PERFORM kameleon.build_key_triggers(entity);
    PERFORM kameleon.always_fire(entity);
    PERFORM kameleon.sync_indexes(entity);
    PERFORM kameleon.drop_key_columns(entity);
    PERFORM kameleon.sync_key(entity);
    PERFORM kameleon.sync_row_cast(entity);
    PERFORM kameleon.sync_grants(entity);
    PERFORM kameleon.sync_relationships(entity);
    IF NOT beside THEN
        PERFORM kameleon.set_guard(entity);
    END IF;
    PERFORM kameleon.depend_silently(array_agg(d.classid), array_agg(d.objid)) FROM kameleon.storage_objects(entity) AS d;
END
$$;

-- SQL of what is told of a row that is refused, from SQL of its values; NULL where the role may not read the table.
CREATE OR REPLACE FUNCTION kameleon.failing_row(shell oid, expressions text[], are_virtual boolean[]) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('CASE WHEN has_table_privilege(%s, ''SELECT'') THEN concat_ws('', '', %s) END', shell,
                  string_agg(CASE WHEN d.is_virtual THEN quote_literal('virtual')
                                  ELSE format('CASE WHEN %1$s IS NOT DISTINCT FROM NULL THEN ''null'' ELSE kameleon.clip(format(''%%s'', %1$s)) COLLATE "default" END', d.expression) END,
                             ', ' ORDER BY d.position))
    FROM unnest(expressions, are_virtual) WITH ORDINALITY AS d (expression, is_virtual, position)
$$;

-- The same as a function of the document, for views; its name.
CREATE OR REPLACE FUNCTION kameleon.make_failing_row(entity int) RETURNS name
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own_name name := 'kdb_failing_' || entity;
    row_text text;
BEGIN
    IF to_regproc(format('kameleon.%I', own_name)) IS NULL THEN
        SELECT kameleon.failing_row(a.attrelid, array_agg(kameleon.read_expression('$1', f.field_key, f.type_oid, f.type_modifier, f.collation_oid, f.missing_value) ORDER BY f.attnum),
                                    array_agg(a.attgenerated = 'v' ORDER BY f.attnum))
        INTO row_text
        FROM kameleon.kdb_field_definitions f JOIN kameleon.kdb_entity_definitions e USING (entity_id)
        JOIN pg_attribute a ON a.attrelid = e.relid AND a.attnum = f.attnum
        WHERE f.entity_id = entity AND NOT f.dropped GROUP BY a.attrelid;
        BEGIN
            EXECUTE format('CREATE FUNCTION kameleon.%I(jsonb) RETURNS text LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS %L',
                           own_name, format('BEGIN RETURN %s; END', row_text));
        EXCEPTION WHEN unique_violation OR duplicate_function THEN
            NULL;  -- another session has made it, for a view of its own
        END;
    END IF;
    RETURN own_name;
END
$$;

-- What the trigger does where `condition` says that the row violates a constraint.
CREATE OR REPLACE FUNCTION kameleon.refusal(condition text, options text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('IF %1$s THEN IF failing_row IS NULL THEN RAISE EXCEPTION USING %2$s; END IF; RAISE EXCEPTION USING %2$s, DETAIL = failing_row; END IF; ', condition, options)
$$;

-- Storage does not depend on session_replication_role: in a session that set it to replica, too, documents are made and
-- constraints hold. (ALTER TABLE has no form for the triggers and rules of a view.)
CREATE OR REPLACE FUNCTION kameleon.always_fire(entity int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    relations oid[] := ARRAY(SELECT c.oid FROM kameleon.storage_relations(entity, '{insert,records}') AS c);
BEGIN
    UPDATE pg_trigger t SET tgenabled = 'A'
    WHERE t.tgrelid = ANY (relations) AND t.tgenabled <> 'A'
      AND t.tgname IN ('kdb_copy', 'kdb_copied', 'kdb_0_follow', 'kdb_1_pack', 'kdb_2_generate', 'kdb_3_check', 'kdb_4_unpack');
    UPDATE pg_rewrite r SET ev_enabled = 'A' WHERE r.ev_class = ANY (relations) AND r.rulename = 'kdb_insert' AND r.ev_enabled <> 'A';
    -- the relations' cached descriptions are built anew
    UPDATE pg_class c SET relname = c.relname WHERE c.oid = ANY (relations);
END
$$;

-- A row of the read view is a row of the table: functions over the table's row type take it, and so do COALESCE and the like.
CREATE OR REPLACE FUNCTION kameleon.sync_row_cast(entity int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    shell regclass := (SELECT e.relid FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity);
    read_view text := format('kameleon.%I', 'kdb_read_' || entity);
    cast_function text := format('kameleon.%I', 'kdb_row_' || entity);
BEGIN
    EXECUTE format('CREATE OR REPLACE FUNCTION %s(kdb_row %s) RETURNS %s LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 1 RETURN %s',
                   cast_function, read_view, shell,
                   format('ROW(%s)::%s', (SELECT string_agg(format('($1).%I', a.attname), ', ' ORDER BY a.attnum)
                                                  FROM pg_attribute a WHERE a.attrelid = shell AND a.attnum > 0 AND NOT a.attisdropped), shell));
    -- It goes with the read view. While a function's body is said to depend on a table's row type, PostgreSQL (since its minor releases
    -- of November 2026) refuses every ALTER TABLE that may rewrite the table.
    DELETE FROM pg_depend d
    WHERE d.classid = 'pg_proc'::regclass AND d.objid = to_regprocedure(format('%s(%s)', cast_function, read_view))
      AND d.refclassid = 'pg_type'::regclass AND d.refobjid = (SELECT c.reltype FROM pg_class c WHERE c.oid = shell);
    IF NOT EXISTS (SELECT FROM pg_cast k WHERE k.castsource = to_regtype(read_view) AND k.casttarget = to_regtype(shell::text)) THEN
        EXECUTE format('CREATE CAST (%s AS %s) WITH FUNCTION %s(%s) AS IMPLICIT', read_view, shell, cast_function, read_view);
    END IF;
END
$$;

-- At most 64 bytes of a value, as PostgreSQL tells of a row.
CREATE OR REPLACE FUNCTION kameleon.clip(value text) RETURNS text
LANGUAGE sql IMMUTABLE
RETURN CASE WHEN octet_length(value) <= 64 THEN value
            ELSE left(value, (SELECT max(n) FROM generate_series(1, 64) AS n WHERE octet_length(left(value, n)) <= 64)) || '...' END;

-- The columns that an INSERT may name, as a list.
CREATE OR REPLACE FUNCTION kameleon.insertable(shell oid, pattern text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(format(pattern, a.attname), ', ' ORDER BY a.attnum)
    FROM pg_attribute a WHERE a.attrelid = shell AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
$$;

-- The names of an entity's own relations of these kinds, whether they are there or not.
CREATE OR REPLACE FUNCTION kameleon.storage_names(entity int, kinds text[]) RETURNS name[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN ARRAY(SELECT format('kdb_%s_%s%s', k.kind, entity, CASE WHEN k.kind IN ('write', 'insert', 'records') THEN '_' || e.storage_generation ELSE '' END)
                 FROM kameleon.kdb_entity_definitions e CROSS JOIN unnest(kinds) AS k (kind) WHERE e.entity_id = entity);
END
$$;

CREATE OR REPLACE FUNCTION kameleon.storage_relations(entity int, kinds text[]) RETURNS SETOF pg_class
LANGUAGE plpgsql STABLE ROWS 4 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    names name[] := kameleon.storage_names(entity, kinds);
BEGIN
    RETURN QUERY SELECT c.* FROM pg_class c WHERE c.relname = ANY (names) AND c.relnamespace = 'kameleon'::regnamespace ORDER BY c.relname;
END
$$;

-- An entity's own functions of these kinds, and those of its key columns.
CREATE OR REPLACE FUNCTION kameleon.storage_functions(entity int, kinds text[]) RETURNS SETOF oid
LANGUAGE plpgsql STABLE ROWS 10 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    names name[] := ARRAY(SELECT format('kdb_%s_%s', k.kind, entity) FROM unnest(kinds) AS k (kind));
    -- all that begins with kdb_column_<entity>_
    first_key name := format('kdb_column_%s_', entity);
    behind_keys name := format('kdb_column_%s`', entity);
BEGIN
    RETURN QUERY
    SELECT p.oid FROM pg_proc p WHERE p.proname = ANY (names) AND p.pronamespace = 'kameleon'::regnamespace
    UNION ALL
    SELECT p.oid FROM pg_proc p WHERE p.proname > first_key AND p.proname < behind_keys AND p.pronamespace = 'kameleon'::regnamespace;
END
$$;

-- Objects of an entity whose dependencies on the user's own objects must stay silent.
CREATE OR REPLACE FUNCTION kameleon.storage_objects(entity int) RETURNS TABLE (classid oid, objid oid)
LANGUAGE plpgsql STABLE ROWS 30 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    relations oid[] := ARRAY(SELECT c.oid FROM kameleon.storage_relations(entity, '{read,write,insert,records,rec,guard,stash}') AS c);
    row_type oid := (SELECT t.oid FROM pg_type t WHERE t.typname = 'kdb_read_' || entity AND t.typnamespace = 'kameleon'::regnamespace);
BEGIN
    RETURN QUERY
    SELECT 'pg_class'::regclass::oid, r.oid FROM unnest(relations) AS r (oid)
    UNION ALL SELECT 'pg_rewrite'::regclass, r.oid FROM pg_rewrite r WHERE r.ev_class = ANY (relations)
    UNION ALL SELECT 'pg_attrdef'::regclass, d.oid FROM pg_attrdef d WHERE d.adrelid = ANY (relations)
    UNION ALL SELECT 'pg_trigger'::regclass, t.oid FROM pg_trigger t WHERE t.tgrelid = ANY (relations)
    UNION ALL SELECT 'pg_class'::regclass, i.indexrelid FROM pg_index i WHERE i.indrelid = ANY (relations)
    UNION ALL SELECT 'pg_proc'::regclass, f.oid FROM kameleon.storage_functions(entity, '{row,document,compute}') AS f (oid)
    UNION ALL SELECT 'pg_cast'::regclass, k.oid FROM pg_cast k WHERE k.castsource = row_type;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.drop_views(entity int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = 'warning' AS $$
DECLARE
    object record;
    views text;
    functions text;
BEGIN
    FOR object IN
        SELECT t.tgname, c.relname FROM kameleon.storage_relations(entity, '{records}') AS c JOIN pg_trigger t ON t.tgrelid = c.oid
        WHERE NOT t.tgisinternal
    LOOP
        EXECUTE format('DROP TRIGGER %I ON kameleon.%I', object.tgname, object.relname);
    END LOOP;
    SELECT string_agg(format('kameleon.%I', c.relname), ', ') INTO views FROM kameleon.storage_relations(entity, '{write,insert}') AS c;
    IF views IS NOT NULL THEN
        EXECUTE 'DROP VIEW ' || views;
    END IF;
    IF to_regclass('kameleon.kdb_stash_' || entity) IS NOT NULL THEN
        EXECUTE format('DROP TABLE kameleon.%I', 'kdb_stash_' || entity);
    END IF;
    SELECT string_agg(f.oid::regprocedure::text, ', ') INTO functions
    FROM kameleon.storage_functions(entity, '{copy,copied,stashed,pack,generate,refuse,document,compute,keys,parts,unpack,follow,failing}') AS f (oid);
    IF functions IS NOT NULL THEN
        EXECUTE 'DROP FUNCTION ' || functions;
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.drop_storage(entity int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    child text := (SELECT kameleon.child_name(e) FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity);
    read_view regclass := to_regclass(format('kameleon.%I', 'kdb_read_' || entity));
BEGIN
    PERFORM kameleon.lock_storage(entity);
    PERFORM kameleon.drop_strays(ARRAY(SELECT c.oid FROM kameleon.storage_relations(entity, '{read,write}') AS c));
    PERFORM kameleon.drop_views(entity);
    IF read_view IS NOT NULL THEN
        -- with the client's own words: views over the table stand in the way, or are told of as they go
        EXECUTE format('DROP VIEW %s', read_view) || CASE WHEN current_query() ~* '\mcascade\M' THEN ' CASCADE' ELSE '' END;
    END IF;
    IF to_regclass(format('kameleon.%I', 'kdb_guard_' || entity)) IS NOT NULL THEN
        EXECUTE format('DROP TABLE kameleon.%I', 'kdb_guard_' || entity);
    END IF;
    IF child IS NOT NULL THEN
        PERFORM kameleon.drop_foreign_keys(entity, cascaded => true);
        EXECUTE format('DROP TABLE kameleon.%I', child);
    END IF;
    IF to_regtype(format('kameleon.%I', 'kdb_rec_' || entity)) IS NOT NULL THEN
        EXECUTE format('DROP TYPE kameleon.%I', 'kdb_rec_' || entity);
    END IF;
    DELETE FROM kameleon.kdb_entity_definitions WHERE entity_id = entity;
END
$$;
