-- Suggestions: the facts that they are made of, what is shown of them, and the measuring of their gain. Re-created on
-- every install. When to suggest what is decided in catalog/suggestion_engine.py.

-- --- facts ---

-- An entity as advice sees it, its name written for this search_path. Reads at most `sample` rows, and of documents only
-- values of PostgreSQL's own types: nothing that belongs to a user is called here, where it would have the installer's
-- rights. `tested`: columns whose reading is timed by itself. `compared`: columns of whose values it is told how they are
-- distributed. `way_back`: whether it is worked out that the entity could be kept in shared storage.
DROP FUNCTION IF EXISTS kameleon.entity_facts(int, text[], text, boolean, int);
CREATE OR REPLACE FUNCTION kameleon.entity_facts(entity int, columns text[], tested text[], compared text[], path text, way_back boolean DEFAULT false, sample int DEFAULT 4000) RETURNS json
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    definition kameleon.kdb_entity_definitions;
    stored regclass;
    total float8;
    estimates jsonb := '{}';
    frequent jsonb := '{}';
    unfit text[] := '{}';
    started timestamptz;
    row_us float8 := 0;
    document_us float8 := 0;
    tested_us float8;
    took float8;
    found bigint := 0;
    field record;
    seen record;
    longest int;
    shown text;
    can_be_shared boolean := false;
BEGIN
    SELECT e.* INTO definition FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity;
    IF definition.entity_id IS NULL THEN
        RETURN NULL;
    END IF;
    IF definition.storage_mode = 'shared' THEN
        stored := to_regclass(format('kameleon.%I', kameleon.child_name(definition)));
    ELSE
        stored := definition.relid;
    END IF;
    -- as much as the table is sampled, whether or not anybody has analyzed it
    EXECUTE format('SELECT count(*) FROM (SELECT FROM ONLY %s WHERE ctid < ''(64,0)'') AS r', stored) INTO found;
    total := found * greatest(1, pg_relation_size(stored) / current_setting('block_size')::float8 / 64);
    SELECT greatest(total, c.reltuples) INTO total FROM pg_class c WHERE c.oid = stored AND c.relpages >= pg_relation_size(stored) / current_setting('block_size')::int;
    total := coalesce(total, found * greatest(1, pg_relation_size(stored) / current_setting('block_size')::float8 / 64));

    FOR round IN 1 .. 2 LOOP
        started := clock_timestamp();
        EXECUTE format('SELECT count(*) FROM (SELECT * FROM ONLY %s LIMIT %s) AS r', stored, sample) INTO found;
        row_us := least(nullif(row_us, 0), extract(epoch FROM clock_timestamp() - started) * 1e6 / greatest(found, 1));
        IF definition.storage_mode = 'shared' THEN
            document_us := least(nullif(document_us, 0), kameleon.reading_us(definition, stored, columns, sample));
            IF tested IS NOT NULL AND NOT tested @> columns THEN
                tested_us := least(tested_us, kameleon.reading_us(definition, stored, tested, sample));
            END IF;
        END IF;
    END LOOP;
    IF definition.storage_mode = 'dedicated' THEN
        -- what is done with a row costs about as much as to get at it
        document_us := 2 * row_us;
    END IF;

    FOR field IN
        SELECT f.field_name, f.attnum, s.n_distinct, s.most_common_freqs, a.atttypid, kameleon.is_sortable(a.atttypid) AS is_sortable
        FROM kameleon.kdb_field_definitions f
        JOIN pg_class c ON c.oid = definition.relid JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = f.attnum
        LEFT JOIN pg_stats s ON s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = f.field_name AND NOT s.inherited
        WHERE f.entity_id = entity AND NOT f.dropped AND f.field_name = ANY (compared)
    LOOP
        longest := 0;
        IF definition.storage_mode = 'shared' THEN
            -- as ANALYZE estimates it: values that were seen once tell of those that were not seen
            EXECUTE format('SELECT count(*)::float8 AS d, count(*) FILTER (WHERE v.n = 1)::float8 AS f1, sum(v.n)::float8 AS n, sum(v.n * (v.n - 1))::float8 AS pairs, max(v.size) AS size'
                           ' FROM (SELECT count(*) AS n, octet_length(s.value) AS size FROM (SELECT %s AS value FROM (%s) AS r LIMIT %s) AS s WHERE s.value IS NOT NULL GROUP BY s.value) AS v',
                           kameleon.stored_text(definition, field.attnum), kameleon.sample_query(stored, total, sample), sample) INTO seen;
            longest := seen.size;
            IF seen.n > 0 THEN
                estimates := estimates || jsonb_build_object(field.field_name,
                    least(total, greatest(seen.d, seen.n * seen.d / greatest(seen.n - seen.f1 + seen.f1 * seen.n / greatest(total, seen.n), 1))));
                frequent := frequent || jsonb_build_object(field.field_name, seen.pairs / greatest(seen.n * (seen.n - 1), 1));
            END IF;
        ELSE
            IF field.atttypid IN ('text'::regtype, 'varchar'::regtype, 'bytea'::regtype) THEN
                EXECUTE format('SELECT max(octet_length(r.%1$I)) FROM (SELECT %1$I FROM ONLY %2$s LIMIT %3$s) AS r', field.field_name, stored, sample / 10) INTO longest;
            END IF;
            IF field.n_distinct <> 0 THEN
                estimates := estimates || jsonb_build_object(field.field_name, CASE WHEN field.n_distinct < 0 THEN -field.n_distinct * total ELSE field.n_distinct END);
                frequent := frequent || jsonb_build_object(field.field_name, (SELECT coalesce(sum(u.part ^ 2), 0) FROM unnest(field.most_common_freqs) AS u (part)));
            END IF;
        END IF;
        IF NOT field.is_sortable OR longest > 2000 THEN
            unfit := unfit || field.field_name::text;
        END IF;
    END LOOP;

    IF way_back AND definition.storage_mode = 'dedicated' THEN
        BEGIN
            PERFORM kameleon.refuse_obstacles(definition.relid);
            RAISE EXCEPTION USING ERRCODE = 'KDB09', MESSAGE = 'nothing stands in the way';
        EXCEPTION
            WHEN SQLSTATE 'KDB09' THEN
                can_be_shared := true;
            WHEN feature_not_supported THEN
                NULL;
        END;
    END IF;

    -- for this one moment, the names as the session would write them
    PERFORM set_config('search_path', path, true);
    shown := definition.relid::regclass::text;
    PERFORM set_config('search_path', 'pg_catalog, pg_temp', true);
    RETURN json_build_object(
        'name', shown, 'storage_mode', definition.storage_mode, 'rows', total, 'row_us', row_us, 'document_us', greatest(document_us, row_us),
        'tested_us', CASE WHEN tested_us IS NOT NULL THEN greatest(tested_us, row_us) END, 'sampled', found, 'distinct', estimates, 'frequent', frequent, 'unfit', unfit,
        'quoted', (SELECT coalesce(json_object_agg(f.field_name, quote_ident(f.field_name)), '{}') FROM kameleon.kdb_field_definitions f WHERE f.entity_id = entity AND NOT f.dropped),
        'indexes', (SELECT coalesce(json_agg(kameleon.index_keys(x)), '[]')
                    FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_am m ON m.oid = i.relam
                    WHERE x.indrelid = definition.relid AND x.indisvalid AND x.indpred IS NULL AND m.amname IN ('btree', 'hash')),
        'partial', (SELECT coalesce(json_agg((kameleon.index_keys(x))[1:1] || ARRAY(SELECT DISTINCT a.attname FROM pg_depend d
                                              JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                                              WHERE d.classid = 'pg_class'::regclass AND d.objid = x.indexrelid AND d.refclassid = 'pg_class'::regclass AND d.refobjid = x.indrelid)), '[]')
                    FROM pg_index x WHERE x.indrelid = definition.relid AND x.indisvalid AND x.indpred IS NOT NULL),
        'can_be_shared', can_be_shared,
        'earlier', (SELECT json_build_object('rows', z.row_count, 'days', (now() AT TIME ZONE 'UTC')::date - z.day) FROM kameleon.kdb_entity_sizes z
                    WHERE z.entity_id = entity AND z.day < (now() AT TIME ZONE 'UTC')::date ORDER BY z.day LIMIT 1),
        'moved_at', (SELECT max(l.changed_at) FROM kameleon.kdb_schema_changelog l WHERE l.entity_id = entity));
END
$$;

-- Writes down, once a day, how many rows the tables in shared storage have.
CREATE OR REPLACE FUNCTION kameleon.note_sizes() RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
    INSERT INTO kameleon.kdb_entity_sizes (day, entity_id, row_count)
    SELECT current_date, e.entity_id, greatest(c.reltuples, pg_stat_get_live_tuples(c.oid), 0)
    FROM kameleon.kdb_entity_definitions e
    JOIN pg_class c ON c.oid = to_regclass(format('kameleon.%I', kameleon.child_name(e)))
    WHERE e.storage_mode = 'shared'
      AND NOT EXISTS (SELECT FROM kameleon.kdb_entity_sizes s WHERE s.entity_id = e.entity_id AND s.day = current_date)
    ON CONFLICT DO NOTHING
$$;

-- Whether there can be an index on a column of a type.
CREATE OR REPLACE FUNCTION kameleon.is_sortable(column_type oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.typtype IN ('e', 'r', 'm') OR (t.typcategory = 'A' AND kameleon.is_sortable(t.typelem)) OR EXISTS (
        SELECT FROM pg_opclass o JOIN pg_am m ON m.oid = o.opcmethod
        WHERE m.amname = 'btree' AND o.opcdefault
          AND (o.opcintype = t.oid OR EXISTS (SELECT FROM pg_cast c WHERE c.castsource = t.oid AND c.casttarget = o.opcintype AND c.castmethod = 'b' AND c.castcontext = 'i')))
    FROM pg_type t WHERE t.oid = kameleon.base_type(column_type)
$$;

-- The key columns of an index; '' for an expression.
CREATE OR REPLACE FUNCTION kameleon.index_keys(x pg_index) RETURNS name[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY(SELECT coalesce(a.attname, '') FROM unnest(x.indkey) WITH ORDINALITY AS k (attnum, number)
                 LEFT JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = k.attnum AND k.attnum > 0
                 WHERE k.number <= x.indnkeyatts ORDER BY k.number)
$$;

-- Microseconds that it takes to read these columns of a row from its document, as values where PostgreSQL's own types are
-- all that is called, as texts otherwise.
CREATE OR REPLACE FUNCTION kameleon.reading_us(definition kameleon.kdb_entity_definitions, stored regclass, columns text[], sample int) RETURNS float8
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    read_list text;
    other_list text;
    started timestamptz;
    found bigint;
    took float8;
BEGIN
    SELECT string_agg(format('count(v.%I)', f.field_name), ', ') FILTER (WHERE t.is_read),
           string_agg(format('count(%s)', kameleon.stored_text(definition, f.attnum)), ', ') FILTER (WHERE NOT t.is_read)
    INTO read_list, other_list
    FROM kameleon.kdb_field_definitions f JOIN pg_attribute a ON a.attrelid = definition.relid AND a.attnum = f.attnum
    JOIN LATERAL (SELECT a.attgenerated = '' AND t.typtype = 'b' AND t.typnamespace = 'pg_catalog'::regnamespace AS is_read FROM pg_type t WHERE t.oid = a.atttypid) AS t ON true
    WHERE f.entity_id = definition.entity_id AND NOT f.dropped AND f.field_name = ANY (columns);
    started := clock_timestamp();
    EXECUTE format('SELECT count(*), %s FROM (SELECT * FROM kameleon.kdb_read_%s LIMIT %s) AS v', coalesce(read_list, '0'), definition.entity_id, sample) INTO found;
    took := extract(epoch FROM clock_timestamp() - started);
    IF other_list IS NOT NULL THEN
        started := clock_timestamp();
        EXECUTE format('SELECT %s FROM (SELECT * FROM ONLY %s LIMIT %s) AS r', other_list, stored, sample);
        took := took + extract(epoch FROM clock_timestamp() - started);
    END IF;
    RETURN took * 1e6 / greatest(found, 1);
END
$$;

-- A field as text, in a row of the table that holds the documents.
CREATE OR REPLACE FUNCTION kameleon.stored_text(definition kameleon.kdb_entity_definitions, attribute int2) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('r.data ->> %L', f.field_key)
    FROM kameleon.kdb_field_definitions f WHERE f.entity_id = definition.entity_id AND f.attnum = attribute
$$;

-- Rows from all over a table, about three times as many as are wanted.
CREATE OR REPLACE FUNCTION kameleon.sample_query(stored regclass, total float8, sample int) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('SELECT * FROM ONLY %s', stored)
           || CASE WHEN total > 3.0 * sample THEN format(' TABLESAMPLE SYSTEM (%s)', round((300.0 * sample / total)::numeric, 6)) ELSE '' END
$$;

-- Entities whose use may say something: shared ones that were used within the window, and dedicated ones that were not.
CREATE OR REPLACE FUNCTION kameleon.entities_to_review(within interval) RETURNS SETOF int
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT u.entity_id
    FROM (SELECT e.entity_id, e.storage_mode, sum(a.execution_time_ms) AS spent
          FROM kameleon.kdb_entity_definitions e
          LEFT JOIN kameleon.kdb_entity_activity a ON a.entity_id = e.entity_id AND a.since > now() - within
          GROUP BY e.entity_id) AS u
    WHERE (u.storage_mode = 'shared') = (u.spent IS NOT NULL)
    ORDER BY u.spent DESC NULLS LAST LIMIT 100
$$;

-- --- suggestions ---

-- `shape`: of the statement that it would help; NULL where it comes of many.
DROP FUNCTION IF EXISTS kameleon.add_suggestion(int, text, text[], text, text, text, float8, float8);
CREATE OR REPLACE FUNCTION kameleon.add_suggestion(entity int, kind text, columns text[], reason text, evidence text, priority text, gain float8, spent_ms float8, shape bigint DEFAULT NULL) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO kameleon.kdb_suggestions AS s (entity_id, kind, columns, reason, evidence, priority, gain, spent_ms, shape_ids)
    SELECT entity, kind, columns::name[], reason, evidence, priority, gain, spent_ms, array_remove(ARRAY[shape], NULL)
    WHERE EXISTS (SELECT FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity)
    ON CONFLICT (entity_id, kind, columns) DO UPDATE SET
        reason = excluded.reason, evidence = excluded.evidence, priority = excluded.priority, gain = excluded.gain,
        spent_ms = excluded.spent_ms, times = s.times + 1, last_suggested = now(),
        -- the latest hundred
        shape_ids = CASE WHEN s.shape_ids @> excluded.shape_ids THEN s.shape_ids ELSE excluded.shape_ids || s.shape_ids[:99] END
$$;

-- Whether a client may be told of it now. Then nobody else is, of any proxy, for so long.
CREATE OR REPLACE FUNCTION kameleon.claim_telling(entity int, kind text, columns text[], pause interval) RETURNS boolean
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    WITH claimed AS (
        UPDATE kameleon.kdb_suggestions s SET last_told = clock_timestamp()
        WHERE (s.entity_id, s.kind, s.columns) = (claim_telling.entity, claim_telling.kind, claim_telling.columns::name[])
          AND (s.last_told IS NULL OR s.last_told < clock_timestamp() - pause)
        RETURNING 1)
    SELECT EXISTS (SELECT FROM claimed)
$$;

DROP VIEW IF EXISTS kameleon.materialization_candidates;
DROP VIEW IF EXISTS kameleon.suggestions;
CREATE VIEW kameleon.suggestions WITH (security_barrier) AS
    SELECT e.relid::regclass::text AS entity_name, s.reason, s.evidence,
           CASE s.kind WHEN 'index' THEN format('CREATE INDEX ON %s (%s)', e.relid::regclass, (SELECT string_agg(quote_ident(c.name), ', ' ORDER BY c.number) FROM unnest(s.columns) WITH ORDINALITY AS c (name, number)))
                       ELSE format('CALL kameleon.%s_entity(%L)', s.kind, e.relid::regclass) END AS action,
           s.priority, s.gain, s.times, s.first_suggested, s.last_suggested, s.shape_ids
    FROM kameleon.kdb_suggestions s JOIN kameleon.kdb_entity_definitions e USING (entity_id)
    WHERE kameleon.may_see(e.relid)
      -- not with columns that have other names now, or are gone
      AND s.columns <@ ARRAY(SELECT a.attname FROM pg_attribute a WHERE a.attrelid = e.relid AND a.attnum > 0 AND NOT a.attisdropped)
      AND CASE s.kind WHEN 'materialize' THEN e.storage_mode = 'shared'
                      WHEN 'dematerialize' THEN e.storage_mode = 'dedicated'
                      -- until there is one that begins with these columns
                      ELSE NOT EXISTS (SELECT FROM pg_index x WHERE x.indrelid = e.relid AND x.indisvalid AND x.indpred IS NULL AND s.columns =
                                       ARRAY(SELECT a.attname FROM generate_series(1, cardinality(s.columns)) AS g
                                             JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = x.indkey[g - 1] AND x.indkey[g - 1] > 0 ORDER BY g)) END
    ORDER BY array_position(ARRAY['high', 'medium', 'low'], s.priority), s.gain * s.spent_ms DESC;
COMMENT ON VIEW kameleon.suggestions IS 'What would make statements on the entities that you may read or own faster, and has not been done yet.';

CREATE VIEW kameleon.materialization_candidates WITH (security_barrier) AS
    SELECT e.relid::regclass::text AS entity_name,
           -- ms of the last day that dedicated storage is estimated to have saved; without an estimate a tenth of all
           round((coalesce(s.gain, 0.1) * a.total_ms)::numeric, 1)::float8 AS score,
           coalesce(s.reason, CASE WHEN a.joins > 0 THEN format('%s statements joined it in a day', a.joins) ELSE format('%s statements used it in a day', a.calls) END) AS top_reason,
           a.calls, a.joins, a.total_ms, s.gain, format('CALL kameleon.materialize_entity(%L)', e.relid::regclass) AS action
    FROM kameleon.kdb_entity_definitions e
    CROSS JOIN LATERAL (SELECT coalesce(sum(v.calls), 0)::bigint AS calls, coalesce(sum(v.joins), 0)::bigint AS joins, coalesce(sum(v.execution_time_ms), 0) AS total_ms
                        FROM kameleon.kdb_entity_activity v
                        WHERE v.entity_id = e.entity_id AND v.storage_mode = 'shared' AND v.since > now() - interval '1 day') AS a
    LEFT JOIN kameleon.kdb_suggestions s ON s.entity_id = e.entity_id AND s.kind = 'materialize'
    WHERE e.storage_mode = 'shared' AND (a.calls > 0 OR s.entity_id IS NOT NULL) AND kameleon.may_see(e.relid)
    ORDER BY score DESC;
COMMENT ON VIEW kameleon.materialization_candidates IS 'Entities in shared storage that are used, those first that dedicated storage would save most time.';
