-- Views that users make over entities, or over system catalogs that are shown without what is ours. Re-created on every install.
--
-- A view stands in PostgreSQL's catalogs just as its CREATE VIEW said, over the shells. Beside it stands its *shadow*,
-- kdb_read_<number>, the same query over the entities' read views and other views' shadows, and where the view can be
-- updated, kdb_write_<number>_<generation>, over the write view of the entity behind it. The proxy names the shadow where the
-- client names the view. What depends on the view, who may use it and how it is shown is PostgreSQL's own business.
--
-- PostgreSQL itself writes the shadow's query: pg_get_viewdef() prints the names that relations have at that moment.

-- What a query reads in a relation's stead; NULL for a relation that is read itself.
CREATE OR REPLACE FUNCTION kameleon.stand_in(relation oid) RETURNS oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT c.oid FROM kameleon.kdb_entity_definitions e
    JOIN pg_class c ON c.relnamespace = 'kameleon'::regnamespace AND c.relname = 'kdb_read_' || e.entity_id
    WHERE e.relid = relation AND e.storage_mode = 'shared'
    UNION ALL
    SELECT c.oid FROM kameleon.kdb_view_definitions d
    JOIN pg_class v ON v.oid = d.relid AND v.relkind = 'v'
    JOIN pg_class c ON c.relnamespace IN ('kameleon'::regnamespace, v.relnamespace) AND c.relname = 'kdb_read_' || d.view_id
    WHERE d.relid = relation
    UNION ALL
    SELECT to_regclass(format('kameleon.kdb_read_%s', s.number)) FROM kameleon.kdb_shown_catalogs s WHERE s.relid = relation);
END
$$;

-- What is written to in a relation's stead.
CREATE OR REPLACE FUNCTION kameleon.write_stand_in(relation oid) RETURNS oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT c.oid FROM kameleon.kdb_entity_definitions e
    JOIN pg_class c ON c.relnamespace = 'kameleon'::regnamespace AND c.relname = format('kdb_write_%s_%s', e.entity_id, e.storage_generation)
    WHERE e.relid = relation AND e.storage_mode = 'shared'
    UNION ALL
    SELECT c.oid FROM kameleon.kdb_view_definitions d
    JOIN pg_class v ON v.oid = d.relid
    JOIN pg_class c ON c.relnamespace IN ('kameleon'::regnamespace, v.relnamespace) AND c.relname = format('kdb_write_%s_%s', d.view_id, d.generation)
    WHERE d.relid = relation);
END
$$;

-- What an INSERT into a table writes to.
CREATE OR REPLACE FUNCTION kameleon.insert_stand_in(relation oid) RETURNS oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT to_regclass(format('kameleon.kdb_insert_%s_%s', e.entity_id, e.storage_generation))
            FROM kameleon.kdb_entity_definitions e WHERE e.relid = relation AND e.storage_mode = 'shared');
END
$$;

-- The relations that a view's query names.
CREATE OR REPLACE FUNCTION kameleon.view_sources(view_oid oid) RETURNS SETOF oid
LANGUAGE plpgsql STABLE ROWS 3 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT d.refobjid
    FROM pg_rewrite r
    JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = r.oid
        AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> r.ev_class
    WHERE r.ev_class = view_oid AND r.rulename = '_RETURN'
    UNION
    SELECT s.relid FROM pg_rewrite r, kameleon.catalogs_in(r.ev_action::text) AS s (relid)
    WHERE r.ev_class = view_oid AND r.rulename = '_RETURN';
END
$$;

-- The system catalogs that a parsed query reads and that are shown without what is ours: nothing is said to depend on those.
CREATE OR REPLACE FUNCTION kameleon.catalogs_in(query text) RETURNS SETOF oid
LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT DISTINCT s.relid FROM regexp_matches(query, ':relid (\d+) ', 'g') AS r (found)
    JOIN kameleon.kdb_shown_catalogs s ON s.relid = r.found[1]::oid;
END
$$;

-- The views over these relations, over those, and so on, each behind what it reads. A materialized view has rows of its
-- own: what reads it does not read further. (By CREATE OR REPLACE, views can be made to read each other in a ring.)
CREATE OR REPLACE FUNCTION kameleon.views_over(relations oid[]) RETURNS oid[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY (relations) AND d.classid = 'pg_rewrite'::regclass) THEN
        RETURN '{}';
    END IF;
    RETURN (WITH RECURSIVE dependent AS (
        SELECT r.oid, 0 AS depth, true AS goes_on FROM unnest(relations) AS r (oid)
        UNION
        SELECT c.oid, dependent.depth + 1, c.relkind = 'v'
        FROM dependent
        JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = dependent.oid AND d.classid = 'pg_rewrite'::regclass
        JOIN pg_rewrite r ON r.oid = d.objid AND r.ev_class <> dependent.oid AND r.rulename = '_RETURN'
        JOIN pg_class c ON c.oid = r.ev_class AND c.relnamespace <> 'kameleon'::regnamespace AND c.relname !~ '^kdb_(read|write)_[0-9]'
        WHERE dependent.goes_on AND dependent.depth <= (SELECT count(*) FROM pg_class v WHERE v.relkind IN ('v', 'm'))
    )
    SELECT coalesce(array_agg(t.oid ORDER BY t.depth, t.oid), '{}')
    FROM (SELECT oid, max(depth) AS depth FROM dependent WHERE depth > 0 GROUP BY oid) AS t);
END
$$;

-- The transaction that last moved rows that a view reads, be it through others.
CREATE OR REPLACE FUNCTION kameleon.view_moved_by(view_oid oid) RETURNS xid8
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (WITH RECURSIVE source AS (
        SELECT view_oid AS oid
        UNION
        SELECT s.oid FROM source JOIN pg_class c ON c.oid = source.oid AND c.relkind = 'v' CROSS JOIN LATERAL kameleon.view_sources(c.oid) AS s (oid)
    )
    SELECT e.moved_by FROM source JOIN kameleon.kdb_entity_definitions e ON e.relid = source.oid
    WHERE e.moved_by IS NOT NULL ORDER BY e.moved_by DESC LIMIT 1);
END
$$;

-- Temporary views of other sessions, of which nobody is told that they go (by CASCADE) with what is dropped, leave shadows behind that
-- read these relations.
CREATE OR REPLACE FUNCTION kameleon.drop_strays(relations oid[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = 'warning' AS $$
DECLARE
    strays text;
BEGIN
    SELECT string_agg(DISTINCT c.oid::regclass::text, ', ') INTO strays
    FROM pg_depend d JOIN pg_rewrite r ON r.oid = d.objid
    JOIN pg_class c ON c.oid = r.ev_class AND c.relpersistence = 't' AND c.relname ~ '^kdb_(read|write)_\d'
    WHERE d.classid = 'pg_rewrite'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY (relations) AND c.oid <> ALL (relations)
      AND NOT EXISTS (SELECT FROM kameleon.kdb_view_definitions v JOIN pg_class g ON g.oid = v.relid
                      WHERE v.view_id = substring(c.relname FROM '_(\d+)')::int);
    IF strays IS NOT NULL THEN
        EXECUTE format('DROP VIEW %s CASCADE', strays);
    END IF;
END
$$;

-- Drops the shadows of these views, which may read each other.
CREATE OR REPLACE FUNCTION kameleon.drop_shadows(views oid[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = 'warning' AS $$
DECLARE
    shadows text;
    numbers oid[];
BEGIN
    IF cardinality(views) = 0 THEN
        RETURN;
    END IF;
    SELECT string_agg(format('%I.%I', n.nspname, c.relname), ', ' ORDER BY v.position DESC, c.relname), array_agg(c.oid) INTO shadows, numbers
    FROM unnest(views) WITH ORDINALITY AS v (oid, position)
    JOIN kameleon.kdb_view_definitions d ON d.relid = v.oid
    -- of a view that has just been dropped there is nothing left
    LEFT JOIN pg_class of_view ON of_view.oid = v.oid
    JOIN pg_class c ON c.relkind = 'v' AND c.relnamespace IN ('kameleon'::regnamespace, pg_my_temp_schema(), of_view.relnamespace)
        AND c.relname IN ('kdb_read_' || d.view_id, format('kdb_write_%s_%s', d.view_id, d.generation))
    JOIN pg_namespace n ON n.oid = c.relnamespace;
    IF shadows IS NOT NULL THEN
        PERFORM kameleon.drop_strays(numbers);
        EXECUTE 'DROP VIEW ' || shadows;
    END IF;
END
$$;

-- A query of the client's as PostgreSQL prints it, with other relations' names in the place of `relations`' own: they bear those
-- names while it is printed, in a subtransaction that is undone. `printer`: pg_get_viewdef, or pg_get_function_sqlbody, which
-- also prints the routine's name: it bears its twin's. What is printed is read again, so constants are printed without loss.
DROP FUNCTION IF EXISTS kameleon.view_query(oid, oid[], oid[]);
CREATE OR REPLACE FUNCTION kameleon.query_over(printer text, printed oid, relations oid[], stand_ins oid[]) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = on
SET "DateStyle" = 'ISO, YMD' SET "IntervalStyle" = 'postgres' SET extra_float_digits = 1 SET bytea_output = 'hex' AS $$
DECLARE
    query text;
    name record;
    classes CONSTANT regclass := 'pg_class'::regclass;  -- as it is called at the moment
    rules CONSTANT oid := 'pg_rewrite'::regclass;
    own_names text[] := ARRAY(SELECT r.oid::regclass::text FROM unnest(relations) WITH ORDINALITY AS r (oid, position) ORDER BY r.position);
    other_names text[] := ARRAY(SELECT r.oid::regclass::text FROM unnest(stand_ins) WITH ORDINALITY AS r (oid, position) ORDER BY r.position);
BEGIN
    BEGIN
        SELECT array_agg(c.relname ORDER BY r.position) AS names, array_agg(c.relnamespace ORDER BY r.position) AS schemas INTO name
        FROM unnest(stand_ins) WITH ORDINALITY AS r (oid, position) JOIN pg_class c ON c.oid = r.oid;
        UPDATE pg_class SET relname = 'kdb_aside_' || oid WHERE oid = ANY (stand_ins);
        -- before that catalog bears another name itself
        IF printer = 'pg_get_function_sqlbody' THEN
            UPDATE pg_proc SET proname = 'kdb_body_' || oid WHERE oid = printed AND pronamespace <> 'kameleon'::regnamespace;
        END IF;
        -- all at once: these very catalogs may be among them
        UPDATE pg_class c SET relname = r.relname, relnamespace = r.relnamespace
        FROM unnest(relations, name.names, name.schemas) AS r (oid, relname, relnamespace) WHERE c.oid = r.oid;
        IF rules = ANY (relations) THEN
            -- pg_get_viewdef reads it, by name
            EXECUTE format('UPDATE %s SET relname = %L, relnamespace = %s WHERE oid = %s', classes, 'pg_rewrite', 'pg_catalog'::regnamespace::oid,
                           stand_ins[array_position(relations, rules)]);
        END IF;
        EXECUTE format('SELECT %I($1)', printer) INTO query USING printed;
        RAISE EXCEPTION USING ERRCODE = 'KDB03', MESSAGE = 'undone';
    EXCEPTION WHEN SQLSTATE 'KDB03' THEN
        NULL;
    END;
    query := rtrim(query, '; ');
    IF query LIKE '%::"regclass"%' THEN
        -- 'orders'::regclass, also among others in an array, is the relation itself
        FOR i IN 1 .. cardinality(relations) LOOP
            query := replace(query, format('''%s''::"regclass"', replace(other_names[i], '''', '''''')),
                             format('''%s''::"regclass"', replace(own_names[i], '''', '''''')));
            query := replace(query, replace(other_names[i], '"', '\"'),
                             replace(replace(replace(own_names[i], '\', '\\'), '"', '\"'), '''', ''''''));
        END LOOP;
    END IF;
    IF query LIKE '%.*%' THEN
        FOR name IN
            SELECT r.relation, c.relname FROM unnest(relations, stand_ins) AS r (relation, stand_in) JOIN pg_class c ON c.oid = r.stand_in
            -- rows of an entity's read view are cast
            WHERE c.relname ~ '^kdb_write_' OR EXISTS (SELECT FROM kameleon.kdb_view_definitions d WHERE d.relid = r.relation)
        LOOP
            query := kameleon.spell_out_rows(query, name.relation, name.relname);
        END LOOP;
    END IF;
    -- as the rewriter does in statements (`rewriter/rules/storage_functions.py`); behind a call in FROM the name is an alias
    RETURN (regexp_replace(query, '(?<!\) |\.)"(pg_(?:(?:total_)?relation|table|indexes)_size|pg_stat_get_(?:live_tuples|dead_tuples|numscans)|pg_get_function(?:def|_sqlbody))"\(', '"kameleon"."\1"(', 'g'));
END
$$;

-- The stand-ins of sources, of entities and catalogs those that have system columns.
CREATE OR REPLACE FUNCTION kameleon.with_system_columns(sources oid[], stand_ins oid[]) RETURNS oid[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY(SELECT coalesce((SELECT kameleon.write_stand_in(e.relid) FROM kameleon.kdb_entity_definitions e WHERE e.relid = s.source),
                                 (SELECT to_regclass(format('kameleon.kdb_write_%s_0', c.number)) FROM kameleon.kdb_shown_catalogs c WHERE c.relid = s.source),
                                 s.stand_in)
                 FROM unnest(sources, stand_ins) WITH ORDINALITY AS s (source, stand_in, position) ORDER BY s.position)
$$;

-- A shadow has its view's owner, grants and options. Nobody is told that they depend on a role: the view is.
CREATE OR REPLACE FUNCTION kameleon.sync_shadow_privileges(view_oid oid, shadow oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    of_view pg_class;
BEGIN
    SELECT c.* INTO STRICT of_view FROM pg_class c WHERE c.oid = view_oid;
    IF of_view.relowner <> (SELECT c.relowner FROM pg_class c WHERE c.oid = shadow) THEN
        EXECUTE format('ALTER VIEW %s OWNER TO %I', shadow::regclass, pg_get_userbyid(of_view.relowner));
    END IF;
    UPDATE pg_class SET relacl = of_view.relacl WHERE oid = shadow;
    UPDATE pg_attribute s SET attacl = a.attacl
    FROM pg_attribute a
    WHERE a.attrelid = view_oid AND s.attrelid = shadow AND s.attname = a.attname AND s.attacl IS DISTINCT FROM a.attacl;
    DELETE FROM pg_shdepend
    WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
      AND classid = 'pg_class'::regclass AND objid = shadow AND deptype IN ('o', 'a');
END
$$;

-- A shadow goes with its view, so whatever the view depends on need not hear of it.
CREATE OR REPLACE FUNCTION kameleon.depend_on_view(shadow regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rule oid := (SELECT r.oid FROM pg_rewrite r WHERE r.ev_class = shadow);
BEGIN
    PERFORM kameleon.depend_silently('pg_class'::regclass, shadow);
    PERFORM kameleon.depend_silently('pg_rewrite'::regclass, rule);
    DELETE FROM pg_depend d
    WHERE d.classid = 'pg_rewrite'::regclass AND d.objid = rule AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> shadow
      AND NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = d.refobjid AND (c.relnamespace = 'kameleon'::regnamespace OR c.relname ~ '^kdb_(read|write)_[0-9]'));
END
$$;

-- A temporary view's shadows are in its session's schema. Another session can only make them in its own, and hand them over.
CREATE OR REPLACE FUNCTION kameleon.hand_over_shadows(number int, namespace oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    shadow pg_class;
BEGIN
    FOR shadow IN
        SELECT c.* FROM pg_class c WHERE c.relnamespace = pg_my_temp_schema() AND c.relkind = 'v' AND c.relname ~ format('^kdb_(read_%s|write_%s_\d+)$', number, number)
    LOOP
        UPDATE pg_class SET relnamespace = namespace WHERE oid = shadow.oid;
        UPDATE pg_type t SET typnamespace = namespace WHERE t.oid = shadow.reltype OR t.typelem = shadow.reltype;
        UPDATE pg_depend SET refobjid = namespace
        WHERE classid = 'pg_class'::regclass AND objid = shadow.oid AND refclassid = 'pg_namespace'::regclass AND refobjid = pg_my_temp_schema();
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.forget_view(view_oid oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    number int;
BEGIN
    DELETE FROM kameleon.kdb_view_definitions WHERE relid = view_oid RETURNING view_id INTO number;
    IF FOUND THEN
        PERFORM kameleon.notify_session(number::text);
    END IF;
END
$$;

-- Returns why not, if it could not.
CREATE OR REPLACE FUNCTION kameleon.make_read_shadow(view_oid oid, shadow text, columns text, options text, sources oid[]) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = 'warning' AS $$
DECLARE
    stand_ins oid[] := ARRAY(SELECT kameleon.stand_in(s.oid) FROM unnest(sources) WITH ORDINALITY AS s (oid, position) ORDER BY s.position);
    differing text;
    problem text;
BEGIN
    BEGIN
        BEGIN
            EXECUTE format('CREATE VIEW %s (%s)%s AS %s', shadow, columns, options, kameleon.query_over('pg_get_viewdef', view_oid, sources, stand_ins));
        EXCEPTION WHEN undefined_column THEN
            EXECUTE format('CREATE VIEW %s (%s)%s AS %s', shadow, columns, options,
                           kameleon.query_over('pg_get_viewdef', view_oid, sources, kameleon.with_system_columns(sources, stand_ins)));
        END;
    EXCEPTION
        WHEN serialization_failure OR deadlock_detected OR lock_not_available OR query_canceled THEN
            RAISE;
        WHEN OTHERS THEN
            problem := SQLERRM;
    END;
    SELECT string_agg(quote_ident(v.attname), ', ') INTO differing
    FROM pg_attribute v LEFT JOIN pg_attribute s ON s.attrelid = to_regclass(shadow) AND s.attnum > 0 AND s.attname = v.attname
    WHERE v.attrelid = view_oid AND v.attnum > 0 AND NOT v.attisdropped
      AND (v.atttypid, v.atttypmod, v.attcollation) IS DISTINCT FROM (s.atttypid, s.atttypmod, s.attcollation);
    IF differing IS NOT NULL AND to_regclass(shadow) IS NOT NULL THEN
        EXECUTE format('DROP VIEW %s', shadow);
    END IF;
    RETURN coalesce(problem, differing || ' would be of another type');
END
$$;

-- Makes a view's shadows anew; a view that reads no shared entity nor catalog (any more) has none. Returns why not, if it could not.
DROP FUNCTION IF EXISTS kameleon.make_shadow(oid);
CREATE FUNCTION kameleon.make_shadow(view_oid oid) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = 'warning' AS $$
DECLARE
    relation pg_class;
    sources oid[];
    number int;
    shadow text;
    columns text;
    options text;
    problem text;
BEGIN
    SELECT c.* INTO relation FROM pg_class c WHERE c.oid = view_oid;
    sources := ARRAY(SELECT s.oid FROM kameleon.view_sources(view_oid) AS s (oid) WHERE kameleon.stand_in(s.oid) IS NOT NULL);
    SELECT d.view_id INTO number FROM kameleon.kdb_view_definitions d WHERE d.relid = view_oid;
    IF cardinality(sources) = 0 OR relation.oid IS NULL THEN
        PERFORM kameleon.forget_view(view_oid);
        RETURN NULL;
    END IF;
    IF number IS NULL THEN
        -- temporary views went with their sessions
        DELETE FROM kameleon.kdb_view_definitions d WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = d.relid);
        INSERT INTO kameleon.kdb_view_definitions (view_id, relid)
        VALUES (kameleon.next_number('kameleon.kdb_entity_definitions', 'entity_id'), view_oid)
        RETURNING view_id INTO number;
    END IF;
    shadow := format('%s.kdb_read_%s', CASE relation.relpersistence WHEN 't' THEN 'pg_temp' ELSE 'kameleon' END, number);
    SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) INTO columns
    FROM pg_attribute a WHERE a.attrelid = view_oid AND a.attnum > 0 AND NOT a.attisdropped;
    SELECT ' WITH (' || string_agg(o, ', ') || ')' INTO options
    FROM unnest(relation.reloptions) AS o WHERE relation.relkind = 'v' AND o !~ '^check_option=';
    problem := kameleon.make_read_shadow(view_oid, shadow, columns, coalesce(options, ''), sources);
    IF problem IS NOT NULL AND sources && ARRAY(SELECT c.relid FROM kameleon.kdb_shown_catalogs c) THEN
        -- what cannot be said of our views is left to be said of the catalogs themselves
        sources := ARRAY(SELECT s.oid FROM unnest(sources) AS s (oid) WHERE NOT EXISTS (SELECT FROM kameleon.kdb_shown_catalogs c WHERE c.relid = s.oid));
        IF cardinality(sources) = 0 THEN
            PERFORM kameleon.forget_view(view_oid);
            RETURN NULL;
        END IF;
        problem := kameleon.make_read_shadow(view_oid, shadow, columns, coalesce(options, ''), sources);
    END IF;
    IF problem IS NOT NULL THEN
        RETURN format('view "%s" cannot read documents: %s', relation.relname, problem);
    END IF;
    PERFORM kameleon.sync_shadow_privileges(view_oid, shadow::regclass);
    PERFORM kameleon.depend_on_view(shadow::regclass);
    PERFORM kameleon.make_write_shadow(view_oid, columns, sources);
    IF relation.relpersistence = 't' AND relation.relnamespace <> pg_my_temp_schema() THEN
        -- its session hears of the entity that it reads
        PERFORM kameleon.hand_over_shadows(number, relation.relnamespace);
    ELSE
        PERFORM kameleon.notify_session(CASE relation.relpersistence WHEN 't' THEN 'temporary' ELSE number::text END);
    END IF;
    RETURN NULL;
END
$$;

-- Makes the shared entities that a view reads dedicated, those behind other views too; its shadows are gone then.
CREATE OR REPLACE FUNCTION kameleon.dedicate_behind(view_oid oid, reason text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    source oid;
BEGIN
    FOR source IN SELECT s.oid FROM kameleon.view_sources(view_oid) AS s (oid) LOOP
        IF EXISTS (SELECT FROM kameleon.kdb_entity_definitions e WHERE e.relid = source AND e.storage_mode = 'shared') THEN
            PERFORM kameleon.make_dedicated(source, reason, 'CREATE VIEW');
        ELSIF EXISTS (SELECT FROM kameleon.kdb_view_definitions d WHERE d.relid = source) THEN
            PERFORM kameleon.dedicate_behind(source, reason);
        END IF;
    END LOOP;
END
$$;

-- The relation that a view which can be updated automatically is over: the first in its query.
CREATE OR REPLACE FUNCTION kameleon.view_base(view_oid oid) RETURNS oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT found.relation[1]::oid
    FROM pg_rewrite r, regexp_matches(r.ev_action::text, ':relid ([0-9]+)', 'g') WITH ORDINALITY AS found (relation, position)
    WHERE r.ev_class = view_oid AND r.rulename = '_RETURN' AND found.relation[1]::oid NOT IN (0, view_oid)
    ORDER BY found.position LIMIT 1);
END
$$;

-- The column of `view_base` that each column of such a view is, by attnum; 0 for an expression. From the origins that
-- the query's outermost target list tells of.
CREATE OR REPLACE FUNCTION kameleon.view_base_columns(view_oid oid) RETURNS int2[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (WITH token AS (
        SELECT t.found[1] AS token, t.found[2]::int AS number, t.found[3]::int2 AS origin,
               sum(CASE t.found[1] WHEN '{' THEN 1 WHEN '}' THEN -1 ELSE 0 END) OVER (ORDER BY t.position) AS depth
        FROM pg_rewrite r,
             regexp_matches(r.ev_action::text,
                            '(\\.|[{}]|:resno (\d+) :resname (?:\\.|[^\s\\])+ :ressortgroupref \d+ :resorigtbl \d+ :resorigcol (-?\d+))',
                            'g') WITH ORDINALITY AS t (found, position)
        WHERE r.ev_class = view_oid AND r.rulename = '_RETURN'
    )
    SELECT array_agg(CASE WHEN pg_column_is_updatable(view_oid, number::int2, false) THEN origin ELSE 0 END ORDER BY number)
    FROM token WHERE depth = 2 AND number IS NOT NULL);
END
$$;

-- Tells the proxy which row it is that a view's check option is about to refuse: in the place of the document, which PostgreSQL tells of.
CREATE OR REPLACE FUNCTION kameleon.tell_row(view_number int, failing_row text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF kameleon.is_proxied() THEN
        RAISE INFO USING MESSAGE = 'row ' || view_number, DETAIL = coalesce(failing_row, ''), ERRCODE = 'KDB01';
    END IF;
    RETURN false;
END
$$;

-- Whether rows that are written through a view, or through one over it, are held against its condition.
CREATE OR REPLACE FUNCTION kameleon.is_checked(view_oid oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM unnest(view_oid || kameleon.views_over(ARRAY[view_oid])) AS v (oid) JOIN pg_class c ON c.oid = v.oid CROSS JOIN unnest(c.reloptions) AS o
                   WHERE o = 'check_option=cascaded' OR (o = 'check_option=local' AND v.oid = view_oid))
$$;

-- Whether a view's query calls functions that are volatile.
CREATE OR REPLACE FUNCTION kameleon.is_volatile(view_oid oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_rewrite r, regexp_matches(r.ev_action::text, ':(?:op)?funcid (\d+) ', 'g') AS f (found)
                   JOIN pg_proc p ON p.oid = f.found[1]::oid
                   WHERE r.ev_class = view_oid AND r.rulename = '_RETURN' AND p.provolatile = 'v')
$$;

-- A view's query that tells of a row which does not satisfy its condition, where that is PostgreSQL's last look at it: of a new row the first
-- part is looked at first, of one that is read the cheaper ones are, and that is what the row does not satisfy. Not so with sub-selects.
-- One that is volatile is there once, so that it is looked at as often as it was: it tells of rows that are read, too.
DROP FUNCTION IF EXISTS kameleon.telling_query(text, int, text);
CREATE OR REPLACE FUNCTION kameleon.telling_query(query text, view_oid oid, view_number int, failing_row text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first int;
    behind int;
    condition text;
BEGIN
    -- all names are in quotation marks there
    WITH token AS (
        SELECT t.found[1] AS token, t.position,
               sum(CASE t.found[1] WHEN '(' THEN 1 WHEN ')' THEN -1 ELSE 0 END) OVER (ORDER BY t.position) AS depth,
               sum(length(t.found[1])) OVER (ORDER BY t.position) AS behind
        FROM regexp_matches(query, '("(?:[^"]|"")*"|''(?:[^'']|'''')*''|[()]|\w+|[^"''()\w]+)', 'g') WITH ORDINALITY AS t (found, position))
    SELECT min(t.behind) FILTER (WHERE t.token = 'WHERE' AND t.depth = 0), min(t.behind - length(t.token)) FILTER (WHERE t.token IN ('ORDER', 'FOR') AND t.depth = 0)
    INTO first, behind FROM token t;
    condition := substr(query, first + 1, coalesce(behind, length(query)) - first);
    IF condition IS NULL OR condition ~ '\mSELECT\M' THEN
        RETURN (query);
    END IF;
    RETURN left(query, first) || format(' CASE WHEN (%1$s) THEN true ELSE kameleon.tell_row(%2$s, %3$s) END', condition, view_number, failing_row)
           || CASE WHEN kameleon.is_volatile(view_oid) THEN ' ' ELSE format(' AND (%s) ', condition) END
           || substr(query, coalesce(behind, length(query)) + 1);
END
$$;

-- INSERT, UPDATE and DELETE assign kdb_rec, kdb_keys and so on, as for an entity's write view. Where the view is over a table
-- that keeps its own rows, and only reads documents besides, they assign its columns: then `base_relid` is NULL.
DROP FUNCTION IF EXISTS kameleon.make_write_shadow(oid, text, oid[], oid[]);
CREATE OR REPLACE FUNCTION kameleon.make_write_shadow(view_oid oid, columns text, sources oid[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = 'warning' AS $$
DECLARE
    base oid := kameleon.view_base(view_oid);
    base_view oid := kameleon.write_stand_in(base);
    through kameleon.kdb_view_definitions;
    is_plain boolean;
    columns_written int2[];
    number int := (SELECT d.view_id FROM kameleon.kdb_view_definitions d WHERE d.relid = view_oid);
    stand_ins oid[] := ARRAY(SELECT kameleon.stand_in(s.oid) FROM unnest(sources) WITH ORDINALITY AS s (oid, position) ORDER BY s.position);
    shadow text;
    query text;
    row_text text;
    signature_now text;
    own_default text;
    options text := (SELECT ' WITH (' || array_to_string(c.reloptions, ', ') || ')' FROM pg_class c WHERE c.oid = view_oid);
BEGIN
    UPDATE kameleon.kdb_view_definitions d SET base_relid = NULL, base_columns = NULL WHERE d.relid = view_oid AND d.base_relid IS NOT NULL;
    SELECT d.* INTO through FROM kameleon.kdb_view_definitions d WHERE d.relid = base;
    is_plain := CASE WHEN base_view IS NULL THEN kameleon.stand_in(base) IS NULL ELSE through.view_id IS NOT NULL AND through.base_relid IS NULL END;
    IF (base_view IS NULL AND NOT is_plain) OR pg_relation_is_updatable(view_oid, false) = 0
       OR EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = view_oid)
       OR EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = view_oid AND r.rulename <> '_RETURN') THEN
        RETURN;
    END IF;
    columns_written := CASE WHEN NOT is_plain THEN kameleon.view_base_columns(view_oid) END;
    IF through.base_relid IS NOT NULL THEN
        base := through.base_relid;
        row_text := 'kdb_row';
        columns_written := ARRAY(SELECT coalesce(through.base_columns[c.attnum], 0) FROM unnest(columns_written) WITH ORDINALITY AS c (attnum, position) ORDER BY c.position);
    END IF;
    IF base_view IS NOT NULL THEN
        stand_ins[array_position(sources, kameleon.view_base(view_oid))] := base_view;
    END IF;
    -- where a statement would be written otherwise, one that was written before must not find its view
    SELECT jsonb_agg(jsonb_build_array(v.attname, v.atttypid, v.atttypmod, pg_get_expr(d.adbin, d.adrelid), b.attname,
                                       kameleon.default_expression(base, b.attnum), b.attidentity, b.attgenerated) ORDER BY v.attnum)::text
           || coalesce(through.signature, '') || CASE WHEN is_plain THEN ' plain' ELSE '' END
    INTO signature_now
    FROM pg_attribute v
    LEFT JOIN pg_attribute b ON b.attrelid = base AND b.attnum = columns_written[v.attnum]
    LEFT JOIN pg_attrdef d ON d.adrelid = v.attrelid AND d.adnum = v.attnum
    WHERE v.attrelid = view_oid AND v.attnum > 0 AND NOT v.attisdropped;
    UPDATE kameleon.kdb_view_definitions d
    SET generation = d.generation + CASE WHEN d.signature = signature_now THEN 0 ELSE 1 END, signature = signature_now
    WHERE d.relid = view_oid
    RETURNING format('%s.kdb_write_%s_%s', (SELECT CASE c.relpersistence WHEN 't' THEN 'pg_temp' ELSE 'kameleon' END FROM pg_class c WHERE c.oid = view_oid),
                     d.view_id, d.generation) INTO shadow;
    IF is_plain THEN
        EXECUTE format('CREATE VIEW %s (%s)%s AS %s', shadow, columns, coalesce(options, ''), kameleon.query_over('pg_get_viewdef', view_oid, sources, stand_ins));
        FOR own_default IN
            SELECT format('ALTER COLUMN %I SET DEFAULT %s', a.attname, pg_get_expr(d.adbin, d.adrelid))
            FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum WHERE d.adrelid = view_oid
        LOOP
            EXECUTE format('ALTER VIEW %s %s', shadow, own_default);
        END LOOP;
        PERFORM kameleon.depend_silently('pg_attrdef'::regclass, d.oid) FROM pg_attrdef d WHERE d.adrelid = shadow::regclass;
        PERFORM kameleon.sync_shadow_privileges(view_oid, shadow::regclass);
        PERFORM kameleon.depend_on_view(shadow::regclass);
        RETURN;
    END IF;
    IF row_text IS NULL THEN
        SELECT format('kameleon.%I(kdb_data)', kameleon.make_failing_row(e.entity_id)) INTO row_text FROM kameleon.kdb_entity_definitions e WHERE e.relid = base;
    END IF;
    BEGIN
        query := kameleon.query_over('pg_get_viewdef', view_oid, sources, stand_ins);
        IF kameleon.is_checked(view_oid) THEN
            query := kameleon.telling_query(query, view_oid, number, row_text);
        END IF;
        EXECUTE format('CREATE OR REPLACE VIEW %s (kdb_rec, kdb_keys, kdb_parts, kdb_paths, kdb_row, %s)%s AS SELECT kdb_rec, kdb_keys, kdb_parts, kdb_paths, %s, %s', shadow, columns, coalesce(options, ''),
                       row_text, regexp_replace(query, '^\s*SELECT\s', ''));
    EXCEPTION
        WHEN serialization_failure OR deadlock_detected OR lock_not_available OR query_canceled THEN
            RAISE;
        -- whole rows of the write view are no rows of the table: such a view is only read
        WHEN cannot_coerce OR datatype_mismatch OR undefined_function OR syntax_error OR duplicate_column THEN
            RETURN;
    END;
    PERFORM kameleon.sync_shadow_privileges(view_oid, shadow::regclass);
    PERFORM kameleon.depend_on_view(shadow::regclass);
    UPDATE kameleon.kdb_view_definitions d SET base_relid = base, base_columns = columns_written WHERE d.relid = view_oid;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.make_shadows(views oid[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    problem text;
BEGIN
    FOR i IN 1 .. cardinality(views) LOOP
        problem := kameleon.make_shadow(views[i]);
        IF problem IS NOT NULL THEN
            PERFORM kameleon.dedicate_behind(views[i], problem);
        END IF;
    END LOOP;
END
$$;

-- The conditions of the views that a view is over are looked at for its check option, too. Only who writes through those is waited for,
-- and only the first time.
CREATE OR REPLACE FUNCTION kameleon.let_tell(view_oid oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    level oid := view_oid;
BEGIN
    LOOP
        level := kameleon.view_base(level);
        EXIT WHEN NOT EXISTS (SELECT FROM kameleon.kdb_view_definitions d WHERE d.relid = level AND d.base_relid IS NOT NULL);
        IF NOT EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = kameleon.write_stand_in(level)
                       AND r.ev_action::text LIKE format('%%:funcid %s %%', 'kameleon.tell_row'::regproc::oid)) THEN
            PERFORM kameleon.make_write_shadow(
                level,
                (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
                 WHERE a.attrelid = level AND a.attnum > 0 AND NOT a.attisdropped),
                ARRAY(SELECT s.oid FROM kameleon.view_sources(level) AS s (oid) WHERE kameleon.stand_in(s.oid) IS NOT NULL));
        END IF;
    END LOOP;
END
$$;

-- After DDL on a view: its shadows anew, those of the views over it, and what routines run.
CREATE OR REPLACE FUNCTION kameleon.sync_view(view_oid oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    views oid[] := view_oid || array_remove(kameleon.views_over(ARRAY[view_oid]), view_oid);
BEGIN
    IF EXISTS (SELECT FROM pg_class c WHERE c.oid = view_oid AND 'check_option=cascaded' = ANY (c.reloptions)) THEN
        PERFORM kameleon.let_tell(view_oid);
    END IF;
    PERFORM kameleon.drop_shadows(views);
    PERFORM kameleon.make_shadows(views);
    PERFORM kameleon.make_bodies(views);
END
$$;

-- After DROP of views, by their numbers.
CREATE OR REPLACE FUNCTION kameleon.forget_views(dropped oid[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    number int;
BEGIN
    PERFORM kameleon.drop_shadows(ARRAY(SELECT d.relid FROM kameleon.kdb_view_definitions d WHERE d.relid = ANY (dropped) ORDER BY d.view_id));
    FOR number IN DELETE FROM kameleon.kdb_view_definitions WHERE relid = ANY (dropped) RETURNING view_id LOOP
        PERFORM kameleon.notify_session(number::text);
    END LOOP;
END
$$;

-- On install: the views and routines over system catalogs, whose views of ours are new.
CREATE OR REPLACE FUNCTION kameleon.follow_catalogs() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    views oid[] := ARRAY(SELECT r.ev_class FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
                         WHERE r.ev_class >= 16384 AND r.rulename = '_RETURN' AND c.relnamespace <> 'kameleon'::regnamespace AND c.relname !~ '^kdb_(read|write)_[0-9]'
                           AND EXISTS (SELECT FROM kameleon.catalogs_in(r.ev_action::text))
                         ORDER BY r.ev_class);
    routine oid;
BEGIN
    views := views || kameleon.views_over(views);
    -- each once, behind all that it reads
    views := ARRAY(SELECT v.oid FROM unnest(views) WITH ORDINALITY AS v (oid, position) GROUP BY v.oid ORDER BY max(v.position));
    PERFORM kameleon.drop_shadows(views);
    PERFORM kameleon.make_shadows(views);
    PERFORM kameleon.make_bodies(views);
    FOR routine IN
        SELECT p.oid FROM pg_proc p
        WHERE p.oid >= 16384 AND p.prosqlbody IS NOT NULL AND p.pronamespace <> 'kameleon'::regnamespace
          AND EXISTS (SELECT FROM kameleon.catalogs_in(kameleon.written_body(p.oid)::text))
    LOOP
        PERFORM kameleon.make_body(routine);
    END LOOP;
END
$$;

-- After DDL that may have changed owners or grants.
CREATE OR REPLACE FUNCTION kameleon.sync_view_privileges() RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT kameleon.sync_shadow_privileges(v.oid, s.oid)
    FROM kameleon.kdb_view_definitions d
    JOIN pg_class v ON v.oid = d.relid
    JOIN pg_class s ON s.relkind = 'v' AND s.relname IN ('kdb_read_' || d.view_id, format('kdb_write_%s_%s', d.view_id, d.generation))
        AND s.relnamespace = CASE v.relpersistence WHEN 't' THEN v.relnamespace ELSE 'kameleon'::regnamespace END
    WHERE (v.relowner, v.relacl::text) IS DISTINCT FROM (s.relowner, s.relacl::text)
       OR EXISTS (SELECT FROM pg_attribute a JOIN pg_attribute b ON b.attrelid = s.oid AND b.attname = a.attname
                  WHERE a.attrelid = v.oid AND a.attacl IS DISTINCT FROM b.attacl)
$$;

-- The defaults that an INSERT into a view has of it and of the views that it is over, by the table's columns: the outermost
-- comes first. `column_number`: the view's own column; NULL for one that it does not show.
CREATE OR REPLACE FUNCTION kameleon.view_defaults(view_oid oid)
RETURNS TABLE (target int2, column_number int2, expression text, is_own boolean)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    level oid := view_oid;
    targets int2[];
    -- which column of the view each column of `level` is
    shown int2[] := ARRAY(SELECT n FROM generate_series(1, (SELECT c.relnatts FROM pg_class c WHERE c.oid = view_oid)) AS n);
    found int2[] := '{}';
    behind int2[];
BEGIN
    LOOP
        SELECT d.base_columns INTO targets FROM kameleon.kdb_view_definitions d WHERE d.relid = level AND d.base_relid IS NOT NULL;
        EXIT WHEN targets IS NULL;
        FOR target, column_number, expression IN
            SELECT targets[d.adnum], shown[d.adnum], pg_get_expr(d.adbin, 0) FROM pg_attrdef d
            WHERE d.adrelid = level AND targets[d.adnum] > 0 AND NOT targets[d.adnum] = ANY (found) ORDER BY d.adnum
        LOOP
            is_own := level = view_oid;
            found := found || target;
            RETURN NEXT;
        END LOOP;
        behind := kameleon.view_base_columns(level);
        level := kameleon.view_base(level);
        shown := ARRAY(SELECT shown[array_position(behind, n::int2)] FROM generate_series(1, (SELECT c.relnatts FROM pg_class c WHERE c.oid = level)) AS n);
    END LOOP;
END
$$;

-- The columns of a table that foreign keys refer to.
CREATE OR REPLACE FUNCTION kameleon.referenced_columns(relation oid) RETURNS int2[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY(SELECT DISTINCT unnest(c.confkey) FROM pg_constraint c WHERE c.contype = 'f' AND c.confrelid = relation)
$$;

-- A view as the proxy's snapshot wants it; NULL where there is none. Each column with what it is of the table written to.
CREATE OR REPLACE FUNCTION kameleon.view_json(number int) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT json_build_object(
        'entity_id', d.view_id, 'schema', n.nspname, 'name', c.relname, 'relid', c.oid::bigint,
        'kind', CASE c.relkind WHEN 'm' THEN 'materialized view' ELSE 'view' END, 'temporary', c.relpersistence = 't',
        'writes_documents', d.base_relid IS NOT NULL, 'moved_by', kameleon.view_moved_by(c.oid),
        -- a materialized view has rows of its own: queries read those
        'storage_mode', CASE c.relkind WHEN 'v' THEN 'shared' ELSE 'dedicated' END, 'generation', d.generation, 'child_name', NULL,
        'row_type', c.reltype::bigint, 'row_array', (SELECT t.typarray::bigint FROM pg_type t WHERE t.oid = c.reltype),
        'routines', (SELECT json_agg(DISTINCT p.proname) FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
                     WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.classid = 'pg_proc'::regclass
                       AND p.prosqlbody IS NOT NULL AND p.pronamespace <> 'kameleon'::regnamespace),
        'views', (SELECT json_object_agg(split_part(v.relname, '_', 2), json_build_array(v.oid::bigint, v.reltype::bigint,
                                             (SELECT t.typarray::bigint FROM pg_type t WHERE t.oid = v.reltype)))
                  FROM pg_class v
                  WHERE v.relnamespace = CASE c.relpersistence WHEN 't' THEN c.relnamespace ELSE 'kameleon'::regnamespace END
                    AND v.relname IN (format('kdb_read_%s', d.view_id), format('kdb_write_%s_%s', d.view_id, d.generation))),
        'fields', (SELECT json_agg(json_build_object(
                        'name', a.attname, 'attnum', a.attnum, 'key', a.attname, 'target', b.attname,
                        'type_oid', a.atttypid::bigint, 'type_name', format_type(a.atttypid, a.atttypmod), 'not_null', false,
                        'default', coalesce(own.expression, kameleon.default_expression(d.base_relid, b.attnum)),
                        'is_view_default', own.expression IS NOT NULL OR (a.atthasdef AND b.attnum IS NULL), 'is_own_default', coalesce(own.is_own, false),
                        'identity', coalesce(b.attidentity, ''), 'generated', coalesce(b.attgenerated, ''),
                        'is_referenced', coalesce(b.attnum = ANY (kameleon.referenced_columns(d.base_relid)), false),
                        'parts', (SELECT kameleon.column_parts(e.entity_id, b.attnum, t.oid) FROM kameleon.kdb_entity_definitions e CROSS JOIN pg_type t
                                  WHERE e.relid = b.attrelid AND t.oid = b.atttypid AND (t.typtype IN ('c', 'd') OR t.typsubscript <> 0))) ORDER BY a.attnum)
                   FROM pg_attribute a
                   LEFT JOIN pg_attribute b ON b.attrelid = d.base_relid AND b.attnum = d.base_columns[a.attnum] AND b.attnum > 0
                   LEFT JOIN kameleon.view_defaults(c.oid) AS own ON own.column_number = a.attnum
                   WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
        'defaults', (SELECT json_object_agg(b.attname, own.expression) FROM kameleon.view_defaults(c.oid) AS own
                     JOIN pg_attribute b ON b.attrelid = d.base_relid AND b.attnum = own.target WHERE own.column_number IS NULL),
        'indexes', NULL, 'foreign_keys', NULL)
    FROM kameleon.kdb_view_definitions d JOIN pg_class c ON c.oid = d.relid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE d.view_id = number);
END
$$;

-- Lets a materialized view's own rule and its shadow's trade their queries, and back. REFRESH runs the one it finds.
CREATE OR REPLACE FUNCTION kameleon.swap_queries(view_oid oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    shadow oid := (SELECT to_regclass(format('kameleon.kdb_read_%s', d.view_id)) FROM kameleon.kdb_view_definitions d WHERE d.relid = view_oid);
BEGIN
    UPDATE pg_rewrite r SET ev_action = other.ev_action
    FROM pg_rewrite other
    WHERE r.rulename = '_RETURN' AND other.rulename = '_RETURN' AND (r.ev_class, other.ev_class) IN ((view_oid, shadow), (shadow, view_oid));
    -- the relations' cached descriptions are built anew
    UPDATE pg_class SET relname = relname WHERE oid IN (view_oid, shadow);
    UPDATE kameleon.kdb_view_definitions SET swapped = NOT swapped WHERE relid = view_oid;
END
$$;

-- Before REFRESH of a materialized view. Whoever may not refresh it is left for PostgreSQL to refuse.
CREATE OR REPLACE FUNCTION kameleon.read_shadow(view_oid oid) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS $$
DECLARE
    relation pg_class;
BEGIN
    SELECT c.* INTO relation FROM pg_class c JOIN kameleon.kdb_view_definitions d ON d.relid = c.oid
    WHERE c.oid = view_oid AND c.relkind = 'm' AND NOT d.swapped;
    IF relation.oid IS NOT NULL
       AND (pg_has_role(kameleon.acting_role(), relation.relowner, 'USAGE')
            OR EXISTS (SELECT FROM aclexplode(relation.relacl) AS x
                       WHERE x.privilege_type = 'MAINTAIN' AND (x.grantee = 0 OR pg_has_role(kameleon.acting_role(), x.grantee, 'USAGE')))) THEN
        PERFORM kameleon.swap_queries(view_oid);
    END IF;
END
$$;

-- At the end of any command: what REFRESH needed is undone, and what CREATE MATERIALIZED VIEW left empty is filled.
CREATE OR REPLACE FUNCTION kameleon.after_materialized_view(tag text, created oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    view_oid oid;
    row_count bigint;
BEGIN
    IF tag = 'REFRESH MATERIALIZED VIEW' THEN
        FOR view_oid IN SELECT d.relid FROM kameleon.kdb_view_definitions d WHERE d.swapped LOOP
            PERFORM kameleon.swap_queries(view_oid);
        END LOOP;
    ELSIF tag = 'CREATE MATERIALIZED VIEW' AND current_setting('kameleon.populate', true) = 'on' THEN
        PERFORM set_config('kameleon.populate', '', true);
        IF created IS NOT NULL THEN
            IF EXISTS (SELECT FROM kameleon.kdb_view_definitions d WHERE d.relid = created) THEN
                PERFORM kameleon.swap_queries(created);
            END IF;
            -- by the comment the proxy knows it for none of the client's statements
            EXECUTE format('REFRESH MATERIALIZED VIEW %s /* kameleon.populate */', created::regclass);
            IF EXISTS (SELECT FROM kameleon.kdb_view_definitions d WHERE d.relid = created) THEN
                PERFORM kameleon.swap_queries(created);
            END IF;
            EXECUTE format('SELECT count(*) FROM %s', created::regclass) INTO row_count;
            RAISE INFO USING MESSAGE = 'tag SELECT ' || row_count, ERRCODE = 'KDB01';
        END IF;
    END IF;
END
$$;
