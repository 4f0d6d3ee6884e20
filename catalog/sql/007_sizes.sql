-- How many rows tables in shared storage had, day by day: what tells that one grows. Run once.

CREATE TABLE kameleon.kdb_entity_sizes (
    -- of UTC
    day       date NOT NULL,
    entity_id int NOT NULL,
    -- estimated, when a proxy first reviewed the entities on that day
    row_count bigint NOT NULL,
    PRIMARY KEY (entity_id, day)
);
COMMENT ON TABLE kameleon.kdb_entity_sizes IS 'Rows of tables in shared storage, estimated once a day for as long as metrics are kept.';
