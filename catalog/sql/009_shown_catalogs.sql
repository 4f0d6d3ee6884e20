CREATE TABLE kameleon.kdb_shown_catalogs (
    relid  oid PRIMARY KEY,
    number int NOT NULL
);
COMMENT ON TABLE kameleon.kdb_shown_catalogs IS 'The system catalogs that are read through a view of ours, by its number.';
