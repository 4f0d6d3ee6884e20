-- System catalogs as those see them who browse: without what entities are made of and kept by. Re-created on every install.
--
-- The proxy treats these catalogs as it treats entities: a query that names one reads a view of ours. All that is left out
-- is in schema kameleon, and named kdb_<what>, but for kdb_records itself; or it is an index over, or a constraint of, such
-- a table; or a routine without a comment. pg_dump is shown nothing of Kameleon at all, so that what it writes can be restored where there is
-- none.

-- Whether a name in schema kameleon is of no concern to people.
CREATE OR REPLACE FUNCTION kameleon.is_storage(name name) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN name ~ '^_*kdb_' AND name NOT IN ('kdb_records', '_kdb_records');

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

-- number: its place among the entities, from the far end. condition: which of its rows are `shown`. key: the column with
-- the OID of a relation, in catalogs that tell what has become of it; for an entity that is told of its documents.
CREATE OR REPLACE FUNCTION kameleon.shown_catalogs() RETURNS TABLE (number int, catalog regclass, condition text, key text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (CASE row_number() OVER () WHEN 1 THEN 0 ELSE 1999999999 + row_number() OVER () END)::int, c.catalog::regclass,
           -- $hides(x): the relation whose OID is x is not shown
           replace(replace(regexp_replace(c.condition, '\$hides\(([a-z._]+)\)',
                   $c$EXISTS (SELECT FROM pg_class k WHERE k.oid = \1 AND k.relnamespace = $kameleon AND NOT (k.relkind IN ('r', 'v') AND NOT kameleon.is_storage(k.relname)))$c$, 'g'),
                   '$kameleon', $c$'kameleon'::regnamespace$c$),
                   '$is_dump', $c$(current_setting('application_name') = 'pg_dump')$c$), c.key
    FROM (
        VALUES
            -- the guards
            ('pg_catalog.pg_inherits', $c$NOT $hides(shown.inhrelid)$c$, NULL),
            ('pg_catalog.pg_class', $c$CASE shown.relnamespace
                WHEN $kameleon THEN shown.relkind IN ('r', 'v') AND NOT kameleon.is_storage(shown.relname) AND NOT $is_dump
                WHEN 'pg_toast'::regnamespace THEN NOT EXISTS (SELECT FROM pg_class k WHERE k.oid = kameleon.toasted(shown.relname) AND k.relnamespace = $kameleon)
                ELSE true END$c$, NULL),
            ('pg_catalog.pg_namespace', $c$shown.nspname <> 'kameleon' OR NOT $is_dump$c$, NULL),
            ('pg_catalog.pg_type', $c$shown.typnamespace <> $kameleon OR NOT (kameleon.is_storage(shown.typname) OR $is_dump)$c$, NULL),
            -- what is there to be called by people has a comment
            ('pg_catalog.pg_proc', $c$shown.pronamespace <> $kameleon OR (kameleon.is_for_people(shown.oid) AND NOT $is_dump)$c$, NULL),
            ('pg_catalog.pg_constraint', $c$shown.connamespace <> $kameleon OR NOT ($is_dump OR $hides(shown.conrelid))$c$, NULL),
            ('pg_catalog.pg_rewrite', $c$NOT EXISTS (SELECT FROM pg_class k WHERE k.oid = shown.ev_class AND k.relnamespace = $kameleon AND ($is_dump OR kameleon.is_storage(k.relname)))$c$, NULL),
            -- of rows of the read views
            ('pg_catalog.pg_cast', $c$NOT EXISTS (SELECT FROM pg_type t WHERE t.oid = shown.castsource AND t.typnamespace = $kameleon)$c$, NULL),
            -- of the guards
            ('pg_catalog.pg_statistic_ext', $c$shown.stxnamespace <> $kameleon$c$, NULL),
            ('pg_catalog.pg_trigger', $c$shown.tgname NOT IN ('kameleon_guard', 'kameleon_truncate', 'kameleon_capture', 'kameleon_capture_all')
              AND NOT EXISTS (SELECT FROM pg_class k WHERE k.oid = shown.tgrelid AND k.relnamespace = $kameleon)$c$, NULL),
            ('pg_catalog.pg_event_trigger', $c$shown.evtname !~ '^kameleon'$c$, NULL),
            ('pg_catalog.pg_depend', $c$NOT (shown.refclassid = 'pg_class'::regclass AND $hides(shown.refobjid)) AND NOT CASE shown.classid
                WHEN 'pg_class'::regclass THEN $hides(shown.objid)
                WHEN 'pg_proc'::regclass THEN EXISTS (SELECT FROM pg_proc o WHERE o.oid = shown.objid AND o.pronamespace = $kameleon AND NOT kameleon.is_for_people(o.oid))
                WHEN 'pg_type'::regclass THEN EXISTS (SELECT FROM pg_type o WHERE o.oid = shown.objid AND o.typnamespace = $kameleon AND kameleon.is_storage(o.typname))
                WHEN 'pg_constraint'::regclass THEN EXISTS (SELECT FROM pg_constraint o WHERE o.oid = shown.objid AND o.connamespace = $kameleon AND $hides(o.conrelid))
                WHEN 'pg_attrdef'::regclass THEN EXISTS (SELECT FROM pg_attrdef o WHERE o.oid = shown.objid AND $hides(o.adrelid))
                WHEN 'pg_rewrite'::regclass THEN EXISTS (SELECT FROM pg_rewrite o WHERE o.oid = shown.objid AND $hides(o.ev_class))
                WHEN 'pg_trigger'::regclass THEN EXISTS (SELECT FROM pg_trigger o WHERE o.oid = shown.objid AND (o.tgname IN ('kameleon_guard', 'kameleon_truncate', 'kameleon_capture', 'kameleon_capture_all') OR $hides(o.tgrelid)))
                WHEN 'pg_cast'::regclass THEN EXISTS (SELECT FROM pg_cast o JOIN pg_type t ON t.oid = o.castsource WHERE o.oid = shown.objid AND t.typnamespace = $kameleon)
                WHEN 'pg_statistic_ext'::regclass THEN EXISTS (SELECT FROM pg_statistic_ext o WHERE o.oid = shown.objid AND o.stxnamespace = $kameleon)
                WHEN 'pg_event_trigger'::regclass THEN EXISTS (SELECT FROM pg_event_trigger o WHERE o.oid = shown.objid AND o.evtname ~ '^kameleon')
                ELSE false END$c$, NULL),
            ('pg_catalog.pg_locks', $c$stored.shown IS NOT NULL OR shown.relation IS NULL
                OR shown.database <> (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) OR NOT $hides(shown.relation)$c$, 'relation'),
            -- the proxy's own is left out
            ('pg_catalog.pg_prepared_statements', $c$shown.name <> 'kameleon'$c$, NULL),
            ('pg_catalog.pg_cursors', 'true', NULL),
            -- with this setting pg_dump bars views from its session, and so those that entities are read through
            ('pg_catalog.pg_settings', $c$shown.name <> 'restrict_nonsystem_relation_kind' OR NOT $is_dump$c$, NULL),
            ('information_schema.check_constraints', $c$shown.constraint_schema <> 'kameleon'$c$, NULL),
            ('information_schema.referential_constraints', $c$shown.constraint_schema <> 'kameleon'$c$, NULL),
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
           format('NOT (shown.%I = %L AND kameleon.is_storage(shown.%I))', c.schema_column, 'kameleon', c.name_column), NULL
    FROM (
        VALUES
            ('pg_catalog.pg_tables', 'schemaname', 'tablename'),
            ('pg_catalog.pg_views', 'schemaname', 'viewname'),
            ('pg_catalog.pg_indexes', 'schemaname', 'tablename'),
            ('pg_catalog.pg_rules', 'schemaname', 'tablename'),
            ('pg_catalog.pg_sequences', 'schemaname', 'sequencename'),
            ('pg_catalog.pg_stats_ext', 'schemaname', 'tablename'),
            ('pg_catalog.pg_statio_all_sequences', 'schemaname', 'relname'),
            ('pg_catalog.pg_statio_user_sequences', 'schemaname', 'relname'),
            ('information_schema.tables', 'table_schema', 'table_name'),
            ('information_schema.columns', 'table_schema', 'table_name'),
            ('information_schema.views', 'table_schema', 'table_name'),
            ('information_schema.table_constraints', 'table_schema', 'table_name'),
            ('information_schema.key_column_usage', 'table_schema', 'table_name'),
            ('information_schema.constraint_column_usage', 'table_schema', 'table_name'),
            ('information_schema.constraint_table_usage', 'table_schema', 'table_name'),
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
           format($c$NOT (shown.schemaname = 'kameleon' AND kameleon.is_storage(shown.relname) OR shown.schemaname = 'pg_toast'
                          AND EXISTS (SELECT FROM pg_class k WHERE k.oid = kameleon.toasted(shown.relname) AND k.relnamespace = 'kameleon'::regnamespace))$c$),
           CASE WHEN c.relname ~ 'indexes$' THEN 'indexrelid' ELSE 'relid' END
    FROM pg_class c WHERE c.relnamespace = 'pg_catalog'::regnamespace AND c.relname ~ '^pg_stat(_xact|io|)_(all|user|sys)_(tables|indexes)$'
$$;

-- Whether a routine in schema kameleon is there to be called by people.
CREATE OR REPLACE FUNCTION kameleon.is_for_people(routine oid) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS
    $$SELECT EXISTS (SELECT FROM pg_description d WHERE d.objoid = routine AND d.classoid = 'pg_proc'::regclass AND d.objsubid = 0)$$;

-- The table whose long values lie in pg_toast.<name>, as far as its name tells.
CREATE OR REPLACE FUNCTION kameleon.toasted(name name) RETURNS oid
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN substring(name, '^pg_toast_(\d+)')::oid;

-- A catalog's columns as the views show them.
CREATE OR REPLACE FUNCTION kameleon.shown_columns(catalog regclass, key text) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(CASE
        WHEN catalog = 'pg_class'::regclass AND a.attname = 'relhassubclass' THEN
            $c$shown.relhassubclass AND EXISTS (SELECT FROM pg_inherits i JOIN pg_class k ON k.oid = i.inhrelid
                WHERE i.inhparent = shown.oid AND NOT (k.relnamespace = 'kameleon'::regnamespace AND kameleon.is_storage(k.relname))) AS relhassubclass$c$
        WHEN catalog = 'pg_class'::regclass AND a.attname = 'relhastriggers' THEN
            $c$shown.relhastriggers AND EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = shown.oid AND t.tgname NOT IN ('kameleon_guard', 'kameleon_truncate', 'kameleon_capture', 'kameleon_capture_all')) AS relhastriggers$c$
        WHEN catalog = 'pg_class'::regclass AND a.attname IN ('relpages', 'reltuples', 'relallvisible', 'relallfrozen') THEN
            format($c$CASE WHEN shown.relkind IN ('r', 'i') THEN coalesce((SELECT d.%1$I FROM kameleon.kdb_document_relations m JOIN pg_class d ON d.oid = m.stored
                WHERE m.shown = shown.oid), shown.%1$I) ELSE shown.%1$I END AS %1$I$c$, a.attname)
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
