-- The gain of dedicated storage, measured on a copy: kameleon.simulate(). Re-created on every install.
--
-- It runs with the caller's rights, so it reads what the caller may read, and calls functions of others as the caller
-- would. Everything that it makes is temporary, and undone before it returns. What is measured runs read-only.

-- What has to be known of an entity: itself, and the entities that foreign keys tie to it, which stay where they are.
CREATE OR REPLACE FUNCTION kameleon.simulation_plan(relation regclass, entity_name text) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    definition kameleon.kdb_entity_definitions;
    tables kameleon.kdb_entity_definitions[];
    forbidden name;
BEGIN
    IF relation IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_table', MESSAGE = format('relation "%s" does not exist', entity_name);
    END IF;
    SELECT e.* INTO definition FROM kameleon.kdb_entity_definitions e WHERE e.relid = relation;
    IF definition.entity_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type', MESSAGE = format('"%s" is not an entity', entity_name),
            HINT = 'The view kameleon.entities lists them.';
    END IF;
    IF definition.storage_mode <> 'shared' THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = format('table "%s" is kept in dedicated storage already', definition.entity_name),
            HINT = 'There is nothing to be gained by moving it there.';
    END IF;
    tables := ARRAY(SELECT e FROM kameleon.kdb_entity_definitions e
                    WHERE e.relid IN (SELECT unnest(ARRAY[relation::oid, k.conrelid, k.confrelid]) FROM kameleon.foreign_keys_of(relation) AS k UNION SELECT relation)
                    ORDER BY e.relid <> relation, e.entity_id);
    SELECT t.entity_name INTO forbidden FROM unnest(tables) AS t
    WHERE NOT has_table_privilege(kameleon.acting_role(), t.relid, 'SELECT') ORDER BY t.relid <> relation LIMIT 1;
    IF forbidden IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('permission denied for table %s', forbidden),
            HINT = 'To measure, rows are read: of the table, and of those that foreign keys tie to it.';
    END IF;
    RETURN json_build_object(
        'tables', (SELECT json_agg(json_build_object('entity', t.entity_id, 'name', t.entity_name, 'relid', t.relid::bigint,
                                                      'rows', CASE t.storage_mode WHEN 'shared' THEN format('kameleon.%I', 'kdb_read_' || t.entity_id) ELSE t.relid::regclass::text END)
                                    ORDER BY t.relid <> relation, t.entity_id)
                   FROM unnest(tables) AS t),
        'keys', (SELECT coalesce(json_agg(json_build_object(
                    'from', f.entity_id, 'to', g.entity_id, 'name', k.conname,
                    'columns', ARRAY(SELECT a.attname FROM unnest(k.conkey) WITH ORDINALITY AS u (attnum, number) JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.attnum ORDER BY u.number),
                    'targets', ARRAY(SELECT a.attname FROM unnest(k.confkey) WITH ORDINALITY AS u (attnum, number) JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.attnum ORDER BY u.number)) ORDER BY k.conname), '[]')
                 FROM pg_constraint k
                 JOIN kameleon.kdb_entity_definitions f ON f.relid = k.conrelid
                 JOIN kameleon.kdb_entity_definitions g ON g.relid = k.confrelid
                 WHERE k.contype = 'f' AND k.connamespace <> 'kameleon'::regnamespace AND relation IN (k.conrelid, k.confrelid) AND k.conrelid <> k.confrelid));
END
$$;

DROP FUNCTION IF EXISTS kameleon.simulate_entity(regclass, text, interval, int, text);
CREATE FUNCTION kameleon.simulate_entity(relation regclass, entity_name text, budget interval, max_rows int, path text)
RETURNS TABLE (shape text, shared_ms float8, dedicated_ms float8, gain float8, rows bigint, sampled float8)
LANGUAGE plpgsql VOLATILE SET search_path = pg_catalog, pg_temp SET client_min_messages = 'warning' SET kameleon.internal = 'on' AS $$
DECLARE
    plan json := kameleon.simulation_plan(relation, entity_name);
    started timestamptz := clock_timestamp();
    each record;
    key record;
    query record;
    own int := (plan -> 'tables' -> 0 ->> 'entity')::int;
    total bigint;
    share float8 := 1;
    probed timestamptz;
    row_seconds float8;
    most int;
    copied bigint;
    columns text;
    text_of text;
    result record;
    shapes text[] := '{}';
    shared_times float8[] := '{}';
    dedicated_times float8[] := '{}';
    kept_rows bigint;
BEGIN
    IF max_rows < 1 OR budget <= interval '0' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = 'budget and max_rows must be positive';
    END IF;
    IF current_setting('transaction_read_only')::boolean THEN
        RAISE EXCEPTION USING ERRCODE = 'read_only_sql_transaction', MESSAGE = 'cannot execute kameleon.simulate() in a read-only transaction',
            HINT = 'It changes nothing, but makes a temporary copy to measure on.';
    END IF;
    BEGIN
        -- the copy: a temporary table with the shell's indexes; the others are what they are on both sides
        FOR each IN
            SELECT (t ->> 'entity')::int AS entity, t ->> 'name' AS name, (t ->> 'relid')::oid::regclass AS shell, t ->> 'rows' AS rows FROM json_array_elements(plan -> 'tables') AS t
        LOOP
            -- at most as many rows as there is time to copy: two fifths of the budget for all tables, as a few rows tell
            probed := clock_timestamp();
            EXECUTE format('SELECT count(r) FROM (SELECT * FROM %s LIMIT 1000) AS r', each.rows) INTO total;
            row_seconds := 4 * extract(epoch FROM clock_timestamp() - probed) / greatest(total, 1);
            most := least(max_rows, greatest(100, extract(epoch FROM budget) * 0.4 / json_array_length(plan -> 'tables') / greatest(row_seconds, 1e-6)))::int;
            EXECUTE format('SELECT count(*) FROM (SELECT FROM %s LIMIT %s) AS r', each.rows, most::bigint + 1) INTO total;
            IF each.entity <> own THEN
                EXECUTE format('CREATE TEMPORARY VIEW kdb_side_%s AS SELECT * FROM %s%s', each.entity, each.rows, CASE WHEN total > most THEN format(' LIMIT %s', most) ELSE '' END);
                EXECUTE format('CREATE TEMPORARY VIEW kdb_copied_%s AS SELECT * FROM %s%s', each.entity, each.rows, CASE WHEN total > most THEN format(' LIMIT %s', most) ELSE '' END);
                CONTINUE;
            END IF;
            kept_rows := least(total, most);
            SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) INTO columns
            FROM pg_attribute a WHERE a.attrelid = each.shell AND a.attnum > 0 AND NOT a.attisdropped;
            EXECUTE format('CREATE TEMPORARY TABLE kdb_copy_%s (LIKE %s INCLUDING INDEXES INCLUDING STORAGE)', each.entity, each.shell);
            EXECUTE format('INSERT INTO kdb_copy_%s (%s) SELECT %2$s FROM kameleon.kdb_read_%1$s LIMIT %3$s', each.entity, columns, kept_rows);
            EXECUTE format('ANALYZE kdb_copy_%s', each.entity);
            IF total > most THEN
                EXECUTE format('CREATE TEMPORARY VIEW kdb_side_%1$s AS SELECT * FROM kameleon.kdb_read_%1$s LIMIT %2$s', each.entity, most);
                EXECUTE format('CREATE TEMPORARY VIEW kdb_copied_%1$s AS SELECT * FROM kdb_copy_%1$s LIMIT %2$s', each.entity, most);
            ELSE
                EXECUTE format('CREATE TEMPORARY VIEW kdb_side_%s AS SELECT * FROM kameleon.kdb_read_%1$s', each.entity);
                EXECUTE format('CREATE TEMPORARY VIEW kdb_copied_%s AS SELECT * FROM kdb_copy_%1$s', each.entity);
            END IF;
            copied := kept_rows;
            IF total > most THEN
                share := most / greatest(kameleon.estimated_rows(relation), most::float8 + 1);
            END IF;
        END LOOP;

        FOR query IN SELECT * FROM kameleon.simulated_shapes(plan, relation, path) LOOP
            EXIT WHEN shapes <> '{}' AND clock_timestamp() - started > budget;
            -- a recorded statement is run four times at least, and each run is one that nothing ends early
            CONTINUE WHEN 4 * query.expected_ms > 1000 * extract(epoch FROM started + budget - clock_timestamp());
            CONTINUE WHEN query.names <> '{}' AND NOT kameleon.is_harmless(query.statement, query.names, query.entities, query.search_in);
            SELECT m.* INTO result FROM kameleon.measure_twice(query.statement, query.divisor, query.names, query.entities, query.search_in, started + budget) AS m;
            CONTINUE WHEN result.shared IS NULL OR result.dedicated IS NULL;
            shapes := shapes || query.shape;
            shared_times := shared_times || result.shared;
            dedicated_times := dedicated_times || result.dedicated;
        END LOOP;
        -- all of it is undone; variables stay as they are
        RAISE EXCEPTION USING ERRCODE = 'KDB09', MESSAGE = 'measured';
    EXCEPTION WHEN SQLSTATE 'KDB09' THEN
        NULL;
    END;
    RETURN QUERY
        SELECT u.name, round(u.one::numeric, 5)::float8, round(u.other::numeric, 5)::float8, round((1 - u.other / greatest(u.one, 0.0001))::numeric, 3)::float8, copied, round(share::numeric, 4)::float8
        FROM unnest(shapes, shared_times, dedicated_times) WITH ORDINALITY AS u (name, one, other, number) ORDER BY u.number;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.estimated_rows(relation regclass) RETURNS float8
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT kameleon.row_density(c.oid) * pg_relation_size(c.oid) / current_setting('block_size')::int
    FROM kameleon.kdb_entity_definitions e JOIN pg_class c ON c.oid = to_regclass(format('kameleon.%I', kameleon.child_name(e)))
    WHERE e.relid = relation AND has_table_privilege(kameleon.acting_role(), relation, 'SELECT')
$$;

-- What is measured. In a statement, kdb_side_<entity> stands for the table: a view over the documents, or the copy.
-- `names`: what else stands for one, in the text of a statement that was recorded.
DROP FUNCTION IF EXISTS kameleon.simulated_shapes(json, regclass, text);
CREATE FUNCTION kameleon.simulated_shapes(plan json, relation regclass, path text)
RETURNS TABLE (shape text, statement text, divisor float8, names text[], entities int[], search_in text, expected_ms float8)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own int := (plan -> 'tables' -> 0 ->> 'entity')::int;
    columns text;
    counted text;
    key text;
    recorded record;
    text_of text;
BEGIN
    search_in := 'pg_catalog, pg_temp';
    -- statements as they were recorded, where texts are kept: those first that took most time
    FOR recorded IN
        SELECT s.statement, s.mean_ms FROM kameleon.query_stats s
        WHERE s.statement IS NOT NULL AND s.storage_mode = 'shared' AND s.query_type = 'SELECT'
          AND (SELECT array_agg(to_regclass(n)) FROM unnest(s.entities) AS n) @> ARRAY[relation]
        ORDER BY s.total_ms DESC LIMIT 5
    LOOP
        text_of := kameleon.filled_statement(recorded.statement, plan);
        CONTINUE WHEN text_of IS NULL;
        shape := format('recorded: %s', recorded.statement);
        statement := format('SELECT count(r) FROM (%s) AS r', text_of);
        divisor := 1;
        SELECT array_agg(t ->> 'name'), array_agg((t ->> 'entity')::int) INTO names, entities FROM json_array_elements(plan -> 'tables') AS t;
        search_in := 'pg_temp, ' || path;
        expected_ms := recorded.mean_ms;
        RETURN NEXT;
    END LOOP;
    expected_ms := NULL;
    names := '{}';
    entities := '{}';
    search_in := 'pg_catalog, pg_temp';
    divisor := 1;

    SELECT string_agg(format('count(t.%I)', a.attname), ', ' ORDER BY a.attnum) INTO columns
    FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped;
    shape := 'made up: reading all columns of all rows';
    statement := format('SELECT count(*)%s FROM kdb_side_%s AS t', coalesce(', ' || columns, ''), own);
    RETURN NEXT;

    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.number) INTO key
    FROM pg_index x, unnest(x.indkey) WITH ORDINALITY AS k (attnum, number) JOIN pg_attribute a ON a.attnum = k.attnum
    WHERE x.indrelid = relation AND x.indisprimary AND a.attrelid = x.indrelid AND k.number <= x.indnkeyatts;
    IF key IS NOT NULL THEN
        shape := 'made up: one row by its primary key';
        statement := format('SELECT count(r) FROM (SELECT %1$s FROM kdb_copy_%2$s LIMIT 200) AS k, LATERAL (SELECT * FROM kdb_full_%2$s AS t WHERE (%3$s) = (%4$s) OFFSET 0) AS r',
                            key, own, kameleon.prefixed(key, 't'), kameleon.prefixed(key, 'k'));
        divisor := 200;
        RETURN NEXT;
        divisor := 1;
    END IF;

    RETURN QUERY
        SELECT format('made up: a join by foreign key %I, all rows', j.name),
               format('SELECT count(*), %s FROM kdb_side_%s AS t JOIN kdb_side_%s AS u ON %s',
                      concat_ws(', ', kameleon.counted(f.relid, 't'), kameleon.counted(g.relid, 'u')), j."from", j."to",
                      (SELECT string_agg(format('t.%I = u.%I', c.one, c.other), ' AND ') FROM unnest(j.columns, j.targets) AS c (one, other))),
               1::float8, '{}'::text[], '{}'::int[], 'pg_catalog, pg_temp', NULL::float8
        FROM json_to_recordset(plan -> 'keys') AS j ("from" int, "to" int, name text, columns text[], targets text[])
        JOIN json_to_recordset(plan -> 'tables') AS f (entity int, relid oid) ON f.entity = j."from"
        JOIN json_to_recordset(plan -> 'tables') AS g (entity int, relid oid) ON g.entity = j."to"
        ORDER BY j.name LIMIT 5;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.counted(relation oid, alias text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(format('count(%I.%I)', alias, a.attname), ', ' ORDER BY a.attnum)
    FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped
$$;

CREATE OR REPLACE FUNCTION kameleon.prefixed(columns text, alias text) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT alias || '.' || replace(columns, ', ', format(', %s.', alias))
$$;

-- A recorded statement, its literals filled in: a value of the column that one is compared with, 10 for a LIMIT. NULL
-- where a literal stands elsewhere.
CREATE OR REPLACE FUNCTION kameleon.filled_statement(statement text, plan json) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    filled text := regexp_replace(rtrim(statement, E'; \n\t'), '(\?|\$[0-9]+), \.\.\.', '\1', 'g');
    column_of text;
    value text;
    found record;
BEGIN
    FOR round IN 1 .. 20 LOOP
        filled := regexp_replace(filled, '\m(limit|offset)\s+(\?|\$[0-9]+)', '\1 10', 'gi');
        column_of := substring(filled from '"?([[:alpha:]_][[:alnum:]_$]*)"?\s*(?:=|<>|<=|>=|<|>|=\s*any\s*\(|in\s*\()\s*(?:\?|\$[0-9]+)');
        EXIT WHEN column_of IS NULL;
        value := NULL;
        SELECT (t ->> 'entity')::int AS entity, a.attname INTO found
        FROM json_array_elements(plan -> 'tables') AS t JOIN pg_attribute a ON a.attrelid = (t ->> 'relid')::oid
        WHERE a.attname IN (column_of, lower(column_of)) AND a.attnum > 0 AND NOT a.attisdropped LIMIT 1;
        IF found.entity IS NULL OR filled ~* format('%s"?\s*=\s*any', column_of) THEN
            RETURN NULL;
        END IF;
        EXECUTE format('SELECT quote_literal(c.%I::text) FROM (SELECT * FROM kdb_side_%s LIMIT 1000) AS c WHERE c.%1$I IS NOT NULL LIMIT 1', found.attname, found.entity) INTO value;
        IF value IS NULL THEN
            RETURN NULL;
        END IF;
        filled := regexp_replace(filled, format('("?%s"?\s*(?:=|<>|<=|>=|<|>|in\s*\()\s*)(?:\?|\$[0-9]+)', column_of), '\1' || replace(value, '\', '\\'));
    END LOOP;
    RETURN CASE WHEN filled ~ '\?|\$[0-9]' THEN NULL ELSE filled END;
END
$$;

-- The median of several runs over the documents and over the copies, in turns: what else the machine does meets both.
-- NULL for a statement that cannot be run here.
CREATE OR REPLACE FUNCTION kameleon.measure_twice(statement text, divisor float8, names text[], entities int[], path text, until timestamptz,
                                                  OUT shared float8, OUT dedicated float8)
LANGUAGE plpgsql AS $$
DECLARE
    times float8[];
    shared_times float8[] := '{}';
    dedicated_times float8[] := '{}';
BEGIN
    FOR round IN 1 .. 6 LOOP
        -- the first round only warms up, unless there is no time for another
        EXIT WHEN round > 1 AND clock_timestamp() > until;
        IF round = 2 THEN
            shared_times := '{}';
            dedicated_times := '{}';
        END IF;
        shared_times := shared_times || kameleon.measure_once(regexp_replace(statement, '\mkdb_full_', 'kameleon.kdb_read_', 'g'), names, entities, 'kdb_side_', path);
        dedicated_times := dedicated_times || kameleon.measure_once(regexp_replace(regexp_replace(statement, '\mkdb_full_', 'kdb_copy_', 'g'), '\mkdb_side_', 'kdb_copied_', 'g'), names, entities, 'kdb_copied_', path);
        EXIT WHEN shared_times[1] IS NULL OR dedicated_times[1] IS NULL;
    END LOOP;
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY t) / divisor INTO shared FROM unnest(shared_times) AS t;
    SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY t) / divisor INTO dedicated FROM unnest(dedicated_times) AS t;
END
$$;

-- Whether a recorded statement calls nothing that a role may have made for others to call: whoever measures it did not
-- write it. Asked of what a view of it depends on, so that nothing of it is run.
CREATE OR REPLACE FUNCTION kameleon.is_harmless(statement text, names text[], entities int[], path text) RETURNS boolean
LANGUAGE plpgsql AS $$
DECLARE
    harmless boolean := false;
BEGIN
    BEGIN
        FOR number IN 1 .. cardinality(names) LOOP
            EXECUTE format('CREATE TEMPORARY VIEW %I AS SELECT * FROM pg_temp.%I', names[number], 'kdb_copied_' || entities[number]);
        END LOOP;
        PERFORM set_config('search_path', path, true);
        EXECUTE 'CREATE TEMPORARY VIEW kdb_tried AS ' || statement;
        PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
        SELECT bool_and(CASE d.refclassid
                   WHEN 'pg_class'::regclass THEN (SELECT c.relkind IN ('r', 'p', 'm') OR c.relnamespace = pg_my_temp_schema() FROM pg_class c WHERE c.oid = d.refobjid)
                   WHEN 'pg_proc'::regclass THEN (SELECT u.rolsuper OR u.rolname = current_user FROM pg_proc p JOIN pg_roles u ON u.oid = p.proowner WHERE p.oid = d.refobjid)
                   WHEN 'pg_operator'::regclass THEN (SELECT u.rolsuper OR u.rolname = current_user FROM pg_operator o JOIN pg_proc p ON p.oid = o.oprcode JOIN pg_roles u ON u.oid = p.proowner WHERE o.oid = d.refobjid)
                   WHEN 'pg_type'::regclass THEN (SELECT u.rolsuper OR u.rolname = current_user OR t.typtype <> 'd' FROM pg_type t JOIN pg_roles u ON u.oid = t.typowner WHERE t.oid = d.refobjid)
                   ELSE true END) INTO harmless
        FROM pg_depend d JOIN pg_rewrite w ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid
        WHERE w.ev_class = to_regclass('pg_temp.kdb_tried');
        RAISE EXCEPTION USING ERRCODE = 'KDB09', MESSAGE = 'looked at';
    EXCEPTION
        WHEN SQLSTATE 'KDB09' THEN
            NULL;
        WHEN query_canceled THEN
            RAISE;
        WHEN others THEN
            harmless := false;
    END;
    RETURN coalesce(harmless, false);
END
$$;

-- ms for one run, read-only; NULL where it fails.
CREATE OR REPLACE FUNCTION kameleon.measure_once(statement text, names text[], entities int[], prefix text, path text) RETURNS float8
LANGUAGE plpgsql AS $$
DECLARE
    started timestamptz;
    took float8;
BEGIN
    BEGIN
        FOR number IN 1 .. cardinality(names) LOOP
            EXECUTE format('CREATE TEMPORARY VIEW %I AS SELECT * FROM pg_temp.%I', names[number], prefix || entities[number]);
        END LOOP;
        PERFORM set_config('search_path', path, true), set_config('transaction_read_only', 'on', true);
        started := clock_timestamp();
        EXECUTE statement;
        took := extract(epoch FROM clock_timestamp() - started) * 1000;
        RAISE EXCEPTION USING ERRCODE = 'KDB09', MESSAGE = 'measured';
    EXCEPTION
        WHEN SQLSTATE 'KDB09' THEN
            NULL;
        WHEN query_canceled THEN
            RAISE;
        WHEN others THEN
            took := NULL;
    END;
    RETURN took;
END
$$;

DROP FUNCTION IF EXISTS kameleon.simulate(text, interval, int);
CREATE FUNCTION kameleon.simulate(entity_name text, budget interval DEFAULT '10 seconds', max_rows int DEFAULT 100000)
RETURNS TABLE (shape text, shared_ms float8, dedicated_ms float8, gain float8, rows bigint, sampled float8)
LANGUAGE sql VOLATILE AS $$
    SELECT * FROM kameleon.simulate_entity(pg_catalog.to_regclass(entity_name), entity_name, budget, max_rows, pg_catalog.current_setting('search_path'))
$$;
COMMENT ON FUNCTION kameleon.simulate(text, interval, int) IS
    'Measures, on a temporary copy of its rows, what a table''s statements would take in dedicated storage. gain is the part of the time that is saved; rows and sampled tell what was read.';
