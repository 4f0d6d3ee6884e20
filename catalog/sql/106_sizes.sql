-- PostgreSQL's functions that tell how large a relation is or what is counted of it, or maintain an index, of an entity's documents. They have
-- the names of those that they stand for, so that a result column has, too. In PL/pgSQL, whose name in an error's context has our schema and
-- is not shown. Re-created on every install.
--
-- The rewriter puts the schema before the name (`rewriter/rules/storage_functions.py`).

DO $$
DECLARE
    asked record;
BEGIN
    FOR asked IN
        SELECT p.proname, p.oid::regprocedure::text AS signature, p.prorettype::regtype AS result,
               CASE WHEN p.pronargs = 2 THEN ', $2' ELSE '' END AS rest, CASE WHEN p.prorettype = 'void'::regtype THEN 'PERFORM' ELSE 'RETURN' END AS verb,
               CASE p.proparallel WHEN 's' THEN 'SAFE' WHEN 'r' THEN 'RESTRICTED' ELSE 'UNSAFE' END AS parallel
        FROM pg_proc p
        WHERE p.pronamespace = 'pg_catalog'::regnamespace AND p.proargtypes[0] IN ('regclass'::regtype, 'oid'::regtype)
          AND p.proname IN ('pg_relation_size', 'pg_table_size', 'pg_indexes_size', 'pg_total_relation_size',
                            'pg_stat_get_live_tuples', 'pg_stat_get_dead_tuples', 'pg_stat_get_numscans',
                            'brin_summarize_new_values', 'brin_summarize_range', 'brin_desummarize_range', 'gin_clean_pending_list')
    LOOP
        EXECUTE format($f$
            CREATE OR REPLACE FUNCTION kameleon.%s RETURNS %s
            LANGUAGE plpgsql STRICT VOLATILE PARALLEL %s SET search_path = pg_catalog, pg_temp AS $b$
            BEGIN
                %s pg_catalog.%I(coalesce((SELECT m.stored FROM kameleon.kdb_document_relations m WHERE m.shown = $1), $1)%s);
            END
            $b$ $f$, asked.signature, asked.result, asked.parallel, asked.verb, asked.proname, asked.rest);
    END LOOP;
END
$$;
