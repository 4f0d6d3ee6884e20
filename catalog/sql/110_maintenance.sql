-- CLUSTER, REINDEX and REASSIGN OWNED, of which event triggers know little or nothing. Re-created on every install.

-- The index that the table is clustered on is the documents'.
CREATE OR REPLACE FUNCTION kameleon.sync_clustering(entity int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE pg_index d SET indisclustered = s.indisclustered
    FROM kameleon.kdb_index_definitions i JOIN pg_index s ON s.indexrelid = i.index_relid
    WHERE i.entity_id = entity AND d.indexrelid = to_regclass(format('kameleon.%I', i.child_name)) AND d.indisclustered <> s.indisclustered;
END
$$;

-- What CLUSTER does besides: the index is the one of the next CLUSTER that names none. Where it cannot be, CLUSTER fails.
CREATE OR REPLACE FUNCTION kameleon.mark_clustered(shell regclass, index_name name) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE pg_index i SET indisclustered = c.relname = index_name
    FROM pg_class c
    WHERE i.indrelid = shell AND c.oid = i.indexrelid AND i.indisclustered <> (c.relname = index_name)
      AND (pg_has_role(kameleon.acting_role(), (SELECT relowner FROM pg_class WHERE oid = shell), 'USAGE')
           OR EXISTS (SELECT FROM pg_class t CROSS JOIN LATERAL aclexplode(t.relacl) AS x
                      WHERE t.oid = shell AND x.privilege_type = 'MAINTAIN' AND (x.grantee = 0 OR pg_has_role(kameleon.acting_role(), x.grantee, 'USAGE'))));
    SELECT kameleon.sync_clustering(e.entity_id) FROM kameleon.kdb_entity_definitions e WHERE e.relid = shell AND e.storage_mode = 'shared'
$$;

-- REINDEX of an index, a schema or a database has met an index of a shell: PostgreSQL tells of each since version 17. One that
-- a failed CREATE INDEX CONCURRENTLY left has no index over the documents yet.
CREATE OR REPLACE FUNCTION kameleon.reindex_documents(index_oid oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    child_index name := (SELECT i.child_name FROM kameleon.kdb_index_definitions i WHERE i.index_relid = index_oid);
    entity int;
    moved_to name;
BEGIN
    IF child_index IS NOT NULL THEN
        SELECT t.spcname INTO moved_to
        FROM pg_class shown JOIN pg_class stored ON stored.oid = to_regclass(format('kameleon.%I', child_index)) AND stored.reltablespace <> shown.reltablespace
        JOIN pg_database d ON d.datname = current_database() JOIN pg_tablespace t ON t.oid = coalesce(nullif(shown.reltablespace, 0), d.dattablespace)
        WHERE shown.oid = index_oid;
        EXECUTE format('REINDEX %s INDEX kameleon.%I', coalesce('(TABLESPACE ' || quote_ident(moved_to) || ')', ''), child_index);
        RETURN;
    END IF;
    SELECT e.entity_id INTO entity FROM pg_index i JOIN kameleon.kdb_entity_definitions e ON e.relid = i.indrelid
    WHERE i.indexrelid = index_oid AND i.indisvalid AND e.storage_mode = 'shared';
    IF FOUND THEN
        BEGIN
            PERFORM kameleon.sync_indexes(entity);
            PERFORM kameleon.notify_session(entity::text);
        EXCEPTION WHEN unique_violation THEN
            IF current_query() !~* '\mconcurrently\M' THEN
                RAISE;
            END IF;
            -- what that has done so far stays done
            UPDATE pg_index SET indisvalid = false WHERE indexrelid = index_oid;
            RAISE WARNING USING ERRCODE = SQLSTATE, MESSAGE = SQLERRM, DETAIL = 'The index is still invalid.';
        END;
    END IF;
END
$$;

-- Before REINDEX of a table or an index: indexes that a failed CREATE INDEX CONCURRENTLY left invalid are made, or why they
-- cannot be is told.
CREATE OR REPLACE FUNCTION kameleon.revive_indexes(relation regclass) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS $$
DECLARE
    internal text := coalesce(current_setting('kameleon.internal', true), '');
    invalid record;
BEGIN
    FOR invalid IN
        SELECT i.indexrelid, e.entity_id FROM pg_index i JOIN kameleon.kdb_entity_definitions e ON e.relid = i.indrelid
        WHERE relation IN (i.indrelid, i.indexrelid) AND e.storage_mode = 'shared' AND NOT i.indisvalid
          -- whoever may not is refused by REINDEX itself
          AND pg_has_role(kameleon.acting_role(), (SELECT c.relowner FROM pg_class c WHERE c.oid = i.indrelid), 'USAGE')
        ORDER BY i.indexrelid
    LOOP
        PERFORM set_config('kameleon.internal', 'on', true);
        EXECUTE format('REINDEX INDEX %s', invalid.indexrelid::regclass);
        PERFORM kameleon.reindex_documents(invalid.indexrelid);
        PERFORM set_config('kameleon.internal', internal, true);
    END LOOP;
    -- which tells nobody of it
    IF current_setting('server_version_num')::int < 170000
       AND EXISTS (SELECT FROM pg_index i WHERE i.indexrelid = relation AND pg_has_role(kameleon.acting_role(), (SELECT c.relowner FROM pg_class c WHERE c.oid = i.indrelid), 'USAGE')) THEN
        PERFORM kameleon.reindex_documents(relation);
    END IF;
END
$$;

-- What REASSIGN OWNED will do with the entities, by commands that fire the event trigger. Where the client may not, or a
-- role is not there, REASSIGN OWNED itself says so.
CREATE OR REPLACE FUNCTION kameleon.reassign_entities(former name[], new_owner name) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS $$
DECLARE
    shell regclass;
BEGIN
    IF (SELECT count(*) FROM pg_roles r WHERE r.rolname = new_owner OR r.rolname = ANY (former))
       < (SELECT count(DISTINCT n) FROM unnest(former || new_owner) AS n)
       OR EXISTS (SELECT FROM unnest(former || new_owner) AS n WHERE NOT pg_has_role(kameleon.acting_role(), n, 'USAGE')) THEN
        RETURN;
    END IF;
    FOR shell IN
        SELECT e.relid FROM kameleon.kdb_entity_definitions e JOIN pg_class c ON c.oid = e.relid
        WHERE e.storage_mode = 'shared' AND pg_get_userbyid(c.relowner) = ANY (former) ORDER BY e.entity_id
    LOOP
        EXECUTE format('ALTER TABLE %s OWNER TO %I', shell, new_owner);
    END LOOP;
END
$$;
