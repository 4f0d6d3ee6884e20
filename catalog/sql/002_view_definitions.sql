CREATE TABLE kameleon.kdb_view_definitions (
    view_id      int PRIMARY KEY,
    relid        oid NOT NULL UNIQUE,
    -- part of the name of its write view; grows when statements that write through the view have to be written otherwise
    generation   int NOT NULL DEFAULT 0,
    signature    text,
    -- of a view that can be updated: the table behind it, and of each column the table's attnum, 0 for one that cannot be
    base_relid   oid,
    base_columns int2[],
    -- while REFRESH runs the shadow's query in place of the materialized view's own
    swapped      boolean NOT NULL DEFAULT false
);
COMMENT ON TABLE kameleon.kdb_view_definitions IS 'One row per view or materialized view that reads a shared entity; numbered like entities.';
