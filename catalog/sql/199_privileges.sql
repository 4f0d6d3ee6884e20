-- Nobody but the installer reaches the catalog; views need the functions that they call. Re-created on every install.

REVOKE ALL ON ALL TABLES IN SCHEMA kameleon FROM PUBLIC;
GRANT SELECT ON kameleon.entities, kameleon.migrations, kameleon.schema_changes, kameleon.query_stats, kameleon.entity_stats, kameleon.settings,
                kameleon.suggestions, kameleon.materialization_candidates TO PUBLIC;
-- the owner of the database, and who has the owner's role
GRANT INSERT, UPDATE, DELETE ON kameleon.settings TO pg_database_owner;
REVOKE EXECUTE ON ALL ROUTINES IN SCHEMA kameleon FROM PUBLIC;
DO $$
DECLARE
    callable regprocedure;
    readable regclass;
BEGIN
    FOR readable IN
        SELECT c.oid FROM pg_class c CROSS JOIN kameleon.shown_catalogs() AS s
        WHERE c.relnamespace = 'kameleon'::regnamespace AND c.relname IN ('kdb_document_relations', 'kdb_read_' || s.number, format('kdb_write_%s_0', s.number))
    LOOP
        EXECUTE format('GRANT SELECT ON %s TO PUBLIC', readable);
    END LOOP;
    FOR callable IN
        SELECT p.oid FROM pg_proc p
        WHERE p.pronamespace = 'kameleon'::regnamespace
          AND (p.proname IN ('canonical_text', 'interval_text', 'float_json', 'money_in', 'json_field', 'clip', 'next_identity',
                             'session_state', 'put_off_switches', 'refuse_unfinished', 'refuse_filling', 'refuse_array_nulls', 'hiding_relations', 'entity_json', 'document_statistics', 'fill_shell', 'begin_migration', 'migration_step', 'fail_migration', 'request_of_migration', 'is_running', 'speak_english', 'raise_again', 'move_entity', 'pause_migration', 'resume_migration', 'cancel_migration', 'materialize_entity', 'dematerialize_entity', 'adopt', 'adopt_entity', 'forget', 'forget_entity', 'open_shell', 'reassign_entities',
                             'mark_clustered', 'revive_indexes', 'dedicate', 'dedicate_or_refuse', 'queue_for_table', 'collated', 'unchanged', 'dedicate_for_event_trigger', 'acting_role', 'refuse_shell', 'expect_table',
                             'temporary_views', 'known_settings', 'may_see', 'simulate', 'simulate_entity', 'simulation_plan', 'simulated_shapes', 'estimated_rows', 'counted', 'prefixed', 'filled_statement', 'measure_twice', 'measure_once', 'is_harmless', 'histogram_percentile', 'add_histograms', 'sum_histograms', 'read_shadow', 'has_heirs', 'has_triggers', 'estimates', 'is_for_people', 'twin', 'written_body', 'sampled_rows', 'current_row', 'assign_part', 'assign_json', 'json_step', 'tell_row', 'is_proxied', 'is_hstore', 'base_type', 'with_parts', 'assigned_varchar', 'assigned_bpchar', 'assigned_bit', 'assigned_varbit')
               -- in the place of PostgreSQL's own
               OR p.proname ~ '^(pg|brin|gin)_'
               OR p.proname ~ '^kdb_(input|copy|pack|generate|refuse|row|document|compute|keys|parts|unpack|follow|copied|stashed|failing)_[0-9]+$' OR p.proname LIKE 'kdb\_column\_%')
    LOOP
        EXECUTE format('GRANT EXECUTE ON ROUTINE %s TO PUBLIC', callable);
    END LOOP;
END
$$;

-- What is compiled, run as text or written out of the catalogs here is read and written alike, whatever sessions say of
-- strings. Not so what makes itself for each entity, which has no such strings, and procedures, which could not commit.
DO $$
DECLARE
    own regprocedure;
BEGIN
    FOR own IN
        SELECT p.oid FROM pg_proc p
        WHERE p.pronamespace = 'kameleon'::regnamespace AND p.prokind = 'f' AND p.proname !~ '^kdb_.*_[0-9]+$'
          AND (p.prosrc ~ E'\\\\' OR (p.proconfig IS NOT NULL AND p.prosrc ~ '\mEXECUTE\M|\mpg_get_'))
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET standard_conforming_strings = on', own);
    END LOOP;
END
$$;
