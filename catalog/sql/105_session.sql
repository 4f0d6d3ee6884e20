-- What the proxy asks, and what people look at. Re-created on every install.

-- The key of an index as errors tell it. PostgreSQL prints expressions under a lock on the table: where another session has
-- locked it, nothing, and errors are then told as near as they can be.
CREATE OR REPLACE FUNCTION kameleon.told_keys(index pg_index) RETURNS text[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
BEGIN
    IF NOT 0 = ANY (index.indkey) THEN
        RETURN ARRAY(SELECT quote_ident(a.attname) FROM generate_series(0, index.indnkeyatts - 1) AS k
                     JOIN pg_attribute a ON a.attrelid = index.indrelid AND a.attnum = index.indkey[k] ORDER BY k);
    END IF;
    BEGIN
        RETURN ARRAY(SELECT pg_get_indexdef(index.indexrelid, k, true) FROM generate_series(1, index.indnkeyatts) AS k);
    EXCEPTION WHEN lock_not_available THEN
        RETURN '{}';
    END;
END
$$;

-- An entity as the proxy's snapshot wants it; NULL where it no longer exists. It waits for no lock: the proxy asks for it between a
-- client's COMMIT and its answer, over the one connection on which all of its sessions' changes are read.
CREATE OR REPLACE FUNCTION kameleon.entity_json(entity int) RETURNS json
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT json_build_object(
        'entity_id', e.entity_id, 'schema', n.nspname, 'name', c.relname, 'relid', e.relid::bigint,
        'storage_mode', e.storage_mode, 'generation', e.storage_generation, 'moved_by', e.moved_by, 'merges', current_setting('server_version_num')::int >= 170000,
        'child_name', kameleon.child_name(e),
        'has_namesake', EXISTS (SELECT FROM pg_class m WHERE m.relname = c.relname AND m.relkind = 'm'),
        'row_type', c.reltype::bigint, 'row_array', (SELECT t.typarray::bigint FROM pg_type t WHERE t.oid = c.reltype),
        'routines', (SELECT json_agg(DISTINCT p.proname) FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
                     WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = e.relid AND d.classid = 'pg_proc'::regclass
                       AND p.prosqlbody IS NOT NULL AND p.pronamespace <> 'kameleon'::regnamespace),
        'views', (SELECT json_object_agg(split_part(v.relname, '_', 2), json_build_array(v.oid::bigint, v.reltype::bigint,
                                             (SELECT t.typarray::bigint FROM pg_type t WHERE t.oid = v.reltype)))
                  FROM pg_class v WHERE v.relnamespace = 'kameleon'::regnamespace
                    AND v.relname IN (format('kdb_read_%s', e.entity_id), format('kdb_write_%s_%s', e.entity_id, e.storage_generation),
                                      format('kdb_insert_%s_%s', e.entity_id, e.storage_generation), kameleon.child_name(e))),
        'fields', (SELECT json_agg(json_build_object(
                        'name', a.attname, 'attnum', a.attnum, 'key', coalesce(f.field_key, a.attname),
                        'type_oid', a.atttypid::bigint, 'type_name', format_type(a.atttypid, a.atttypmod), 'not_null', a.attnotnull,
                        'default', kameleon.default_expression(e.relid, a.attnum), 'identity', a.attidentity, 'generated', a.attgenerated,
                        'base_modifier', coalesce((SELECT kameleon.base_modifier(t.oid) FROM pg_type t WHERE t.oid = a.atttypid AND t.typtype = 'd' AND t.typdefault IS NOT NULL), -1),
                        'is_referenced', a.attnum = ANY (kameleon.referenced_columns(e.relid)),
                        'parts', (SELECT kameleon.column_parts(e.entity_id, a.attnum, t.oid) FROM pg_type t WHERE t.oid = a.atttypid AND (t.typtype IN ('c', 'd') OR t.typsubscript <> 0))) ORDER BY a.attnum)
                   FROM pg_attribute a LEFT JOIN kameleon.kdb_field_definitions f ON f.entity_id = e.entity_id AND f.attnum = a.attnum
                   WHERE a.attrelid = e.relid AND a.attnum > 0 AND NOT a.attisdropped),
        'indexes', (SELECT json_agg(json_build_object(
                        'name', i.relname, 'is_unique', x.indisunique, 'is_primary', x.indisprimary,
                        'is_constraint', EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.oid AND k.contype IN ('p', 'u')),
                        'columns', kameleon.told_keys(x),
                        'child_name', coalesce(d.child_name, i.relname)))
                    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
                    LEFT JOIN kameleon.kdb_index_definitions d ON d.entity_id = e.entity_id AND d.index_relid = i.oid
                    WHERE x.indrelid = e.relid),
        'foreign_keys', (SELECT json_agg(json_build_object('name', k.conname, 'child_name', kameleon.foreign_key_name(e.entity_id, k.oid)) ORDER BY k.oid)
                         FROM pg_constraint k WHERE k.conrelid = e.relid AND k.contype = 'f' AND k.connamespace <> 'kameleon'::regnamespace))
    FROM kameleon.kdb_entity_definitions e
    JOIN pg_class c ON c.oid = e.relid JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE e.entity_id = entity
    UNION ALL SELECT kameleon.view_json(d.view_id) FROM kameleon.kdb_view_definitions d WHERE d.view_id = entity);
END
$$;

-- Every relation that could be taken for an entity because it has the name of one, and the entities themselves.
CREATE OR REPLACE FUNCTION kameleon.hiding_relations() RETURNS TABLE (schema_oid oid, schema_name name, relation_name name, is_entity boolean)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT n.oid, n.nspname, c.relname, e.entity_id IS NOT NULL OR d.view_id IS NOT NULL
    FROM pg_class c
    JOIN pg_namespace n ON n.oid = c.relnamespace
    LEFT JOIN kameleon.kdb_entity_definitions e ON e.relid = c.oid
    LEFT JOIN kameleon.kdb_view_definitions d ON d.relid = c.oid
    WHERE (c.relname IN (SELECT named.entity_name FROM kameleon.kdb_entity_definitions named
                         UNION ALL SELECT v.relname FROM kameleon.kdb_view_definitions named JOIN pg_class v ON v.oid = named.relid)
           -- a temporary table comes before a system catalog
           OR (c.relnamespace = pg_my_temp_schema() AND c.relname ~ '^pg_'))
      AND c.relkind NOT IN ('i', 'I', 't', 'c');
END
$$;

-- Arrays in documents are in their text form, which is read otherwise when array_nulls is off.
CREATE OR REPLACE FUNCTION kameleon.refuse_array_nulls() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'array_nulls = off is not supported for tables in shared storage'
        USING ERRCODE = 'feature_not_supported', HINT = 'SET array_nulls = on, and write arrays with ARRAY[...] or with "NULL" in quotation marks.';
END
$$;

-- The numbers of this session's own temporary views.
CREATE OR REPLACE FUNCTION kameleon.temporary_views() RETURNS SETOF int
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT d.view_id FROM pg_class c JOIN kameleon.kdb_view_definitions d ON d.relid = c.oid WHERE c.relnamespace = pg_my_temp_schema()
$$;

-- How this session resolves names now, and the entities `touched` as its transaction sees them.
-- SECURITY INVOKER: current_schemas() answers for the client's role.
CREATE OR REPLACE FUNCTION kameleon.session_state(touched int[]) RETURNS json
LANGUAGE sql STABLE AS $$
    SELECT CASE WHEN pg_catalog.current_setting('array_nulls') = 'off' THEN kameleon.refuse_array_nulls()::json END;
    SELECT pg_catalog.json_build_object(
        'search_path', pg_catalog.current_schemas(true),
        'database', pg_catalog.current_database(),
        -- an entity in a schema that the client may not use hides itself: PostgreSQL is left to refuse it
        'hiding', (SELECT coalesce(pg_catalog.json_agg(pg_catalog.json_build_array(h.schema_name, h.relation_name)), '[]') FROM kameleon.hiding_relations() AS h
                   WHERE h.is_entity IS FALSE OR NOT pg_catalog.has_schema_privilege(h.schema_oid, 'USAGE')),
        'entities', (SELECT coalesce(pg_catalog.json_object_agg(t.entity, kameleon.entity_json(t.entity)), '{}')
                     FROM (SELECT pg_catalog.unnest(touched) UNION SELECT kameleon.temporary_views()) AS t (entity)))
$$;

-- The same, and which entities' rows this transaction's snapshot is too old to see. `moved`: the transactions that moved them.
CREATE OR REPLACE FUNCTION kameleon.session_state(touched int[], moved jsonb) RETURNS json
LANGUAGE sql STABLE AS $$
    SELECT (kameleon.session_state(touched)::jsonb || pg_catalog.jsonb_build_object('unseen',
        (SELECT coalesce(pg_catalog.jsonb_agg(m.key::int), '[]') FROM pg_catalog.jsonb_each_text(moved) AS m
         WHERE NOT pg_catalog.pg_visible_in_snapshot(m.value::pg_catalog.xid8, pg_catalog.pg_current_snapshot()))))::json
$$;

-- Every entity as the proxy's snapshot wants it.
CREATE OR REPLACE FUNCTION kameleon.catalog_json() RETURNS json
LANGUAGE sql STABLE AS $$
    SELECT json_object_agg(known.entity, known.definition)
    FROM (SELECT s.number AS entity, kameleon.shown_catalog_json(s.number, s.catalog) AS definition FROM kameleon.shown_catalogs() AS s
          UNION ALL SELECT e.entity_id, kameleon.entity_json(e.entity_id) FROM kameleon.kdb_entity_definitions e
          -- of temporary views only their own session knows
          UNION ALL SELECT d.view_id, kameleon.view_json(d.view_id) FROM kameleon.kdb_view_definitions d
                    JOIN pg_class c ON c.oid = d.relid AND c.relpersistence <> 't') AS known
$$;

CREATE OR REPLACE FUNCTION kameleon.document_statistics(entity int, OUT row_estimate bigint, OUT total_bytes bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT greatest(c.reltuples, 0)::bigint, pg_total_relation_size(c.oid)
    FROM kameleon.kdb_entity_definitions e
    JOIN pg_class c ON c.oid = CASE e.storage_mode WHEN 'shared'
        THEN to_regclass(format('kameleon.%I', kameleon.child_name(e))) ELSE e.relid END
    WHERE e.entity_id = entity
$$;

DROP VIEW IF EXISTS kameleon.entities;
CREATE VIEW kameleon.entities WITH (security_barrier) AS
    SELECT e.entity_id, e.schema_name, e.entity_name, e.storage_mode, e.generation,
           (SELECT count(*)::int FROM kameleon.kdb_field_definitions f WHERE f.entity_id = e.entity_id AND NOT f.dropped) AS field_count,
           s.row_estimate, s.total_bytes, e.created_at, e.reason, pg_get_userbyid(c.relowner) AS owner_name,
           (SELECT l.changed_at FROM kameleon.kdb_schema_changelog l WHERE l.entity_id = e.entity_id ORDER BY l.change_id DESC LIMIT 1) AS changed_at
    FROM kameleon.kdb_entity_definitions e JOIN pg_class c ON c.oid = e.relid, LATERAL kameleon.document_statistics(e.entity_id) AS s
    WHERE has_table_privilege(e.relid, 'SELECT') OR pg_has_role(c.relowner, 'USAGE');
COMMENT ON VIEW kameleon.entities IS 'The entities that you may read or own.';
GRANT SELECT ON kameleon.entities TO PUBLIC;

DROP VIEW IF EXISTS kameleon.schema_changes;
CREATE VIEW kameleon.schema_changes WITH (security_barrier) AS
    SELECT l.change_id, l.schema_name, l.entity_name, l.generation, l.command_tag,
           -- it may name what only its author may see
           CASE WHEN a.is_author THEN l.statement END AS statement,
           l.reason, l.before, l.after, l.changed_by, l.changed_at
    FROM kameleon.kdb_schema_changelog l
    LEFT JOIN kameleon.kdb_entity_definitions e USING (entity_id) LEFT JOIN pg_class c ON c.oid = e.relid,
    LATERAL (SELECT l.changed_by = current_user OR (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = current_user)) AS a (is_author)
    WHERE a.is_author OR pg_has_role(c.relowner, 'USAGE');
COMMENT ON VIEW kameleon.schema_changes IS 'Every change of the entities that you own, and every one that you made: who, when, what, why, before and after.';
