-- What our functions do to our own objects is no matter of the client's event triggers, which would be called for it, under
-- our search_path. PostgreSQL has a setting for that since version 17. Re-created on every install.
DO $$
DECLARE
    working regprocedure;
BEGIN
    IF current_setting('event_triggers', true) IS NULL THEN
        RETURN;
    END IF;
    FOR working IN
        SELECT p.oid FROM pg_proc p
        WHERE p.pronamespace = 'kameleon'::regnamespace AND p.prokind = 'f'
          AND (p.prosecdef OR p.proname = 'fill_shells') AND p.prosrc LIKE '%(''kameleon.internal'', ''on''%'
    LOOP
        EXECUTE format('ALTER FUNCTION %s SET event_triggers = off', working);
    END LOOP;
END
$$;
