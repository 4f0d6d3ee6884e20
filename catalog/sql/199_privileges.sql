-- Nobody but the installer reaches the catalog; views need the functions that they call. Re-created on every install.

REVOKE ALL ON ALL TABLES IN SCHEMA kameleon FROM PUBLIC;
GRANT SELECT ON kameleon.entities, kameleon.kdb_read_0 TO PUBLIC;
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA kameleon FROM PUBLIC;
DO $$
DECLARE
    callable regprocedure;
BEGIN
    FOR callable IN
        SELECT p.oid FROM pg_proc p
        WHERE p.pronamespace = 'kameleon'::regnamespace
          AND (p.proname IN ('canonical_text', 'interval_text', 'float_json', 'money_in', 'json_field', 'clip', 'next_identity',
                             'session_state', 'refuse_array_nulls', 'hiding_relations', 'entity_json', 'document_statistics', 'fill_shell', 'dedicate', 'acting_role', 'refuse_shell',
                             'assigned_varchar', 'assigned_bpchar', 'assigned_bit', 'assigned_varbit')
               OR p.proname ~ '^kdb_(input|copy|pack|generate|refuse|row|document|compute|keys|unpack|follow)_[0-9]+$' OR p.proname LIKE 'kdb\_column\_%')
    LOOP
        EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO PUBLIC', callable);
    END LOOP;
END
$$;
