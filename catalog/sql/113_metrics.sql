-- Metrics: their days, their sums, and the views over them. Re-created on every install.

-- --- settings ---

-- Those that a row of kameleon.settings may give, with the bounds of their numbers.
CREATE OR REPLACE FUNCTION kameleon.known_settings() RETURNS TABLE (name text, type regtype, minimum numeric, maximum numeric, meaning text)
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    VALUES
        ('metrics_enabled', 'boolean'::regtype, NULL::numeric, NULL::numeric, 'whether statements that name entities are measured'),
        ('store_sql_text', 'boolean', NULL, NULL, 'whether the text of statements is kept, without literals'),
        ('retention_days', 'integer', 1, 3650, 'days for which metrics are kept'),
        ('execution_time_threshold_ms', 'double precision', 0.001, 86400000, 'a statement that takes longer is looked at'),
        ('row_count_threshold', 'integer', 1, 2000000000, 'a statement with more rows is looked at'),
        ('join_frequency_threshold', 'integer', 1, 2000000000, 'joins within the window from which on an entity is looked at'),
        ('join_frequency_window_hours', 'integer', 1, 87600, 'hours within which joins are counted'),
        ('access_frequency_threshold', 'integer', 1, 2000000000, 'statements within the window from which on an entity is looked at'),
        ('access_frequency_window_hours', 'integer', 1, 87600, 'hours within which statements are counted')
$$;

COMMENT ON FUNCTION kameleon.known_settings() IS 'The settings that kameleon.settings can have: their types, bounds and meanings.';

CREATE OR REPLACE FUNCTION kameleon.check_setting() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known record;
    number numeric;
BEGIN
    SELECT s.* INTO known FROM kameleon.known_settings() AS s WHERE s.name = NEW.name;
    IF known.name IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('unrecognized setting "%s"', NEW.name),
            HINT = format('The settings are %s.', (SELECT string_agg(s.name, ', ' ORDER BY s.name) FROM kameleon.known_settings() AS s));
    END IF;
    BEGIN
        IF known.type = 'boolean'::regtype THEN
            NEW.value := NEW.value::boolean::text;
        ELSE
            number := CASE known.type WHEN 'integer'::regtype THEN NEW.value::bigint::numeric ELSE NEW.value::float8::numeric END;
            NEW.value := number::text;
        END IF;
    EXCEPTION WHEN data_exception THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = format('invalid value for setting "%s": "%s"', NEW.name, NEW.value),
            HINT = format('It is of type %s.', known.type);
    END;
    IF number NOT BETWEEN known.minimum AND known.maximum THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value',
            MESSAGE = format('%s is outside the valid range for setting "%s"', NEW.value, NEW.name),
            HINT = format('It is %s to %s.', known.minimum, known.maximum);
    END IF;
    NEW.changed_by := kameleon.acting_role();
    NEW.changed_at := now();
    RETURN NEW;
END
$$;
CREATE OR REPLACE TRIGGER check_setting BEFORE INSERT OR UPDATE ON kameleon.settings
    FOR EACH ROW EXECUTE FUNCTION kameleon.check_setting();

CREATE OR REPLACE FUNCTION kameleon.tell_settings() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM pg_notify('kameleon', 'settings');
    IF EXISTS (SELECT FROM kameleon.settings s WHERE s.name = 'store_sql_text' AND s.value = 'false') THEN
        UPDATE kameleon.kdb_statement_shapes SET statement = NULL WHERE statement IS NOT NULL;
    END IF;
    RETURN NULL;
END
$$;
CREATE OR REPLACE TRIGGER tell_settings AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON kameleon.settings
    FOR EACH STATEMENT EXECUTE FUNCTION kameleon.tell_settings();

-- --- days ---

-- The partitions from one day to another. ATTACH, other than CREATE ... PARTITION OF, waits for nobody who reads or writes.
CREATE OR REPLACE FUNCTION kameleon.make_metric_days(first_day date, last_day date) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
DECLARE
    internal text := coalesce(current_setting('kameleon.internal', true), '');
    missing record;
BEGIN
    -- several proxies may be at it
    PERFORM pg_advisory_xact_lock(hashtextextended('kameleon metric days', 0));
    PERFORM set_config('kameleon.internal', 'on', true);
    FOR missing IN
        SELECT parent, format('%s_%s', parent, to_char(day, 'YYYYMMDD')) AS partition, day::date AS first, day::date + 1 AS behind
        FROM unnest(ARRAY['kdb_query_metrics', 'kdb_statement_days', 'kdb_entity_activity']) AS parent,
             generate_series(first_day, last_day, interval '1 day') AS day
    LOOP
        IF to_regclass(format('kameleon.%I', missing.partition)) IS NULL THEN
            EXECUTE format('CREATE TABLE kameleon.%I (LIKE kameleon.%I INCLUDING DEFAULTS)', missing.partition, missing.parent);
            EXECUTE format('ALTER TABLE kameleon.%I ATTACH PARTITION kameleon.%I FOR VALUES FROM (%L) TO (%L)',
                           missing.parent, missing.partition, missing.first, missing.behind);
        END IF;
    END LOOP;
    PERFORM set_config('kameleon.internal', internal, true);
END
$$;

-- Drops the days before this one; how many tables that were. A partition that somebody reads is left for the next time:
-- waiting for it would hold up everybody who comes after.
CREATE OR REPLACE FUNCTION kameleon.drop_metric_days(before date) RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' SET lock_timeout = '100ms' AS $$
DECLARE
    internal text := coalesce(current_setting('kameleon.internal', true), '');
    old regclass;
    dropped int := 0;
BEGIN
    PERFORM set_config('kameleon.internal', 'on', true);
    FOR old IN
        SELECT c.oid FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent IN ('kameleon.kdb_query_metrics'::regclass, 'kameleon.kdb_statement_days'::regclass, 'kameleon.kdb_entity_activity'::regclass)
          AND to_date(right(c.relname, 8), 'YYYYMMDD') < before
        ORDER BY c.relname
    LOOP
        BEGIN
            EXECUTE format('DROP TABLE %s', old);
            dropped := dropped + 1;
        EXCEPTION WHEN lock_not_available THEN
            NULL;
        END;
    END LOOP;
    BEGIN
        DELETE FROM kameleon.kdb_statement_shapes s WHERE s.last_seen < before;
        DELETE FROM kameleon.kdb_suggestions s WHERE s.last_suggested < before;
        DELETE FROM kameleon.kdb_entity_sizes z WHERE z.day < before;
    EXCEPTION WHEN lock_not_available THEN
        NULL;
    END;
    PERFORM set_config('kameleon.internal', internal, true);
    RETURN dropped;
END
$$;

-- --- histograms of durations ---
--
-- Element 1 counts what took up to 0.01 ms, each further one up to 2^(1/4) times as much as the one before it; the last,
-- the 104th, also what took longer. Elements behind the last that counts anything are left out.

CREATE OR REPLACE FUNCTION kameleon.add_histograms(one bigint[], other bigint[]) RETURNS bigint[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(coalesce(u.one, 0) + coalesce(u.other, 0) ORDER BY u.number), '{}')
    FROM unnest(one, other) WITH ORDINALITY AS u (one, other, number)
$$;

-- The duration in ms that this fraction of what was counted did not exceed: the middle of its element's bounds.
CREATE OR REPLACE FUNCTION kameleon.histogram_percentile(latencies bigint[], fraction float8) RETURNS float8
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT 0.01 * 2 ^ ((min(u.number) - 1.5) / 4)
    FROM (SELECT h.number, sum(h.count) OVER (ORDER BY h.number) AS so_far, sum(h.count) OVER () AS whole
          FROM unnest(latencies) WITH ORDINALITY AS h (count, number)) AS u
    WHERE u.so_far >= u.whole * fraction AND u.whole > 0
$$;

-- --- sums ---

-- Adds what a batch of statements cost to the sums of shapes. An array has an element for each row; latencies are written
-- as texts, because arrays of arrays must be rectangular. Rows are taken in order of their keys: two proxies never wait
-- for each other.
CREATE OR REPLACE FUNCTION kameleon.add_statement_days(
    days date[], shape_ids bigint[], storage_modes text[], calls bigint[], errors bigint[],
    execution_times float8[], slowest float8[], row_counts bigint[], latencies text[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO kameleon.kdb_statement_days AS d (day, shape_id, storage_mode, calls, errors, execution_time_ms, slowest_ms, row_count, latencies)
    SELECT u.day, u.shape, u.mode, u.calls, u.errors, u.total, u.slowest, u.rows, u.latencies::bigint[]
    FROM unnest(days, shape_ids, storage_modes, calls, errors, execution_times, slowest, row_counts, latencies)
         AS u (day, shape, mode, calls, errors, total, slowest, rows, latencies)
    ORDER BY u.shape, u.mode, u.day
    ON CONFLICT (shape_id, storage_mode, day) DO UPDATE SET
        calls = d.calls + excluded.calls,
        errors = d.errors + excluded.errors,
        execution_time_ms = d.execution_time_ms + excluded.execution_time_ms,
        slowest_ms = greatest(d.slowest_ms, excluded.slowest_ms),
        row_count = d.row_count + excluded.row_count,
        latencies = kameleon.add_histograms(d.latencies, excluded.latencies)
$$;

CREATE OR REPLACE FUNCTION kameleon.add_entity_activity(
    since timestamptz[], entity_ids int[], storage_modes text[], calls bigint[], writes bigint[], joins bigint[],
    execution_times float8[], slowest float8[], row_counts bigint[], most_rows bigint[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO kameleon.kdb_entity_activity AS a (since, entity_id, storage_mode, calls, writes, joins, execution_time_ms, slowest_ms, row_count, most_rows)
    SELECT u.* FROM unnest(since, entity_ids, storage_modes, calls, writes, joins, execution_times, slowest, row_counts, most_rows)
        AS u (since, entity, mode, calls, writes, joins, total, slowest, rows, most)
    ORDER BY u.entity, u.since, u.mode
    ON CONFLICT (entity_id, since, storage_mode) DO UPDATE SET
        calls = a.calls + excluded.calls,
        writes = a.writes + excluded.writes,
        joins = a.joins + excluded.joins,
        execution_time_ms = a.execution_time_ms + excluded.execution_time_ms,
        slowest_ms = greatest(a.slowest_ms, excluded.slowest_ms),
        row_count = a.row_count + excluded.row_count,
        most_rows = greatest(a.most_rows, excluded.most_rows)
$$;

-- Shapes of statements are written down before anything is counted for them. Entities are given as text, as latencies are.
CREATE OR REPLACE FUNCTION kameleon.add_statement_shapes(shape_ids bigint[], query_types text[], entity_ids text[], joins int[], statements text[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp SET timezone = 'UTC' AS $$
    INSERT INTO kameleon.kdb_statement_shapes AS s (shape_id, query_type, entity_ids, joins, statement)
    SELECT u.shape, u.type, u.entities::int[], u.joins, u.statement
    FROM unnest(shape_ids, query_types, entity_ids, joins, statements) AS u (shape, type, entities, joins, statement)
    ORDER BY u.shape
    ON CONFLICT (shape_id) DO UPDATE SET last_seen = excluded.last_seen, statement = excluded.statement
    WHERE (s.last_seen, s.statement) IS DISTINCT FROM (excluded.last_seen, excluded.statement)
$$;

-- --- what people and the proxy look at ---

-- How an entity was used in the last hours; the windows are drawn out to whole ten minutes.
CREATE OR REPLACE FUNCTION kameleon.entity_activity(
    entity int, access_window interval, join_window interval,
    OUT calls bigint, OUT joins bigint, OUT writes bigint, OUT total_ms float8, OUT slowest_ms float8,
    OUT row_count bigint, OUT most_rows bigint, OUT last_used timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(sum(a.calls) FILTER (WHERE w.accesses), 0),
           coalesce(sum(a.joins) FILTER (WHERE a.since > now() - join_window - interval '10 minutes'), 0),
           coalesce(sum(a.writes) FILTER (WHERE w.accesses), 0),
           coalesce(sum(a.execution_time_ms) FILTER (WHERE w.accesses), 0),
           coalesce(max(a.slowest_ms) FILTER (WHERE w.accesses), 0),
           coalesce(sum(a.row_count) FILTER (WHERE w.accesses), 0),
           coalesce(max(a.most_rows) FILTER (WHERE w.accesses), 0),
           max(a.since)
    FROM kameleon.kdb_entity_activity a, LATERAL (SELECT a.since > now() - access_window - interval '10 minutes' AS accesses) AS w
    WHERE a.entity_id = entity
$$;

-- Which entities the role may be told of: those that it may read or owns.
CREATE OR REPLACE FUNCTION kameleon.may_see(relation oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT has_table_privilege(relation, 'SELECT') OR pg_has_role((SELECT relowner FROM pg_class WHERE oid = relation), 'USAGE')
$$;

DROP VIEW IF EXISTS kameleon.query_stats;
DROP AGGREGATE IF EXISTS kameleon.sum_histograms(bigint[]);
CREATE AGGREGATE kameleon.sum_histograms(bigint[]) (SFUNC = kameleon.add_histograms, STYPE = bigint[], INITCOND = '{}', PARALLEL = SAFE, COMBINEFUNC = kameleon.add_histograms);

CREATE VIEW kameleon.query_stats WITH (security_barrier) AS
    SELECT s.shape_id, s.query_type, t.storage_mode, n.entities, s.joins, t.calls, t.errors,
           t.execution_time_ms AS total_ms, t.execution_time_ms / greatest(t.calls, 1) AS mean_ms,
           least(kameleon.histogram_percentile(t.latencies, 0.95), t.slowest_ms) AS p95_ms, t.slowest_ms AS max_ms,
           t.row_count AS rows, s.first_seen, t.last_day, s.statement
    FROM kameleon.kdb_statement_shapes s
    JOIN (SELECT d.shape_id, d.storage_mode, sum(d.calls)::bigint AS calls, sum(d.errors)::bigint AS errors,
                 sum(d.execution_time_ms) AS execution_time_ms, max(d.slowest_ms) AS slowest_ms, sum(d.row_count)::bigint AS row_count,
                 max(d.day) AS last_day, kameleon.sum_histograms(d.latencies) AS latencies
          FROM kameleon.kdb_statement_days d GROUP BY d.shape_id, d.storage_mode) AS t USING (shape_id),
    -- a statement of which one entity may not be seen is not shown
    LATERAL (SELECT array_agg(c.oid::regclass::text ORDER BY c.oid::regclass::text) AS entities, count(*) AS visible
             FROM (SELECT e.relid FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = ANY (s.entity_ids)
                   UNION ALL SELECT v.relid FROM kameleon.kdb_view_definitions v WHERE v.view_id = ANY (s.entity_ids)) AS k
             JOIN pg_class c ON c.oid = k.relid WHERE kameleon.may_see(c.oid)) AS n
    WHERE n.visible = cardinality(s.entity_ids);
COMMENT ON VIEW kameleon.query_stats IS 'What statements of each shape cost, for as long as metrics are kept: times in ms, of all calls.';

DROP VIEW IF EXISTS kameleon.entity_stats;
CREATE VIEW kameleon.entity_stats WITH (security_barrier) AS
    SELECT k.entity_id, k.relid::regclass::text AS entity_name, a.storage_mode, sum(a.calls)::bigint AS calls, sum(a.writes)::bigint AS writes,
           sum(a.joins)::bigint AS joins, sum(a.execution_time_ms) AS total_ms, sum(a.execution_time_ms) / greatest(sum(a.calls), 1)::float8 AS mean_ms,
           max(a.slowest_ms) AS max_ms, sum(a.row_count)::bigint AS rows, max(a.most_rows) AS most_rows, max(a.since) AS last_used
    FROM (SELECT e.entity_id, e.relid FROM kameleon.kdb_entity_definitions e UNION ALL SELECT v.view_id, v.relid FROM kameleon.kdb_view_definitions v) AS k
    JOIN kameleon.kdb_entity_activity a USING (entity_id)
    WHERE a.since > now() - interval '1 day' AND kameleon.may_see(k.relid)
    GROUP BY k.entity_id, k.relid, a.storage_mode;
COMMENT ON VIEW kameleon.entity_stats IS 'How tables, and views over them, were used in the last day, by how they were kept: times in ms, of all statements.';
