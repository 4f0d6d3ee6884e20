-- What COPY ... FROM asks for. Re-created on every install.

-- COPY with FREEZE, of which the proxy leaves a comment: natively it fails, unless the table is of this transaction, or was
-- truncated in it. A change of the table's description in this transaction passes for that here.
CREATE OR REPLACE FUNCTION kameleon.refuse_freeze() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entity int := split_part(TG_RELNAME, '_', 3);
    newest numeric;
    changed_by numeric;
BEGIN
    IF current_query() LIKE format('%%/* kameleon.freeze %s */%%', entity) THEN
        newest := pg_snapshot_xmax(pg_current_snapshot())::text::numeric;
        SELECT c.xmin::text::numeric INTO changed_by FROM kameleon.kdb_entity_definitions e JOIN pg_class c ON c.oid = e.relid WHERE e.entity_id = entity;
        -- a row of pg_class has the last 32 bits of its transaction's number
        changed_by := newest + mod(changed_by - mod(newest, 4294967296) + 4294967296 + 2147483648, 4294967296) - 2147483648;
        IF changed_by < 3 OR pg_xact_status(changed_by::text::xid8) IS DISTINCT FROM 'in progress' THEN
            RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
                MESSAGE = 'cannot perform COPY FREEZE because the table was not created or truncated in the current subtransaction';
        END IF;
    END IF;
    RETURN NULL;
END
$$;
