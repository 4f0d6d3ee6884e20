-- System catalogs as those see them who browse: without what entities are made of and kept by. Re-created on every install.
--
-- The proxy treats these catalogs as it treats entities: a query that names one reads a view of ours. All that is left out
-- is in schema kameleon, and named kdb_<what>, or settings; or it is an index over, or a constraint of, such
-- a table; or a routine without a comment. pg_dump is shown nothing of Kameleon at all, so that what it writes can be restored where there is
-- none.

-- Which relation stands for which: a shared entity's table or index, and that of its documents.
CREATE OR REPLACE VIEW kameleon.kdb_document_relations AS
SELECT e.relid AS shown, d.oid AS stored
FROM kameleon.kdb_entity_definitions e
JOIN pg_class d ON d.relnamespace = 'kameleon'::regnamespace AND d.relkind = 'r' AND d.relname ~ '^kdb_records_[0-9]+_[0-9]+$'
    AND split_part(d.relname, '_', 3) = e.entity_id::text
    -- says the same, to an index
    AND d.relname >= format('kdb_records_%s_', e.entity_id)::name AND d.relname < format('kdb_records_%s`', e.entity_id)::name
WHERE e.storage_mode = 'shared'
UNION ALL
SELECT i.indexrelid, d.oid
FROM pg_index i
JOIN kameleon.kdb_entity_definitions e ON e.relid = i.indrelid
JOIN kameleon.kdb_index_definitions x ON x.entity_id = e.entity_id AND x.index_relid = i.indexrelid
JOIN pg_class d ON d.relnamespace = 'kameleon'::regnamespace AND d.relname = x.child_name
WHERE e.storage_mode = 'shared';

-- Conditions are planned anew with each query of a tool's, which joins a dozen catalogs and more: so there is no sub-select
-- in them, nor a function that PostgreSQL would put in line. $is_storage(x): the name x in schema kameleon is of no concern to
-- those who browse. Its tables are not, kameleon.settings neither: tools that compare a database with their models propose to drop
-- the tables that are in none. $ours(x), $hides(x): the relation whose OID is x is in schema kameleon, is one of those that are not shown. The
-- text of a regclass has no schema where that is on the search_path.
CREATE OR REPLACE FUNCTION kameleon.spelt_out(condition text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    in_kameleon text := $c$(\1::regclass::text LIKE 'kameleon.%' OR 'kameleon' = ANY (current_schemas(false)))$c$;
    macros text[] := ARRAY[
        ['\$hides\(([^()]+)\)', $c$(replace(\1::regclass::text, 'kameleon.', '') LIKE 'kdb\\_%' AND $c$ || in_kameleon || $c$ OR \1 IN ('kameleon.settings'::regclass, 'kameleon.settings_pkey'::regclass))$c$],
        ['\$ours\(([^()]+)\)', $c$(replace(\1::regclass::text, 'kameleon.', 'kdb_') LIKE 'kdb\\_%' AND $c$ || in_kameleon || ')'],
        ['\$is_storage\(([^()]+)\)', $c$(ltrim(\1, '_') LIKE 'kdb\\_%' OR \1 IN ('settings', '_settings'))$c$],
        -- of a toast relation, which has the number of its table in its name
        ['\$toasts\(([^()]+)\)', $c$(replace(split_part(\1, '_', 3)::oid::regclass::text, 'kameleon.', 'kdb_') LIKE 'kdb\\_%')$c$],
        ['\$kameleon', $c$'kameleon'::regnamespace$c$],
        ['\$is_dump', $c$(current_setting('application_name') = 'pg_dump')$c$]];
    macro text[];
BEGIN
    FOREACH macro SLICE 1 IN ARRAY macros LOOP
        condition := regexp_replace(condition, macro[1], macro[2], 'g');
    END LOOP;
    RETURN condition;
END
$$;

-- number: its place among the entities, from the far end. condition: which of its rows are `shown`. key: the column with
-- the OID of a relation, in catalogs that tell what has become of it; for an entity that is told of its documents.
CREATE OR REPLACE FUNCTION kameleon.shown_catalogs() RETURNS TABLE (number int, catalog regclass, condition text, key text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (CASE row_number() OVER () WHEN 1 THEN 0 ELSE 1999999999 + row_number() OVER () END)::int, c.catalog::regclass,
           kameleon.spelt_out(c.condition), c.key
    FROM (
        VALUES
            -- the guards
            ('pg_catalog.pg_inherits', $c$NOT $hides(shown.inhrelid)$c$, NULL),
            -- indexes over documents have the names that they have over the table: of a table that is shown there is one
            ('pg_catalog.pg_class', $c$CASE shown.relnamespace
                WHEN $kameleon THEN shown.relkind IN ('r', 'v') AND NOT $is_storage(shown.relname) AND NOT $is_dump
                WHEN 'pg_toast'::regnamespace THEN NOT $toasts(shown.relname)
                -- what a temporary view is read through is in its schema
                ELSE shown.relpersistence <> 't' OR shown.relname !~ '^kdb_(read|write)_\d' END$c$, NULL),
            ('pg_catalog.pg_namespace', $c$shown.nspname <> 'kameleon' OR NOT $is_dump$c$, NULL),
            ('pg_catalog.pg_type', $c$CASE shown.typnamespace WHEN $kameleon THEN NOT ($is_storage(shown.typname) OR $is_dump)
                ELSE shown.typname !~ '^_?kdb_(read|write)_\d' OR shown.typnamespace::regnamespace::text NOT LIKE 'pg\_temp\_%' END$c$, NULL),
            -- what is there to be called by people has a comment
            ('pg_catalog.pg_proc', $c$shown.pronamespace <> $kameleon OR (shown.proname NOT LIKE 'kdb\_%' AND kameleon.is_for_people(shown.oid) AND NOT $is_dump)$c$, NULL),
            ('pg_catalog.pg_constraint', $c$shown.connamespace <> $kameleon OR NOT ($is_dump OR shown.conname LIKE 'kdb\_%' OR $hides(shown.conrelid))$c$, NULL),
            ('pg_catalog.pg_rewrite', $c$NOT ($hides(shown.ev_class) OR $is_dump AND $ours(shown.ev_class) OR shown.ev_class::regclass::text ~ '^(pg_temp(_\d+)?\.)?kdb_(read|write)_\d')$c$, NULL),
            -- of rows of the read views
            ('pg_catalog.pg_cast', $c$shown.castsource < 16384 OR shown.castsource::regtype::text !~ '^(kameleon\.)?kdb_read_\d'$c$, NULL),
            -- of the guards
            ('pg_catalog.pg_statistic_ext', $c$shown.stxnamespace <> $kameleon$c$, NULL),
            ('pg_catalog.pg_trigger', $c$shown.tgname NOT IN ('kameleon_guard', 'kameleon_truncate', 'kameleon_capture', 'kameleon_capture_all')
                AND NOT (shown.tgisinternal AND shown.tgname LIKE 'RI\_ConstraintTrigger\__\_%\_') AND NOT $ours(shown.tgrelid)$c$, NULL),
            ('pg_catalog.pg_event_trigger', $c$shown.evtname !~ '^kameleon'$c$, NULL),
            -- What is numbered below 16384 came with the server. Of rules there are too many to ask what they are called; with "="
            -- their sub-select would be planned twice, once to be hashed.
            ('pg_catalog.pg_depend', $c$(shown.refobjid < 16384 OR shown.refclassid <> 'pg_class'::regclass OR NOT $hides(shown.refobjid))
                AND (shown.objid < 16384 OR CASE shown.classid
                WHEN 'pg_class'::regclass THEN $ours(shown.objid)
                WHEN 'pg_proc'::regclass THEN shown.objid::regprocedure::text LIKE 'kameleon.%'
                WHEN 'pg_type'::regclass THEN shown.objid::regtype::text ~ '^kameleon\.(kdb_|settings(\[\])?$)'
                WHEN 'pg_rewrite'::regclass THEN EXISTS (SELECT FROM pg_rewrite o WHERE o.oid BETWEEN shown.objid AND shown.objid AND $hides(o.ev_class))
                ELSE (pg_identify_object(shown.classid, shown.objid, 0)).identity
                    ~ '^kameleon_(guard|truncate|capture|capture_all) on |^\(?kameleon\.|( on |^for )kameleon\.(kdb_|settings($|\.))|^kdb_foreign_|^"RI_ConstraintTrigger_._\d+_" |^kameleon_(ddl_command_start|ddl_command_end|sql_drop)$' END IS NOT TRUE)$c$, NULL),
            ('pg_catalog.pg_sequence', $c$NOT $hides(shown.seqrelid)$c$, NULL),
            ('pg_catalog.pg_partitioned_table', $c$NOT $hides(shown.partrelid)$c$, NULL),
            -- what roles own and may do, in every database
            ('pg_catalog.pg_shdepend', $c$shown.objid < 16384 OR shown.dbid <> (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) OR CASE shown.classid
                WHEN 'pg_class'::regclass THEN NOT $hides(shown.objid)
                WHEN 'pg_proc'::regclass THEN shown.objid::regprocedure::text NOT LIKE 'kameleon.%'
                WHEN 'pg_type'::regclass THEN shown.objid::regtype::text !~ '^kameleon\.(kdb_|settings(\[\])?$)'
                WHEN 'pg_event_trigger'::regclass THEN (pg_identify_object(shown.classid, shown.objid, 0)).identity !~ '^kameleon' IS NOT FALSE
                ELSE true END$c$, NULL),
            ('pg_catalog.pg_locks', $c$stored.shown IS NOT NULL OR shown.relation IS NULL
                OR shown.database <> (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) OR NOT $ours(shown.relation)$c$, 'relation'),
            -- the proxy's own is left out
            ('pg_catalog.pg_prepared_statements', $c$shown.name <> 'kameleon'$c$, NULL),
            ('pg_catalog.pg_cursors', 'true', NULL),
            -- with this setting pg_dump bars views from its session, and so those that entities are read through
            ('pg_catalog.pg_settings', $c$shown.name <> 'restrict_nonsystem_relation_kind' OR NOT $is_dump$c$, NULL),
            ('information_schema.check_constraints', $c$shown.constraint_schema <> 'kameleon'$c$, NULL),
            ('information_schema.referential_constraints', $c$shown.constraint_schema <> 'kameleon'$c$, NULL),
            ('information_schema.table_constraints', $c$shown.constraint_schema <> 'kameleon'$c$, NULL),
            ('information_schema.key_column_usage', $c$shown.constraint_schema <> 'kameleon'$c$, NULL),
            ('information_schema.constraint_column_usage', $c$shown.constraint_schema <> 'kameleon'$c$, NULL),
            ('information_schema.constraint_table_usage', $c$shown.constraint_schema <> 'kameleon'$c$, NULL),
            ('information_schema.element_types', $c$shown.object_schema <> 'kameleon'$c$, NULL),
            ('information_schema.data_type_privileges', $c$shown.object_schema <> 'kameleon'$c$, NULL),
            ('information_schema.routine_table_usage', $c$shown.specific_schema <> 'kameleon'$c$, NULL),
            ('information_schema.routine_column_usage', $c$shown.specific_schema <> 'kameleon'$c$, NULL),
            ('information_schema.routine_routine_usage', $c$shown.specific_schema <> 'kameleon'$c$, NULL),
            ('information_schema.routine_sequence_usage', $c$shown.specific_schema <> 'kameleon'$c$, NULL),
            ('information_schema.view_routine_usage', $c$shown.table_schema <> 'kameleon'$c$, NULL),
            ('information_schema.routines', $c$shown.specific_schema <> 'kameleon' OR kameleon.is_for_people(substring(shown.specific_name, '\d+$')::oid)$c$, NULL)
    ) AS c (catalog, condition, key)
    UNION ALL
    -- those that tell of relations or types by schema and name
    SELECT (2000000099 + row_number() OVER ())::int, c.catalog::regclass,
           kameleon.spelt_out(format('NOT (shown.%1$I = %3$L AND $is_storage(shown.%2$I) OR shown.%2$I ~ %4$L AND shown.%1$I LIKE %5$L)',
                                     c.schema_column, c.name_column, 'kameleon', '^kdb_(read|write)_\d', 'pg\_temp\_%')), NULL
    FROM (
        VALUES
            ('pg_catalog.pg_tables', 'schemaname', 'tablename'),
            ('pg_catalog.pg_views', 'schemaname', 'viewname'),
            ('pg_catalog.pg_indexes', 'schemaname', 'tablename'),
            ('pg_catalog.pg_rules', 'schemaname', 'tablename'),
            ('pg_catalog.pg_sequences', 'schemaname', 'sequencename'),
            ('pg_catalog.pg_stats_ext', 'statistics_schemaname', 'statistics_name'),
            ('pg_catalog.pg_statio_all_sequences', 'schemaname', 'relname'),
            ('pg_catalog.pg_statio_user_sequences', 'schemaname', 'relname'),
            ('information_schema.tables', 'table_schema', 'table_name'),
            ('information_schema.columns', 'table_schema', 'table_name'),
            ('information_schema.views', 'table_schema', 'table_name'),
            ('information_schema.table_privileges', 'table_schema', 'table_name'),
            ('information_schema.column_privileges', 'table_schema', 'table_name'),
            ('information_schema.role_table_grants', 'table_schema', 'table_name'),
            ('information_schema.role_column_grants', 'table_schema', 'table_name'),
            ('information_schema.column_column_usage', 'table_schema', 'table_name'),
            ('information_schema.column_domain_usage', 'table_schema', 'table_name'),
            ('information_schema.column_udt_usage', 'table_schema', 'table_name'),
            ('information_schema.view_table_usage', 'view_schema', 'view_name'),
            ('information_schema.view_column_usage', 'view_schema', 'view_name'),
            ('information_schema.triggers', 'event_object_schema', 'event_object_table'),
            ('information_schema.attributes', 'udt_schema', 'udt_name'),
            ('information_schema.udt_privileges', 'udt_schema', 'udt_name'),
            ('information_schema.role_udt_grants', 'udt_schema', 'udt_name'),
            ('information_schema.user_defined_types', 'user_defined_type_schema', 'user_defined_type_name')
    ) AS c (catalog, schema_column, name_column)
    UNION ALL
    -- of routines, by schema and the name that is theirs alone
    SELECT (2000000199 + row_number() OVER ())::int, c.catalog::regclass,
           $c$shown.specific_schema <> 'kameleon' OR kameleon.is_for_people(substring(shown.specific_name, '\d+$')::oid)$c$, NULL
    FROM (
        VALUES
            ('information_schema.parameters'),
            ('information_schema.routine_privileges'),
            ('information_schema.role_routine_grants')
    ) AS c (catalog)
    UNION ALL
    -- what statistics are kept of
    SELECT (2000000299 + row_number() OVER (ORDER BY c.relname))::int, c.oid,
           kameleon.spelt_out($c$CASE shown.schemaname WHEN 'kameleon' THEN NOT $is_storage(shown.relname)
                                      WHEN 'pg_toast' THEN NOT $toasts(shown.relname) ELSE true END$c$),
           CASE WHEN c.relname ~ 'indexes$' THEN 'indexrelid' ELSE 'relid' END
    FROM pg_class c WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relname ~ '^pg_stat(_xact|io|)_(all|user|sys)_(tables|indexes)$'
$$;

-- Whether a routine in schema kameleon is there to be called by people.
CREATE OR REPLACE FUNCTION kameleon.is_for_people(routine oid) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
    $$SELECT EXISTS (SELECT FROM pg_description d WHERE d.objoid = routine AND d.classoid = 'pg_proc'::regclass AND d.objsubid = 0)$$;

-- Whether a table has heirs, or triggers, of the client's making. Not SQL functions: until PostgreSQL 18 those are planned by
-- each query that calls them.
CREATE OR REPLACE FUNCTION kameleon.has_heirs(relation oid) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM pg_catalog.pg_inherits i JOIN pg_catalog.pg_class k ON k.oid = i.inhrelid
                   WHERE i.inhparent = relation AND k.relnamespace <> 'kameleon'::regnamespace);
END
$$;

CREATE OR REPLACE FUNCTION kameleon.has_triggers(relation oid) RETURNS boolean
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM pg_catalog.pg_trigger t
                   WHERE t.tgrelid = relation AND t.tgname NOT IN ('kameleon_guard', 'kameleon_truncate', 'kameleon_capture', 'kameleon_capture_all'));
END
$$;

-- What is estimated of an entity's documents, or of an index over them; NULL of any other relation.
CREATE OR REPLACE FUNCTION kameleon.estimates(relation oid) RETURNS pg_class
LANGUAGE plpgsql STABLE PARALLEL SAFE AS $$
DECLARE
    found pg_catalog.pg_class;
BEGIN
    SELECT d.* INTO found FROM kameleon.kdb_document_relations m JOIN pg_catalog.pg_class d ON d.oid = m.stored WHERE m.shown = relation;
    RETURN found;
END
$$;

-- A catalog's columns as the views show them.
CREATE OR REPLACE FUNCTION kameleon.shown_columns(catalog regclass, key text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(CASE
        WHEN catalog = 'pg_class'::regclass AND a.attname = 'relhassubclass' THEN
            'shown.relhassubclass AND kameleon.has_heirs(shown.oid) AS relhassubclass'
        WHEN catalog = 'pg_class'::regclass AND a.attname = 'relhastriggers' THEN
            'shown.relhastriggers AND kameleon.has_triggers(shown.oid) AS relhastriggers'
        WHEN catalog = 'pg_class'::regclass AND a.attname IN ('relpages', 'reltuples', 'relallvisible', 'relallfrozen') THEN
            format($c$CASE WHEN shown.relkind IN ('r', 'i') AND shown.oid >= 16384 THEN coalesce((kameleon.estimates(shown.oid)).%1$I, shown.%1$I) ELSE shown.%1$I END AS %1$I$c$, a.attname)
        -- of shells that may not be scanned
        WHEN catalog = 'pg_class'::regclass AND a.attname = 'relispopulated' THEN $c$(shown.relispopulated OR shown.relkind = 'r') AS relispopulated$c$
        -- of foreign keys' triggers that rest
        WHEN catalog = 'pg_trigger'::regclass AND a.attname = 'tgqual' THEN $c$CASE WHEN NOT (shown.tgisinternal AND shown.tgconstraint <> 0) THEN shown.tgqual END AS tgqual$c$
        WHEN catalog = 'pg_proc'::regclass AND a.attname = 'prosqlbody' THEN
            'CASE WHEN shown.prosqlbody IS NULL OR shown.oid < 16384 THEN shown.prosqlbody ELSE kameleon.written_body(shown.oid) END AS prosqlbody'
        -- what was sent is not what the client wrote; the proxy tells that (proxy/client_texts.py)
        WHEN catalog IN ('pg_prepared_statements'::regclass, 'pg_cursors'::regclass) AND a.attname = 'statement' THEN
            format($c$coalesce(nullif(current_setting('kameleon.client_texts', true), '')::jsonb -> %L ->> shown.name, shown.statement) AS statement$c$,
                   CASE catalog WHEN 'pg_cursors'::regclass THEN 'cursors' ELSE 'statements' END)
        WHEN catalog = 'pg_locks'::regclass AND a.attname = key THEN
            format('coalesce(stored.shown, shown.%1$I) AS %1$I', key)
        WHEN catalog <> 'pg_locks'::regclass AND a.attname NOT IN ('relid', 'indexrelid', 'schemaname', 'relname', 'indexrelname') AND key IS NOT NULL THEN
            format('CASE WHEN stored.%1$I IS NULL THEN shown.%2$I ELSE stored.%2$I END AS %2$I', key, a.attname)
        ELSE 'shown.' || quote_ident(a.attname) END, ', ' ORDER BY a.attnum)
    FROM pg_attribute a WHERE a.attrelid = catalog AND a.attnum > 0 AND NOT a.attisdropped
$$;

-- A lock on an entity and the same on its documents is one for a client.
CREATE OR REPLACE FUNCTION kameleon.distinct_locks() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('DISTINCT ON (%s, coalesce(stored.shown, shown.relation))', string_agg('shown.' || quote_ident(a.attname) || CASE WHEN a.atttypid = 'xid'::regtype THEN '::text' ELSE '' END, ', '))
    FROM pg_attribute a WHERE a.attrelid = 'pg_locks'::regclass AND a.attnum > 0 AND a.attname NOT IN ('relation', 'fastpath', 'waitstart')
$$;

-- What they come from.
CREATE OR REPLACE FUNCTION kameleon.shown_source(catalog regclass, key text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN catalog = 'pg_locks'::regclass THEN
            format('%s AS shown LEFT JOIN kameleon.kdb_document_relations AS stored ON stored.stored = shown.relation
                    AND shown.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())', catalog)
        WHEN key IS NOT NULL THEN
            format('%1$s AS shown LEFT JOIN (kameleon.kdb_document_relations AS m JOIN %1$s AS stored ON stored.%2$I = m.stored) ON m.shown = shown.%2$I', catalog, key)
        ELSE format('%s AS shown', catalog) END
$$;

-- A row of a view is a row of the catalog: the functions of the standard's schema take it (_pg_truetypid(pg_attribute, pg_type)).
CREATE OR REPLACE FUNCTION kameleon.cast_shown_row(number int, catalog regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('CREATE FUNCTION kameleon.kdb_row_%1$s(kdb_row kameleon.kdb_read_%1$s) RETURNS %2$s LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 1 RETURN ROW(%3$s)::%2$s',
                   number, catalog, (SELECT string_agg(format('($1).%I', a.attname), ', ' ORDER BY a.attnum)
                                     FROM pg_attribute a WHERE a.attrelid = catalog AND a.attnum > 0 AND NOT a.attisdropped));
    EXECUTE format('CREATE CAST (kameleon.kdb_read_%1$s AS %2$s) WITH FUNCTION kameleon.kdb_row_%1$s(kameleon.kdb_read_%1$s) AS IMPLICIT', number, catalog);
END
$$;

-- kdb_read_<number>, and with the system columns behind the others kdb_write_<number>_0.
DO $$
DECLARE
    shown record;
    view_name text;
    old record;
BEGIN
    FOR old IN
        SELECT c.relname FROM pg_class c
        WHERE c.relnamespace = 'kameleon'::regnamespace AND c.relname ~ '^kdb_(read_(0|2[0-9]{9})|write_(0|2[0-9]{9})_0)$'
    LOOP
        EXECUTE format('DROP VIEW kameleon.%I CASCADE', old.relname);  -- with its cast
    END LOOP;
    FOR shown IN SELECT s.*, c.relkind, kameleon.shown_columns(s.catalog, s.key) AS columns, kameleon.shown_source(s.catalog, s.key) AS source FROM kameleon.shown_catalogs() s JOIN pg_class c ON c.oid = s.catalog LOOP
        view_name := 'kdb_read_' || shown.number;
        EXECUTE format('CREATE VIEW kameleon.%I WITH (security_invoker) AS SELECT %s %s FROM %s WHERE %s', view_name,
                       CASE WHEN shown.catalog = 'pg_locks'::regclass THEN kameleon.distinct_locks() END, shown.columns, shown.source, shown.condition);
        IF shown.relkind = 'r' THEN
            -- so that GROUP BY oid lets the other columns be selected
            PERFORM kameleon.declare_key(shown.catalog, format('kameleon.%I', view_name)::regclass, 'kdb_key_' || shown.number);
            view_name := format('kdb_write_%s_0', shown.number);
            EXECUTE format('CREATE VIEW kameleon.%I WITH (security_invoker) AS SELECT %s, shown.ctid, shown.xmin, shown.cmin, shown.xmax, shown.cmax, %s::oid AS tableoid FROM %s AS shown WHERE %s',
                           view_name, shown.columns, shown.catalog::oid, shown.catalog, shown.condition);
            PERFORM kameleon.declare_key(shown.catalog, format('kameleon.%I', view_name)::regclass, 'kdb_key_w_' || shown.number);
            PERFORM kameleon.cast_shown_row(shown.number, shown.catalog);
        END IF;
    END LOOP;
END
$$;

DELETE FROM kameleon.kdb_shown_catalogs;
INSERT INTO kameleon.kdb_shown_catalogs (relid, number) SELECT s.catalog, s.number FROM kameleon.shown_catalogs() AS s;

-- of earlier versions of the views
DROP FUNCTION IF EXISTS kameleon.is_storage(name), kameleon.toasted(name);

-- A catalog as the proxy's snapshot wants it.
CREATE OR REPLACE FUNCTION kameleon.shown_catalog_json(number int, catalog regclass) RETURNS json
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT json_build_object(
        'entity_id', number, 'schema', n.nspname, 'name', c.relname, 'relid', c.oid::bigint, 'storage_mode', 'shared', 'generation', 0,
        'kind', 'catalog', 'child_name', NULL, 'row_type', c.reltype::bigint, 'row_array', (SELECT t.typarray::bigint FROM pg_type t WHERE t.oid = c.reltype),
        'views', (SELECT json_object_agg(split_part(v.relname, '_', 2), json_build_array(v.oid::bigint, v.reltype::bigint,
                                             (SELECT t.typarray::bigint FROM pg_type t WHERE t.oid = v.reltype)))
                  FROM pg_class v WHERE v.relnamespace = 'kameleon'::regnamespace
                    AND v.relname IN ('kdb_read_' || number, format('kdb_write_%s_0', number))),
        'fields', (SELECT json_agg(json_build_object(
                        'name', a.attname, 'attnum', a.attnum, 'key', a.attname, 'type_oid', a.atttypid::bigint,
                        'type_name', format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull,
                        'default', NULL, 'identity', '', 'generated', '') ORDER BY a.attnum)
                   FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped),
        'indexes', NULL, 'foreign_keys', NULL)
    FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.oid = catalog
$$;
