-- Routines with a body in standard SQL (RETURN, BEGIN ATOMIC) that read entities, or system catalogs that are shown without what is ours. Re-created on every install.
--
-- PostgreSQL keeps such a body parsed, with relations by their numbers: whatever calls the routine, a query, a view, a
-- default, another routine, past the proxy too, need not be rewritten if the body is. So beside the routine stands its
-- *twin*, kameleon.kdb_body_<the routine's OID>, made with the same query over read views and shadows, and the two have
-- traded bodies: the routine runs the twin's, the twin keeps the one that was written. What the routine depends on, who may
-- call it and how it is altered is PostgreSQL's own business.

-- NULL where the routine runs the body that was written.
CREATE OR REPLACE FUNCTION kameleon.twin(routine oid) RETURNS oid
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN to_regproc('kameleon.kdb_body_' || routine);
END
$$;

CREATE OR REPLACE FUNCTION kameleon.written_body(routine oid) RETURNS pg_node_tree
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT p.prosqlbody FROM pg_proc p WHERE p.oid = coalesce(kameleon.twin(routine), routine));
END
$$;

-- The relations that a routine's body names (what else it depends on a table for is the row type), and whether it only
-- reads them, be it to lock their rows. The lock that a query takes on a relation tells that.
CREATE OR REPLACE FUNCTION kameleon.routine_sources(routine oid) RETURNS TABLE (relid oid, only_reads boolean)
LANGUAGE plpgsql STABLE ROWS 3 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    body text := kameleon.written_body(routine)::text;
BEGIN
    RETURN QUERY
    SELECT r.oid, r.only_reads
    FROM (SELECT s.oid, s.is_catalog, body !~ format(':relid %s (:inh \w+ )?:relkind . :rellockmode [^12]', s.oid) AS only_reads
          FROM (SELECT d.refobjid, false FROM pg_depend d
                WHERE d.classid = 'pg_proc'::regclass AND d.objid = routine AND d.refclassid = 'pg_class'::regclass
                UNION SELECT c.relid, true FROM kameleon.catalogs_in(body) AS c (relid)) AS s (oid, is_catalog)
          WHERE body LIKE format('%%:relid %s %%', s.oid)) AS r
    -- what is written to is the catalog itself
    WHERE r.only_reads OR NOT r.is_catalog;
END
$$;

-- The routines whose bodies name one of these relations.
CREATE OR REPLACE FUNCTION kameleon.routines_over(relations oid[]) RETURNS oid[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN ARRAY(SELECT DISTINCT d.objid FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
                 WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY (relations) AND d.classid = 'pg_proc'::regclass
                   AND p.prosqlbody IS NOT NULL AND p.pronamespace <> 'kameleon'::regnamespace
                 ORDER BY 1);
END
$$;

-- Keeps others from altering these relations' routines, if it can at once: who does may want the relations next.
CREATE OR REPLACE FUNCTION kameleon.lock_bodies(relations oid[]) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM FROM pg_proc p WHERE p.oid = ANY (kameleon.routines_over(relations || kameleon.views_over(relations))) FOR UPDATE NOWAIT;
    RETURN true;
EXCEPTION WHEN lock_not_available THEN
    RETURN false;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.swap_bodies(routine oid, twin oid) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE pg_proc p SET prosqlbody = other.prosqlbody FROM pg_proc other WHERE (p.oid, other.oid) IN ((routine, twin), (twin, routine))
$$;

-- Whether a routine with a twin runs what it should: the stand-ins of all that it names are there, and it names them.
CREATE OR REPLACE FUNCTION kameleon.body_is_current(routine oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    relations oid[] := ARRAY(SELECT DISTINCT r.found[1]::oid FROM pg_proc p, regexp_matches(p.prosqlbody::text, ':relid (\d+) ', 'g') AS r (found)
                             WHERE p.oid = routine AND r.found[1] <> '0');
BEGIN
    RETURN NOT EXISTS (SELECT FROM unnest(relations) AS r (oid) WHERE NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = r.oid))
       AND NOT EXISTS (SELECT FROM kameleon.routine_sources(routine) AS s
                       WHERE NOT coalesce(kameleon.stand_in(s.relid), s.relid) = ANY (relations)
                         AND NOT relations && ARRAY[kameleon.write_stand_in(s.relid), kameleon.insert_stand_in(s.relid)]);
END
$$;

-- What CREATE FUNCTION or PROCEDURE has to be told for a routine's twin with this body.
DROP FUNCTION IF EXISTS kameleon.twin_statement(oid, oid[], oid[]);
CREATE OR REPLACE FUNCTION kameleon.twin_statement(routine oid, body text) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = on AS $$
DECLARE
    own pg_proc;
    name text := 'kdb_body_' || routine;
BEGIN
    SELECT p.* INTO STRICT own FROM pg_proc p WHERE p.oid = routine;
    RETURN format('CREATE %s kameleon.%I(%s)%s LANGUAGE sql %s', CASE own.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END, name,
                  pg_get_function_identity_arguments(routine), ' RETURNS ' || pg_get_function_result(routine),
                  -- one that calls itself does not call the twin
                  replace(body, format('%s.%I', own.pronamespace::regnamespace, name), format('%s.%I', own.pronamespace::regnamespace, own.proname)));
END
$$;

-- A body that writes is rewritten by the proxy that the session goes through, statement by statement as a client's are: it is
-- asked by a message to the session, and answers meanwhile in a table. NULL where nobody answers, and why where it cannot be done.
CREATE OR REPLACE FUNCTION kameleon.rewritten_body(routine oid, OUT body text, OUT problem text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    sources oid[] := ARRAY(SELECT s.relid FROM kameleon.routine_sources(routine) AS s);
    asked text;
    hash text;
    began timestamptz;
BEGIN
    IF NOT kameleon.is_proxied() THEN
        RETURN;
    END IF;
    asked := json_build_object('database', current_database(), 'body', kameleon.query_over('pg_get_function_sqlbody', coalesce(kameleon.twin(routine), routine), '{}', '{}'), 'entities', (
        SELECT json_object_agg(n.number, n.definition ORDER BY n.number)
        -- what is written does not depend on which views of these names there are just now
        FROM (SELECT e.entity_id AS number, kameleon.entity_json(e.entity_id)::jsonb || '{"views": null, "moved_by": null}' AS definition
              FROM kameleon.kdb_entity_definitions e WHERE e.relid = ANY (sources)
              UNION ALL
              SELECT d.view_id, kameleon.view_json(d.view_id)::jsonb FROM kameleon.kdb_view_definitions d WHERE d.relid = ANY (sources)
              UNION ALL
              SELECT c.number, kameleon.shown_catalog_json(c.number, c.relid)::jsonb FROM kameleon.kdb_shown_catalogs c WHERE c.relid = ANY (sources)) AS n));
    hash := encode(sha256(convert_to(asked, 'UTF8')), 'hex');
    LOOP
        SELECT r.body, r.problem INTO body, problem FROM kameleon.answer_to(hash) AS r;
        EXIT WHEN body IS NOT NULL OR problem IS NOT NULL OR clock_timestamp() - began > interval '10 s';
        IF began IS NULL THEN
            RAISE INFO USING MESSAGE = 'rewrite ' || translate(encode(convert_to(asked, 'UTF8'), 'base64'), E'\n', ''), ERRCODE = 'KDB01';
            began := clock_timestamp();
        END IF;
        PERFORM pg_sleep(0.001);
    END LOOP;
END
$$;

-- Why a table's rows cannot stay documents: a routine writes to it, directly or through views, and nobody rewrites its body.
CREATE OR REPLACE FUNCTION kameleon.body_obstacle(relation oid) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    relations oid[] := relation || kameleon.views_over(ARRAY[relation]);
    routines oid[] := kameleon.routines_over(relations);
    rewritten record;
BEGIN
    FOR i IN 1 .. cardinality(routines) LOOP
        IF EXISTS (SELECT FROM kameleon.routine_sources(routines[i]) AS s WHERE s.relid = ANY (relations) AND NOT s.only_reads) THEN
            rewritten := kameleon.rewritten_body(routines[i]);
            IF rewritten.body IS NULL THEN
                RETURN kameleon.why_not_rewritten(routines[i], rewritten.problem);
            END IF;
        END IF;
    END LOOP;
    RETURN NULL;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.why_not_rewritten(routine oid, problem text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_describe_object('pg_proc'::regclass, routine, 0) || coalesce(' cannot write documents: ' || problem, ' uses it')
$$;

-- Whether a proxy sees what the session is told.
CREATE OR REPLACE FUNCTION kameleon.is_proxied() RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(current_setting('kameleon.proxied', true), '') = 'on'
$$;

-- What a proxy has answered by now. Above READ COMMITTED a query does not see it: ALTER TABLE looks at the rows that there are.
CREATE OR REPLACE FUNCTION kameleon.answer_to(hash text, OUT body text, OUT problem text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    SELECT r.body, r.problem INTO body, problem FROM kameleon.kdb_rewritten r WHERE r.question = hash;
    IF FOUND OR current_setting('transaction_isolation') IN ('read committed', 'read uncommitted') THEN
        RETURN;
    END IF;
    BEGIN
        EXECUTE format('ALTER TABLE kameleon.kdb_rewritten ADD CONSTRAINT kdb_asked CHECK (kameleon.tell_answer(question = %L, body, problem))', hash);
        RAISE EXCEPTION USING ERRCODE = 'KDB03', MESSAGE = 'undone';
    EXCEPTION WHEN SQLSTATE 'KDB03' THEN
        GET STACKED DIAGNOSTICS body = PG_EXCEPTION_DETAIL, problem = PG_EXCEPTION_HINT;
        body := nullif(body, '');
        problem := nullif(problem, '');
    END;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.tell_answer(is_asked_for boolean, body text, problem text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF is_asked_for THEN
        RAISE EXCEPTION USING ERRCODE = 'KDB03', MESSAGE = 'told', DETAIL = coalesce(body, ''), HINT = coalesce(problem, '');
    END IF;
    RETURN true;
END
$$;

-- Gives a routine the body that it needs now: over what stands for the relations that it names, or where nothing does (any
-- more), its own.
CREATE OR REPLACE FUNCTION kameleon.make_body(routine oid, tag text DEFAULT 'DEDICATE') RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    sources oid[];
    written oid[];
    problem text;
BEGIN
    IF kameleon.twin(routine) IS NOT NULL THEN
        IF kameleon.body_is_current(routine) THEN
            RETURN;
        END IF;
        PERFORM kameleon.swap_bodies(routine, kameleon.twin(routine));
        PERFORM kameleon.drop_twin(routine);
    END IF;
    SELECT coalesce(array_agg(s.relid), '{}'), coalesce(array_agg(s.relid) FILTER (WHERE NOT s.only_reads), '{}') INTO sources, written
    FROM kameleon.routine_sources(routine) AS s WHERE kameleon.stand_in(s.relid) IS NOT NULL;
    IF cardinality(sources) > 0 THEN
        problem := kameleon.make_twin(routine, sources, cardinality(written) > 0);
    END IF;
    IF problem IS NOT NULL AND sources && ARRAY(SELECT c.relid FROM kameleon.kdb_shown_catalogs c) THEN
        -- what cannot be said of our views is left to be said of the catalogs themselves
        sources := ARRAY(SELECT s.oid FROM unnest(sources) AS s (oid) WHERE NOT EXISTS (SELECT FROM kameleon.kdb_shown_catalogs c WHERE c.relid = s.oid));
        problem := CASE WHEN cardinality(sources) > 0 THEN kameleon.make_twin(routine, sources, cardinality(written) > 0) END;
    END IF;
    IF problem IS NOT NULL THEN
        PERFORM kameleon.dedicate_bound(routine, CASE cardinality(written) WHEN 0 THEN sources ELSE written END, problem, tag);
        IF cardinality(written) > 0 THEN
            -- what it reads besides may stay
            PERFORM kameleon.make_body(routine, tag);
        END IF;
    END IF;
END
$$;

-- Returns why not, if it could not.
DROP FUNCTION IF EXISTS kameleon.make_twin(oid, oid[]);
CREATE OR REPLACE FUNCTION kameleon.make_twin(routine oid, sources oid[], writes boolean) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = 'warning' SET check_function_bodies = on AS $$
DECLARE
    stand_ins oid[] := ARRAY(SELECT kameleon.stand_in(s.oid) FROM unnest(sources) WITH ORDINALITY AS s (oid, position) ORDER BY s.position);
    rewritten record;
    twin oid;
BEGIN
    IF writes THEN
        rewritten := kameleon.rewritten_body(routine);
        IF rewritten.body IS NULL THEN
            RETURN kameleon.why_not_rewritten(routine, rewritten.problem);
        END IF;
    END IF;
    BEGIN
        PERFORM fmgr_sql_validator(routine);
    EXCEPTION WHEN invalid_function_definition THEN
        -- what it returns has changed since it was written: so it is told when it is called, and the twin is as wrong
        PERFORM set_config('check_function_bodies', 'off', true);
    END;
    BEGIN
        IF writes THEN
            EXECUTE kameleon.twin_statement(routine, rewritten.body);
        ELSE
            BEGIN
                EXECUTE kameleon.twin_statement(routine, kameleon.query_over('pg_get_function_sqlbody', routine, sources, stand_ins));
            EXCEPTION WHEN undefined_column THEN
                -- system columns, which the entities' write views have
                EXECUTE kameleon.twin_statement(routine, kameleon.query_over('pg_get_function_sqlbody', routine, sources, kameleon.with_system_columns(sources, stand_ins)));
            END;
        END IF;
        twin := kameleon.twin(routine);
        IF EXISTS (SELECT FROM pg_proc p, unnest(sources) AS s (oid) WHERE p.oid = twin AND p.prosqlbody::text LIKE format('%%:relid %s %%', s.oid)) THEN
            RAISE EXCEPTION 'it would still use the table';
        ELSIF writes AND kameleon.may_insert_sets(twin) THEN
            RAISE EXCEPTION 'it may insert what a function returns as a set';
        ELSIF kameleon.explicit_lengths(twin) > kameleon.explicit_lengths(routine) THEN
            RAISE EXCEPTION 'values that are too long for a field of a row would be cut';
        ELSIF kameleon.has_xml_declaration(routine) THEN
            RAISE EXCEPTION 'the declaration of an XML constant would be lost';
        END IF;
    EXCEPTION
        WHEN serialization_failure OR deadlock_detected OR lock_not_available OR query_canceled THEN
            RAISE;
        WHEN OTHERS THEN
            RETURN CASE WHEN writes THEN kameleon.why_not_rewritten(routine, SQLERRM)
                        ELSE format('%s cannot read documents: %s', pg_describe_object('pg_proc'::regclass, routine, 0), SQLERRM) END;
    END;
    EXECUTE format('REVOKE ALL ON ROUTINE %s FROM PUBLIC', twin::regprocedure);
    PERFORM kameleon.swap_bodies(routine, twin);
    -- the routine depends on all that the written body needs; the twin goes with the routine
    DELETE FROM pg_depend d WHERE d.classid = 'pg_proc'::regclass AND d.objid = twin AND d.refclassid <> 'pg_namespace'::regclass;
    INSERT INTO pg_depend VALUES ('pg_proc'::regclass, twin, 0, 'pg_proc'::regclass, routine, 0, 'a');
    RETURN NULL;
END
$$;

-- Whether a body that inserts calls a function of a user's that returns a set, and not in FROM. In VALUES it makes rows, which the
-- insert view's rule cannot; nobody but PostgreSQL knows which functions do.
CREATE OR REPLACE FUNCTION kameleon.may_insert_sets(twin oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM regexp_matches(p.prosqlbody::text, '(?<!:funcexpr )\{FUNCEXPR :funcid (\d+) :funcresulttype \d+ :funcretset true', 'g') AS f (found)
                   WHERE f.found[1]::oid >= 16384)
       AND EXISTS (SELECT FROM regexp_matches(p.prosqlbody::text, ':relid (\d+) ', 'g') AS r (found) JOIN pg_class c ON c.oid = r.found[1]::oid
                   WHERE c.relname ~ '^kdb_insert_' AND c.relnamespace = 'kameleon'::regnamespace)
    FROM pg_proc p WHERE p.oid = twin
$$;

-- How many casts to a length a body has that cut what is too long. The implicit ones of a row's fields, which refuse it, PostgreSQL
-- prints as if they were such.
CREATE OR REPLACE FUNCTION kameleon.explicit_lengths(routine oid) RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT count(*) FROM pg_proc p, regexp_matches(p.prosqlbody::text, '\{FUNCEXPR :funcid (\d+) :funcresulttype \d+ :funcretset false :funcvariadic false :funcformat 1 ', 'g') AS f (found)
    WHERE p.oid = routine AND f.found[1]::oid IN (SELECT c.castfunc FROM pg_cast c JOIN pg_proc l ON l.oid = c.castfunc WHERE l.pronargs = 3)
$$;

-- A constant of type xml that begins with <?, which PostgreSQL does not print.
CREATE OR REPLACE FUNCTION kameleon.has_xml_declaration(routine oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT p.prosqlbody::text ~ ':consttype 142 [^}]*:constvalue \d+ \[ (-?\d+ ){4}60 63 ' FROM pg_proc p WHERE p.oid = routine
$$;

CREATE OR REPLACE FUNCTION kameleon.drop_twin(routine oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF kameleon.twin(routine) IS NOT NULL THEN
        EXECUTE format('DROP ROUTINE %s', kameleon.twin(routine)::regprocedure);
    END IF;
END
$$;

-- After whatever made these relations' stand-ins anew, or took them away.
CREATE OR REPLACE FUNCTION kameleon.make_bodies(relations oid[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    routines oid[] := kameleon.routines_over(relations);
BEGIN
    FOR i IN 1 .. cardinality(routines) LOOP
        PERFORM kameleon.make_body(routines[i]);
    END LOOP;
END
$$;

-- After DDL of a routine.
CREATE OR REPLACE FUNCTION kameleon.follow_routine(routine oid, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF tag LIKE 'CREATE %' THEN
        -- it may have replaced one, whose twin's body is of no use any more
        PERFORM kameleon.drop_twin(routine);
    END IF;
    PERFORM kameleon.make_body(routine, tag);
    -- proxies know entities' routines by name
    PERFORM kameleon.notify_session(b.number::text)
    FROM (SELECT e.entity_id FROM kameleon.routine_sources(routine) AS s JOIN kameleon.kdb_entity_definitions e ON e.relid = s.relid
          UNION SELECT v.view_id FROM kameleon.routine_sources(routine) AS s JOIN kameleon.kdb_view_definitions v ON v.relid = s.relid) AS b (number);
END
$$;

-- PostgreSQL's functions that print a body, of the one that was written. The rewriter puts the schema before the name
-- (`rewriter/rules/storage_functions.py`). They print names as the session's search_path needs them.
CREATE OR REPLACE FUNCTION kameleon.pg_get_function_sqlbody(routine oid) RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
DECLARE
    twin oid := kameleon.twin(routine);
BEGIN
    IF twin IS NULL THEN
        RETURN pg_catalog.pg_get_function_sqlbody(routine);
    END IF;
    -- before a parameter's name stands the routine's, which of the twin is this
    RETURN (SELECT pg_catalog.replace(pg_catalog.pg_get_function_sqlbody(twin), pg_catalog.concat(pg_catalog.quote_ident(t.proname), '.'),
                                      pg_catalog.concat(pg_catalog.quote_ident(p.proname), '.'))
            FROM pg_catalog.pg_proc p, pg_catalog.pg_proc t WHERE p.oid OPERATOR(pg_catalog.=) routine AND t.oid OPERATOR(pg_catalog.=) twin);
END
$$;

CREATE OR REPLACE FUNCTION kameleon.pg_get_functiondef(routine oid) RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE AS $$
DECLARE
    definition text := pg_catalog.pg_get_functiondef(routine);
BEGIN
    IF kameleon.twin(routine) IS NULL THEN
        RETURN definition;
    END IF;
    -- the body is last, before a line feed
    RETURN pg_catalog.concat(pg_catalog.left(definition, -1 OPERATOR(pg_catalog.-) pg_catalog.length(pg_catalog.pg_get_function_sqlbody(routine))),
                             kameleon.pg_get_function_sqlbody(routine), E'\n');
END
$$;
