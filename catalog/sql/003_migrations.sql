-- Moves of entities between shared and dedicated storage, running and past. Run once.

CREATE TABLE kameleon.kdb_migrations (
    migration_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- entities that foreign keys tie together move together: one row for each, under the number of the first
    call_id       bigint NOT NULL,
    entity_id     int NOT NULL,
    schema_name   name NOT NULL,
    entity_name   name NOT NULL,
    direction     text NOT NULL CHECK (direction IN ('dedicated', 'shared')),
    phase         text NOT NULL DEFAULT 'preparing'
        CHECK (phase IN ('preparing', 'copying', 'waiting', 'verifying', 'switching', 'undoing', 'done', 'cancelled', 'failed')),
    requested     text CHECK (requested IN ('pause', 'cancel')),
    batch_size    int NOT NULL CHECK (batch_size > 0),
    -- how long it may wait for other transactions, in each phase
    patience      interval NOT NULL,
    reason        text,
    error         text,
    rows_done     bigint NOT NULL DEFAULT 0,
    rows_total    bigint,
    -- where the rows are and where they go, and the files that these were in when it began
    source        oid,
    target        oid,
    source_file   oid,
    target_file   oid,
    -- copied so far: all rows in places below (block * 1024 + item)
    place         bigint NOT NULL DEFAULT 0,
    -- the source's blocks when capture began, and how many of them are copied at a time
    blocks        int,
    stretch       int,
    -- whether a row was found copied already
    has_met_rows  boolean NOT NULL DEFAULT false,
    -- the last transaction that copied rows
    copied_by     xid8,
    attempts      int NOT NULL DEFAULT 0,
    started_by    name NOT NULL,
    -- the session that runs it, and since when it has been running it
    pid           int NOT NULL,
    backend_start timestamptz,
    query_start   timestamptz,
    started_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    phase_since   timestamptz NOT NULL DEFAULT clock_timestamp(),
    told_at       timestamptz NOT NULL DEFAULT clock_timestamp(),
    updated_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
    finished_at   timestamptz
);
CREATE UNIQUE INDEX kdb_migrations_running ON kameleon.kdb_migrations (entity_id) WHERE finished_at IS NULL;
CREATE INDEX kdb_migrations_call ON kameleon.kdb_migrations (call_id);
COMMENT ON TABLE kameleon.kdb_migrations IS 'Moves of entities between shared and dedicated storage: running, interrupted and past.';
