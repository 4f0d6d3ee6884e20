-- What statements cost, and the settings of this database. Run once.
--
-- The three partitioned tables have a partition for each day (of UTC), kdb_<table>_<yyyymmdd>, made by
-- kameleon.make_metric_days() before it is needed; retention drops them. There is no default partition: it would have to
-- be searched, and locked, for every new one.

CREATE TABLE kameleon.kdb_query_metrics (
    -- by the server's clock, when the first of the calls was complete
    recorded_at       timestamptz NOT NULL,
    entity_id         int NOT NULL,
    query_type        text NOT NULL,
    -- of the entity, when it was used
    storage_mode      text NOT NULL,
    shape_id          bigint NOT NULL,
    joins             int NOT NULL,
    -- calls of one shape by one user and application that were written together; times and rows are those of all of them
    calls             int NOT NULL,
    errors            int NOT NULL,
    execution_time_ms float8 NOT NULL,
    slowest_ms        float8 NOT NULL,
    row_count         bigint NOT NULL,
    user_name         text NOT NULL,
    application_name  text NOT NULL
) PARTITION BY RANGE (recorded_at);
CREATE INDEX kdb_query_metrics_entity ON kameleon.kdb_query_metrics (entity_id, recorded_at);
COMMENT ON TABLE kameleon.kdb_query_metrics IS 'Statements as they were measured, a row for each entity that they name.';

CREATE TABLE kameleon.kdb_statement_shapes (
    -- a hash of the statement without its literals, and of the entities that it names
    shape_id   bigint PRIMARY KEY,
    query_type text NOT NULL,
    entity_ids int[] NOT NULL,
    joins      int NOT NULL,
    -- without its literals, and only where the setting store_sql_text is on
    statement  text,
    first_seen timestamptz NOT NULL DEFAULT now(),
    last_seen  date NOT NULL DEFAULT current_date
);
COMMENT ON TABLE kameleon.kdb_statement_shapes IS 'Statements that differ in nothing but their literals are one shape.';

CREATE TABLE kameleon.kdb_statement_days (
    day               date NOT NULL,
    shape_id          bigint NOT NULL,
    -- 'mixed' where the entities that it names are kept differently
    storage_mode      text NOT NULL,
    calls             bigint NOT NULL,
    errors            bigint NOT NULL,
    execution_time_ms float8 NOT NULL,
    slowest_ms        float8 NOT NULL,
    row_count         bigint NOT NULL,
    -- how many calls took how long; kameleon.histogram_percentile() tells the bounds
    latencies         bigint[] NOT NULL,
    PRIMARY KEY (shape_id, storage_mode, day)
) PARTITION BY RANGE (day);
COMMENT ON TABLE kameleon.kdb_statement_days IS 'What each shape cost on each day: kameleon.query_stats reads it.';

CREATE TABLE kameleon.kdb_entity_activity (
    -- ten minutes from then on
    since             timestamptz NOT NULL,
    entity_id         int NOT NULL,
    storage_mode      text NOT NULL,
    calls             bigint NOT NULL,
    -- of these calls: those that write, and those that join it with something
    writes            bigint NOT NULL,
    joins             bigint NOT NULL,
    execution_time_ms float8 NOT NULL,
    slowest_ms        float8 NOT NULL,
    row_count         bigint NOT NULL,
    most_rows         bigint NOT NULL,
    PRIMARY KEY (entity_id, since, storage_mode)
) PARTITION BY RANGE (since);
COMMENT ON TABLE kameleon.kdb_entity_activity IS 'How often each entity was used, and at what cost: what advice is based on.';

CREATE TABLE kameleon.settings (
    name       text PRIMARY KEY,
    value      text NOT NULL,
    changed_by name NOT NULL DEFAULT session_user,
    changed_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE kameleon.settings IS
    'Settings of this database, in place of the proxy''s own; kameleon.known_settings() lists them. Its owner may change them.';
