-- What people call. Names are resolved by the caller's search_path, so the procedures themselves set none; without such a
-- setting, and with the caller's own rights, they may also commit. Re-created on every install.

DROP PROCEDURE IF EXISTS kameleon.materialize_entity(text, text);
DROP PROCEDURE IF EXISTS kameleon.dematerialize_entity(text, text);
DROP FUNCTION IF EXISTS kameleon.change_storage(text, regclass, text, text);

CREATE OR REPLACE PROCEDURE kameleon.materialize_entity(entity_name text, reason text DEFAULT NULL, batch_size int DEFAULT NULL, timeout interval DEFAULT NULL)
LANGUAGE plpgsql AS $$
BEGIN
    CALL kameleon.move_entity('materialize_entity', entity_name, pg_catalog.to_regclass(entity_name), 'dedicated', reason, batch_size, timeout);
END
$$;
COMMENT ON PROCEDURE kameleon.materialize_entity IS 'Moves a table''s rows from shared storage into the table itself, while clients use them.';

CREATE OR REPLACE PROCEDURE kameleon.dematerialize_entity(entity_name text, reason text DEFAULT NULL, batch_size int DEFAULT NULL, timeout interval DEFAULT NULL)
LANGUAGE plpgsql AS $$
BEGIN
    CALL kameleon.move_entity('dematerialize_entity', entity_name, pg_catalog.to_regclass(entity_name), 'shared', reason, batch_size, timeout);
END
$$;
COMMENT ON PROCEDURE kameleon.dematerialize_entity IS 'Moves a table''s rows into shared storage, while clients use them.';

CREATE OR REPLACE PROCEDURE kameleon.pause_migration(entity_name text)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM kameleon.request_of_migration(entity_name, pg_catalog.to_regclass(entity_name), 'pause');
END
$$;
COMMENT ON PROCEDURE kameleon.pause_migration IS 'Lets the move of a table''s rows rest until it is resumed.';

CREATE OR REPLACE PROCEDURE kameleon.resume_migration(entity_name text)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM kameleon.request_of_migration(entity_name, pg_catalog.to_regclass(entity_name), NULL);
END
$$;
COMMENT ON PROCEDURE kameleon.resume_migration IS 'Lets the paused move of a table''s rows go on.';

CREATE OR REPLACE PROCEDURE kameleon.cancel_migration(entity_name text)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM kameleon.request_of_migration(entity_name, pg_catalog.to_regclass(entity_name), 'cancel');
END
$$;
COMMENT ON PROCEDURE kameleon.cancel_migration IS 'Gives up the move of a table''s rows, which are left where they were.';

-- Runs a migration, step by step (111_migrations.sql). An error, or the client's cancel, ends it after what was done is undone.
CREATE OR REPLACE PROCEDURE kameleon.move_entity(procedure_name text, entity_name text, relation regclass, mode text, reason text, batch_size int, patience interval)
LANGUAGE plpgsql AS $$
DECLARE
    call bigint;
    pause float8 := 0;
    failed boolean := false;
    sql_state text;
    error text;
    error_detail text;
    error_hint text;
BEGIN
    -- Inside a transaction block, or a function, COMMIT is refused with other words than here, in a subtransaction.
    BEGIN
        PERFORM kameleon.speak_english();
        COMMIT;
    EXCEPTION WHEN invalid_transaction_termination THEN
        failed := SQLERRM OPERATOR(pg_catalog.=) 'invalid transaction termination';
    END;
    IF failed THEN
        RAISE EXCEPTION USING ERRCODE = 'active_sql_transaction',
            MESSAGE = pg_catalog.format('CALL kameleon.%s() cannot run inside a transaction block', procedure_name),
            HINT = 'End the transaction first; in a driver, turn autocommit on for this call.';
    END IF;
    -- each statement of a step must see what was committed before it; said before anything takes a snapshot, be it a condition
    COMMIT;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    call := kameleon.begin_migration(entity_name, relation, mode, reason, batch_size, patience);
    COMMIT;
    SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    WHILE call IS NOT NULL AND pause IS NOT NULL LOOP
        -- What is cancelled out here, between two steps, is noticed by the proxies; so there is next to nothing out here.
        BEGIN
            PERFORM pg_catalog.pg_sleep(pause) WHERE pause OPERATOR(pg_catalog.>) 0;
            pause := kameleon.migration_step(call);
        EXCEPTION WHEN query_canceled OR others THEN
            -- a second error, on the way back, is left to whoever comes next
            pause := CASE WHEN failed THEN NULL ELSE 0 END;
            IF NOT failed THEN
                failed := true;
                GET STACKED DIAGNOSTICS sql_state = RETURNED_SQLSTATE, error = MESSAGE_TEXT, error_detail = PG_EXCEPTION_DETAIL, error_hint = PG_EXCEPTION_HINT;
                PERFORM kameleon.fail_migration(call, error, sql_state OPERATOR(pg_catalog.=) '57014');
            END IF;
        END;
        COMMIT;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
    END LOOP;
    IF failed THEN
        PERFORM kameleon.raise_again(sql_state, error, error_detail, error_hint);
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.speak_english() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM set_config('lc_messages', 'C', true);
END
$$;

-- An error as it was caught. (An option of RAISE cannot be NULL, and an empty one is shown.)
CREATE OR REPLACE FUNCTION kameleon.raise_again(sql_state text, error text, error_detail text, error_hint text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF error_detail <> '' AND error_hint <> '' THEN
        RAISE EXCEPTION USING ERRCODE = sql_state, MESSAGE = error, DETAIL = error_detail, HINT = error_hint;
    ELSIF error_detail <> '' THEN
        RAISE EXCEPTION USING ERRCODE = sql_state, MESSAGE = error, DETAIL = error_detail;
    ELSIF error_hint <> '' THEN
        RAISE EXCEPTION USING ERRCODE = sql_state, MESSAGE = error, HINT = error_hint;
    END IF;
    RAISE EXCEPTION USING ERRCODE = sql_state, MESSAGE = error;
END
$$;
