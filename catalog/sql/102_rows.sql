-- Rows of an entity by their place, for what PostgreSQL only does with tables: TABLESAMPLE and WHERE CURRENT OF.
-- Both give places, ctid, which say nothing; the rows are read through the views. Re-created on every install.

CREATE OR REPLACE FUNCTION kameleon.sampled_rows(entity int, method text, percentage real) RETURNS SETOF tid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT d.ctid FROM kameleon.%I AS d TABLESAMPLE %I ($1)',
                                (SELECT kameleon.child_name(e) FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity), method) USING percentage;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.sampled_rows(entity int, method text, percentage real, seed float8) RETURNS SETOF tid
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY EXECUTE format('SELECT d.ctid FROM kameleon.%I AS d TABLESAMPLE %I ($1) REPEATABLE ($2)',
                                (SELECT kameleon.child_name(e) FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity), method) USING percentage, seed;
END
$$;

-- Where a cursor stands. Only a DELETE or UPDATE of the table itself can say it: so the row is deleted, and is not.
CREATE OR REPLACE FUNCTION kameleon.current_row(entity int, cursor_name text) RETURNS tid
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET session_replication_role = 'replica' AS $$
DECLARE
    place tid;
BEGIN
    BEGIN
        EXECUTE format('DELETE FROM ONLY kameleon.%I WHERE CURRENT OF %I RETURNING ctid',
                       (SELECT kameleon.child_name(e) FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity), cursor_name) INTO place;
        RAISE EXCEPTION USING ERRCODE = 'KDB03';
    EXCEPTION WHEN SQLSTATE 'KDB03' THEN
        RETURN place;
    END;
END
$$;
