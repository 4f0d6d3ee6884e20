-- PostgreSQL's functions that tell how large a relation is or what is counted of it, of an entity's documents. They have
-- the names of those that they stand for, so that a result column has, too. Re-created on every install.
--
-- The rewriter puts the schema before the name (`rewriter/rules/storage_functions.py`).

DO $$
DECLARE
    asked record;
BEGIN
    FOR asked IN
        SELECT p.proname, p.oid::regprocedure::text AS signature, p.prorettype::regtype AS result,
               CASE WHEN p.pronargs = 2 THEN ', $2' ELSE '' END AS rest
        FROM pg_proc p
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proargtypes[0] IN ('regclass'::regtype, 'oid'::regtype)
          AND p.proname IN ('pg_relation_size', 'pg_table_size', 'pg_indexes_size', 'pg_total_relation_size',
                            'pg_stat_get_live_tuples', 'pg_stat_get_dead_tuples', 'pg_stat_get_numscans')
    LOOP
        EXECUTE format($f$
            CREATE OR REPLACE FUNCTION kameleon.%s RETURNS %s
            LANGUAGE sql STRICT VOLATILE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $b$
                SELECT pg_catalog.%I(coalesce((SELECT m.stored FROM kameleon.kdb_document_relations m WHERE m.shown = $1), $1)%s)
            $b$ $f$, asked.signature, asked.result, asked.proname, asked.rest);
    END LOOP;
END
$$;
