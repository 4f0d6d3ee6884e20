-- System catalogs as those see them who browse: without what entities are made of and kept by. Re-created on every install.
--
-- The proxy treats these catalogs as it treats entities: a query that names one reads a view of ours. All that is left out
-- is in schema kameleon, and named kdb_<what>, but for kdb_records itself; or it is an index over, or a constraint of, such
-- a table; or a function. pg_dump is shown nothing of Kameleon at all, so that what it writes can be restored where there is
-- none.

-- Whether a name in schema kameleon is of no concern to people.
CREATE OR REPLACE FUNCTION kameleon.is_storage(name name) RETURNS boolean
LANGUAGE sql IMMUTABLE PARALLEL SAFE RETURN name ~ '^_*kdb_' AND name NOT IN ('kdb_records', '_kdb_records');

-- number: its place among the entities, from the far end. condition: which of its rows are `shown`.
CREATE OR REPLACE FUNCTION kameleon.shown_catalogs() RETURNS TABLE (number int, catalog regclass, condition text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (CASE row_number() OVER () WHEN 1 THEN 0 ELSE 1999999999 + row_number() OVER () END)::int, c.catalog::regclass,
           replace(replace(c.condition, '$kameleon', $c$'kameleon'::regnamespace$c$),
                   '$is_dump', $c$(current_setting('application_name') = 'pg_dump')$c$)
    FROM (
        VALUES
            -- the guards
            ('pg_catalog.pg_inherits', $c$NOT EXISTS (SELECT FROM pg_class k WHERE k.oid = shown.inhrelid AND k.relnamespace = $kameleon AND kameleon.is_storage(k.relname))$c$),
            ('pg_catalog.pg_class', $c$shown.relnamespace <> $kameleon
              OR NOT (kameleon.is_storage(shown.relname) OR $is_dump
                      OR shown.relkind = 'i' AND EXISTS (SELECT FROM pg_index i JOIN pg_class k ON k.oid = i.indrelid
                                                         WHERE i.indexrelid = shown.oid AND kameleon.is_storage(k.relname)))$c$),
            ('pg_catalog.pg_namespace', $c$shown.nspname <> 'kameleon' OR NOT $is_dump$c$),
            ('pg_catalog.pg_type', $c$shown.typnamespace <> $kameleon OR NOT (kameleon.is_storage(shown.typname) OR $is_dump)$c$),
            -- only the procedures are there to be called by people
            ('pg_catalog.pg_proc', $c$shown.pronamespace <> $kameleon OR (shown.prokind = 'p' AND NOT $is_dump)$c$),
            ('pg_catalog.pg_constraint', $c$shown.connamespace <> $kameleon
              OR NOT ($is_dump OR EXISTS (SELECT FROM pg_class k WHERE k.oid = shown.conrelid AND kameleon.is_storage(k.relname)))$c$),
            ('pg_catalog.pg_rewrite', $c$NOT EXISTS (SELECT FROM pg_class k WHERE k.oid = shown.ev_class AND k.relnamespace = $kameleon AND ($is_dump OR kameleon.is_storage(k.relname)))$c$),
            -- of rows of the read views
            ('pg_catalog.pg_cast', $c$NOT EXISTS (SELECT FROM pg_type t WHERE t.oid = shown.castsource AND t.typnamespace = $kameleon)$c$),
            -- of the guards
            ('pg_catalog.pg_statistic_ext', $c$shown.stxnamespace <> $kameleon$c$),
            ('pg_catalog.pg_event_trigger', $c$shown.evtname !~ '^kameleon' OR NOT $is_dump$c$),
            -- with this setting pg_dump bars views from its session, and so those that entities are read through
            ('pg_catalog.pg_settings', $c$shown.name <> 'restrict_nonsystem_relation_kind' OR NOT $is_dump$c$),
            ('information_schema.check_constraints', $c$shown.constraint_schema <> 'kameleon'$c$),
            ('information_schema.referential_constraints', $c$shown.constraint_schema <> 'kameleon'$c$),
            ('information_schema.routines', $c$shown.routine_schema <> 'kameleon' OR shown.routine_type = 'PROCEDURE'$c$),
            ('information_schema.parameters', $c$shown.specific_schema <> 'kameleon'
              OR EXISTS (SELECT FROM pg_proc p WHERE p.prokind = 'p' AND shown.specific_name = p.proname || '_' || p.oid)$c$)
    ) AS c (catalog, condition)
    UNION ALL
    -- those that tell of relations by schema and name
    SELECT (2000000099 + row_number() OVER ())::int, c.catalog::regclass,
           format('NOT (shown.%I = %L AND kameleon.is_storage(shown.%I))', c.schema_column, 'kameleon', c.name_column)
    FROM (
        VALUES
            ('pg_catalog.pg_tables', 'schemaname', 'tablename'),
            ('pg_catalog.pg_views', 'schemaname', 'viewname'),
            ('pg_catalog.pg_indexes', 'schemaname', 'tablename'),
            ('pg_catalog.pg_stat_all_tables', 'schemaname', 'relname'),
            ('pg_catalog.pg_stat_user_tables', 'schemaname', 'relname'),
            ('pg_catalog.pg_statio_user_tables', 'schemaname', 'relname'),
            ('pg_catalog.pg_stat_user_indexes', 'schemaname', 'relname'),
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
            ('information_schema.column_udt_usage', 'table_schema', 'table_name'),
            ('information_schema.view_table_usage', 'view_schema', 'view_name'),
            ('information_schema.view_column_usage', 'view_schema', 'view_name'),
            ('information_schema.triggers', 'event_object_schema', 'event_object_table'),
            ('information_schema.user_defined_types', 'user_defined_type_schema', 'user_defined_type_name')
    ) AS c (catalog, schema_column, name_column)
$$;

-- A catalog's columns as the views show them.
CREATE OR REPLACE FUNCTION kameleon.shown_columns(catalog regclass) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(CASE
        WHEN catalog = 'pg_class'::regclass AND a.attname = 'relhassubclass' THEN
            $c$shown.relhassubclass AND NOT EXISTS (SELECT FROM pg_inherits i JOIN pg_class k ON k.oid = i.inhrelid
                WHERE i.inhparent = shown.oid AND k.relnamespace = 'kameleon'::regnamespace AND kameleon.is_storage(k.relname)) AS relhassubclass$c$
        WHEN catalog = 'pg_class'::regclass AND a.attname = 'relhastriggers' THEN
            $c$shown.relhastriggers AND EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = shown.oid AND t.tgname NOT IN ('kameleon_guard', 'kameleon_truncate')) AS relhastriggers$c$
        ELSE 'shown.' || quote_ident(a.attname) END, ', ' ORDER BY a.attnum)
    FROM pg_attribute a WHERE a.attrelid = catalog AND a.attnum > 0 AND NOT a.attisdropped
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
        EXECUTE format('DROP VIEW kameleon.%I', old.relname);
    END LOOP;
    FOR shown IN SELECT s.*, c.relkind, kameleon.shown_columns(s.catalog) AS columns FROM kameleon.shown_catalogs() s JOIN pg_class c ON c.oid = s.catalog LOOP
        view_name := 'kdb_read_' || shown.number;
        EXECUTE format('CREATE VIEW kameleon.%I WITH (security_invoker) AS SELECT %s FROM %s AS shown WHERE %s', view_name, shown.columns, shown.catalog, shown.condition);
        IF shown.relkind = 'r' THEN
            -- so that GROUP BY oid lets the other columns be selected
            PERFORM kameleon.declare_key(shown.catalog, format('kameleon.%I', view_name)::regclass, 'kdb_key_' || shown.number);
            view_name := format('kdb_write_%s_0', shown.number);
            EXECUTE format('CREATE VIEW kameleon.%I WITH (security_invoker) AS SELECT %s, shown.ctid, shown.xmin, shown.cmin, shown.xmax, shown.cmax, %s::oid AS tableoid FROM %s AS shown WHERE %s',
                           view_name, shown.columns, shown.catalog::oid, shown.catalog, shown.condition);
            PERFORM kameleon.declare_key(shown.catalog, format('kameleon.%I', view_name)::regclass, 'kdb_key_w_' || shown.number);
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
