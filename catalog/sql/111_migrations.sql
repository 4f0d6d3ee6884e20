-- The steps by which entities move between shared and dedicated storage while clients use them. Re-created on every install.
--
-- A step is one short transaction. kameleon.move_entity (110_procedures.sql) runs them, one after another, in the client's
-- session:
--     preparing   the target is built; from its end on every change is made to both storages
--     copying     the rows that were there before, in batches
--     waiting     until nobody has a snapshot in which a row that was copied is only in the source
--     verifying   rows and checksums of both
--     switching   the one moment when writers wait: the names stand for the other storage from now on
-- What fails or is cancelled before the switch is undone (undoing); what is interrupted, is undone by whoever comes next.

-- Takes locks, if they can be had at once or soon: within 100 ms, and a little later with every attempt, but before anybody
-- looks for a deadlock. A writer waits behind us while we wait. `switch`: the call that is to switch, which transactions may
-- have put off.
DROP FUNCTION IF EXISTS kameleon.lock_briefly(text[], text, int);
CREATE OR REPLACE FUNCTION kameleon.lock_briefly(relations text[], lock_mode text, attempts int DEFAULT 0, switch bigint DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    own_timeout text := current_setting('lock_timeout');
    began timestamptz := clock_timestamp();
    relation text;
BEGIN
    IF switch IS NOT NULL THEN
        PERFORM set_config('lock_timeout', least(100 * 1.1 ^ least(attempts, 25), 600)::int::text, true);
        PERFORM pg_advisory_xact_lock('kameleon.kdb_migrations'::regclass::oid::int, switch::int);
    END IF;
    FOREACH relation IN ARRAY relations LOOP
        PERFORM set_config('lock_timeout', greatest(10, least(100 * 1.1 ^ least(attempts, 25), 600) - extract(epoch FROM clock_timestamp() - began) * 1000)::int::text, true);
        PERFORM kameleon.lock_alone(relation::regclass, lock_mode);
    END LOOP;
    PERFORM set_config('lock_timeout', own_timeout, true);
    RETURN true;
EXCEPTION WHEN lock_not_available OR deadlock_detected OR undefined_table THEN
    -- documents of a neighbour may be gone with its own move
    RETURN false;
END
$$;

-- Whether the session that runs a migration is still at it.
CREATE OR REPLACE FUNCTION kameleon.is_running(migration kameleon.kdb_migrations) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT pg_stat_clear_snapshot();
    SELECT EXISTS (SELECT FROM pg_stat_activity a
                   WHERE (a.pid, a.backend_start) = ((migration).pid, (migration).backend_start)
                     AND a.query_start IS NOT DISTINCT FROM (migration).query_start AND a.state IN ('active', 'disabled'))
$$;

CREATE OR REPLACE FUNCTION kameleon.moving_entity(migration kameleon.kdb_migrations) RETURNS kameleon.kdb_entity_definitions
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT e FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = (migration).entity_id
$$;
DROP FUNCTION IF EXISTS kameleon.moving_together(bigint);

-- Why an entity can only be moved under a lock; NULL when it can be moved live. Rows are inserted as they are: a constraint
-- that is not valid yet would refuse them, and so would an index. They are read and written with the owner's rights.
CREATE OR REPLACE FUNCTION kameleon.live_obstacle(relation oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN EXISTS (SELECT FROM pg_constraint c WHERE c.conrelid = relation AND c.contype IN ('c', 'n') AND NOT c.convalidated) THEN 'a constraint is not valid'
                WHEN EXISTS (SELECT FROM pg_index i WHERE i.indrelid = relation AND NOT i.indisvalid) THEN 'an index is not valid'
                WHEN EXISTS (SELECT FROM pg_class c CROSS JOIN unnest('{SELECT,INSERT,DELETE}'::text[]) AS p (privilege)
                             WHERE c.oid = relation AND NOT has_table_privilege(c.relowner, relation, p.privilege))
                    THEN 'its owner has given up privileges' END
$$;

-- Registers a migration and returns its number; NULL when it is done already, under a lock. Nothing else is changed yet.
CREATE OR REPLACE FUNCTION kameleon.begin_migration(entity_name text, relation regclass, mode text, reason text, batch_size int, patience interval) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on SET kameleon.internal = 'on' AS $$
DECLARE
    definition kameleon.kdb_entity_definitions;
    why text := coalesce(reason, 'its owner asked for it');
    call bigint;
BEGIN
    IF relation IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_table', MESSAGE = format('relation "%s" does not exist', entity_name);
    END IF;
    SELECT e.* INTO definition FROM kameleon.kdb_entity_definitions e WHERE e.relid = relation;
    IF definition.entity_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'wrong_object_type', MESSAGE = format('"%s" is not an entity', entity_name),
            HINT = 'The view kameleon.entities lists them; CALL kameleon.adopt_entity() makes a table one.';
    END IF;
    IF NOT pg_has_role(kameleon.acting_role(), (SELECT c.relowner FROM pg_class c WHERE c.oid = relation), 'USAGE') THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('must be owner of table %s', definition.entity_name);
    END IF;
    IF batch_size < 1 OR patience < interval '0' THEN
        RAISE EXCEPTION USING ERRCODE = 'invalid_parameter_value', MESSAGE = CASE WHEN batch_size < 1 THEN format('batch_size must be positive, not %s', batch_size)
                                                                                  ELSE format('timeout must not be negative, as %s is', patience) END,
            HINT = 'Leave it out for the default.';
    END IF;
    PERFORM kameleon.refuse_while_moving(definition.entity_id);
    IF definition.storage_mode = mode THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state',
            MESSAGE = format('table "%s" is kept in %s storage already', definition.entity_name, mode),
            HINT = 'There is nothing to be done.';
    END IF;
    IF mode = 'shared' THEN
        PERFORM kameleon.refuse_obstacles(relation);
    END IF;
    IF kameleon.live_obstacle(relation) IS NOT NULL THEN
        IF mode = 'dedicated' THEN
            PERFORM kameleon.make_dedicated(relation, why, 'MATERIALIZE ENTITY');
        ELSE
            PERFORM kameleon.make_shared(relation, why, 'DEMATERIALIZE ENTITY');
        END IF;
        RETURN NULL;
    END IF;
    call := nextval(pg_get_serial_sequence('kameleon.kdb_migrations', 'migration_id'));
    BEGIN
        INSERT INTO kameleon.kdb_migrations AS m (migration_id, call_id, entity_id, schema_name, entity_name, direction, foreign_keys, batch_size, patience, reason, started_by, pid, backend_start, query_start)
        OVERRIDING SYSTEM VALUE
        SELECT call, call, definition.entity_id, definition.schema_name, definition.entity_name, mode, kameleon.declared_for(relation),
               coalesce(begin_migration.batch_size, 2500), coalesce(begin_migration.patience, interval '1 hour'), why,
               kameleon.acting_role(), pg_backend_pid(), a.backend_start, a.query_start
        FROM pg_stat_activity a WHERE a.pid = pg_backend_pid();
    EXCEPTION WHEN unique_violation THEN
        -- somebody else's began in the same moment
        RAISE EXCEPTION USING ERRCODE = 'object_in_use', MESSAGE = format('table "%s" is being moved to another storage', entity_name),
            HINT = 'The view kameleon.migrations tells how far it is.';
    END;
    -- the proxies watch that it does not die, and tell it of transactions that the switch would hit
    PERFORM pg_notify('kameleon', 'migration');
    RETURN call;
END
$$;

-- An error when the entity is just being moved. What is left of an interrupted move is undone instead.
CREATE OR REPLACE FUNCTION kameleon.refuse_while_moving(entity int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    running kameleon.kdb_migrations;
BEGIN
    SELECT m.* INTO running FROM kameleon.kdb_migrations m WHERE m.entity_id = entity AND m.finished_at IS NULL;
    IF running.migration_id IS NULL THEN
        RETURN;
    END IF;
    IF kameleon.is_running(running) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_in_use',
            MESSAGE = format('table "%s" is being moved to %s storage', running.entity_name, running.direction),
            HINT = format('Wait until it is done (see the view kameleon.migrations), or give it up: CALL kameleon.cancel_migration(%L).', format('%I.%I', running.schema_name, running.entity_name));
    END IF;
    PERFORM kameleon.undo_migration(running.call_id, 'it was interrupted');
END
$$;

-- The foreign keys of and to a table.
CREATE OR REPLACE FUNCTION kameleon.declared_for(relation oid) RETURNS oid[]
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN ARRAY(SELECT k.oid FROM kameleon.foreign_keys_of(relation) AS k WHERE k.connamespace <> 'kameleon'::regnamespace ORDER BY k.oid);
END
$$;

-- None may be made or lost while one of its tables is moved: documents that are only being made would not know of it.
CREATE OR REPLACE FUNCTION kameleon.refuse_ties_while_moving() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kameleon.refuse_while_moving(m.entity_id)
    FROM kameleon.kdb_migrations m JOIN kameleon.kdb_entity_definitions e USING (entity_id)
    WHERE m.finished_at IS NULL AND m.foreign_keys <> kameleon.declared_for(e.relid);
END
$$;

-- An error when a table has what documents cannot serve.
DROP FUNCTION IF EXISTS kameleon.refuse_obstacles(kameleon.kdb_entity_definitions[]);
CREATE OR REPLACE FUNCTION kameleon.refuse_obstacles(relation oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    why text := coalesce(kameleon.obstacle(relation), kameleon.plain_referrer(relation), kameleon.dependent_obstacle(relation));
BEGIN
    IF why IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('table "%s" cannot be kept in shared storage: %s', (SELECT c.relname FROM pg_class c WHERE c.oid = relation), why),
            HINT = 'Drop what stands in the way first.';
    END IF;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.enter_phase(migration bigint, next text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE kameleon.kdb_migrations SET phase = next, attempts = 0, phase_since = clock_timestamp(), updated_at = clock_timestamp() WHERE migration_id = migration
$$;

-- Seconds until the next attempt, after one that could not get its locks. Raises lock_not_available when patience is over.
CREATE OR REPLACE FUNCTION kameleon.try_later(migration kameleon.kdb_migrations, what_for text) RETURNS float8
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF clock_timestamp() - (migration).phase_since > (migration).patience THEN
        RAISE EXCEPTION USING ERRCODE = 'lock_not_available', MESSAGE = format('table "%s" was not moved: %s', (migration).entity_name, what_for),
            HINT = 'Try again when they have ended, or give it more time with the argument "timeout".';
    END IF;
    UPDATE kameleon.kdb_migrations SET attempts = attempts + 1, updated_at = clock_timestamp() WHERE migration_id = (migration).migration_id;
    IF clock_timestamp() - (migration).told_at > interval '5 seconds' THEN
        UPDATE kameleon.kdb_migrations SET told_at = clock_timestamp() WHERE call_id = (migration).call_id;
        RAISE NOTICE 'table "%": %', (migration).entity_name, what_for;
    END IF;
    RETURN least(2, 0.05 * 1.25 ^ least((migration).attempts, 25)) * (0.5 + random() / 2);
END
$$;

-- One step of a migration. Returns how many seconds to wait before the next one; NULL when it is over.
-- Raises query_canceled when somebody asked for it, and whatever goes wrong.
CREATE OR REPLACE FUNCTION kameleon.migration_step(call bigint) RETURNS float8
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on SET kameleon.internal = 'on' AS $$
DECLARE
    migration kameleon.kdb_migrations;
BEGIN
    SELECT m.* INTO migration FROM kameleon.kdb_migrations m WHERE m.call_id = call AND m.finished_at IS NULL FOR UPDATE;
    IF migration.migration_id IS NULL THEN
        RETURN NULL;
    END IF;
    IF migration.pid <> pg_backend_pid() THEN
        RAISE EXCEPTION USING ERRCODE = 'object_in_use', MESSAGE = format('another session moves table "%s"', migration.entity_name);
    END IF;
    IF migration.phase = 'undoing' THEN
        -- the client is not kept waiting for others: what it leaves is harmless, and the proxies undo it as soon as they can
        IF kameleon.undo_migration(call) OR clock_timestamp() - migration.phase_since > interval '3 seconds' THEN
            RETURN NULL;
        END IF;
        RETURN kameleon.try_later(migration, 'waiting for transactions that use it, to undo what was done');
    END IF;
    IF NOT EXISTS (SELECT FROM kameleon.kdb_entity_definitions e JOIN pg_class c ON c.oid = e.relid WHERE e.entity_id = migration.entity_id) THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_table', MESSAGE = format('table "%s" was dropped while it was moved', migration.entity_name);
    END IF;
    IF migration.requested = 'cancel' THEN
        RAISE EXCEPTION USING ERRCODE = 'query_canceled', MESSAGE = format('the move of table "%s" was cancelled', migration.entity_name);
    ELSIF migration.requested = 'pause' THEN
        RETURN 0.2;
    END IF;
    IF migration.phase <> 'switching' THEN
        -- what a crash loses of it would be undone anyway
        PERFORM set_config('synchronous_commit', 'off', true);
    END IF;
    RETURN CASE migration.phase
        WHEN 'preparing' THEN kameleon.prepare_migration(migration)
        WHEN 'copying' THEN kameleon.copy_batch(migration)
        WHEN 'waiting' THEN kameleon.await_snapshots(migration)
        WHEN 'verifying' THEN kameleon.verify_migration(migration)
        WHEN 'switching' THEN kameleon.switch_storage(migration)
        END;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.prepare_migration(migration kameleon.kdb_migrations) RETURNS float8
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    definition kameleon.kdb_entity_definitions;
    rows_from regclass;
    rows_to regclass;
    density float8;
    -- rows that are copied at a time, and so for how long a writer may wait: fewer where they have much beside them
    most_rows int;
BEGIN
    SELECT e.* INTO STRICT definition FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = (migration).entity_id;
    IF (migration).direction = 'shared' AND NOT kameleon.build_beside(migration) THEN
        RETURN kameleon.try_later(migration, 'waiting for a change of its definition');
    END IF;
    rows_from := format('kameleon.%I', kameleon.child_name(definition))::regclass;
    rows_to := definition.relid;
    IF (migration).direction = 'shared' THEN
        SELECT rows_to, rows_from INTO rows_from, rows_to;
    END IF;
    IF NOT kameleon.lock_briefly(ARRAY[rows_from::text], 'SHARE ROW EXCLUSIVE') OR NOT kameleon.lock_briefly(ARRAY[rows_to::text], 'SHARE UPDATE EXCLUSIVE') THEN
        RETURN kameleon.try_later(migration, 'waiting for transactions that write to it');
    END IF;
    PERFORM kameleon.refuse_other_ties(migration);
    SELECT CASE WHEN c.reltuples > 0 THEN c.reltuples / greatest(c.relpages, 1) ELSE kameleon.row_density(rows_from) END INTO density FROM pg_class c WHERE c.oid = rows_from;
    most_rows := greatest(1, least((migration).batch_size, 1048576 * density * (pg_relation_size(rows_from) / current_setting('block_size')::int)
                                                           / greatest(pg_table_size(rows_from) - pg_relation_size(rows_from) - 1048576, 1)));
    UPDATE kameleon.kdb_migrations m
    SET source = rows_from, target = rows_to, source_file = pg_relation_filenode(rows_from), target_file = pg_relation_filenode(rows_to),
        blocks = pg_relation_size(rows_from) / current_setting('block_size')::int,
        rows_total = density * (pg_relation_size(rows_from) / current_setting('block_size')::int),
        batch_size = most_rows, stretch = least(65536, greatest(1, most_rows / greatest(density, 1))),
        -- a row that was deleted before is still seen by older snapshots, also where nothing is left to be copied
        copied_by = pg_current_xact_id()
    WHERE m.migration_id = (migration).migration_id RETURNING m.* INTO migration;
    IF (migration).direction = 'dedicated' THEN
        PERFORM kameleon.set_filling((migration).entity_id);
    END IF;
    PERFORM kameleon.start_capture((migration).call_id, (migration).entity_id, (migration).direction, rows_from, (migration).stretch);
    PERFORM kameleon.enter_phase((migration).migration_id, 'copying');
    RETURN 0;
END
$$;

-- Rows in a block, where nothing was analyzed yet.
CREATE OR REPLACE FUNCTION kameleon.row_density(relation regclass) RETURNS float8
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    density float8;
BEGIN
    EXECUTE format('SELECT count(*) / 10.0 FROM ONLY %s WHERE ctid < ''(10,0)''', relation) INTO density;
    RETURN density;
END
$$;

DROP FUNCTION IF EXISTS kameleon.refuse_other_ties(bigint);
CREATE OR REPLACE FUNCTION kameleon.refuse_other_ties(migration kameleon.kdb_migrations) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (migration).foreign_keys <> kameleon.declared_for((kameleon.moving_entity(migration)).relid) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_in_use', MESSAGE = format('the foreign keys that tie table "%s" to others have changed', (migration).entity_name),
            HINT = 'Try again.';
    END IF;
END
$$;

-- Builds the documents' table, views and triggers beside a table, which goes on being what it is. Returns whether it could.
DROP FUNCTION IF EXISTS kameleon.build_beside(bigint);
CREATE OR REPLACE FUNCTION kameleon.build_beside(migration kameleon.kdb_migrations) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = 'warning' AS $$
DECLARE
    entity int := (migration).entity_id;
    definition kameleon.kdb_entity_definitions := kameleon.moving_entity(migration);
BEGIN
    IF kameleon.child_name(definition) IS NOT NULL THEN
        RETURN true;
    END IF;
    -- no DDL meanwhile
    IF NOT kameleon.lock_briefly(ARRAY[definition.relid::regclass::text], 'ACCESS SHARE') THEN
        RETURN false;
    END IF;
    PERFORM kameleon.refuse_other_ties(migration);
    PERFORM kameleon.refuse_obstacles(definition.relid);
    UPDATE kameleon.kdb_entity_definitions e SET storage_mode = 'shared', storage_generation = e.storage_generation + 1 WHERE e.entity_id = entity;
    DELETE FROM kameleon.kdb_field_definitions WHERE entity_id = entity;
    PERFORM kameleon.build_storage(entity, beside => true);
    definition := kameleon.moving_entity(migration);
    EXECUTE format('ALTER TABLE kameleon.%I DISABLE TRIGGER USER', kameleon.child_name(definition));
    PERFORM kameleon.sync_foreign_keys(ARRAY[entity], beside => true);
    EXECUTE format('CREATE STATISTICS kameleon.%I ON (kameleon.refuse_unfinished(%s) OR data IS NULL) FROM kameleon.%I',
                   'kdb_unfinished_' || entity, entity, kameleon.child_name(definition));
    EXECUTE format('ALTER STATISTICS kameleon.%I SET STATISTICS 0', 'kdb_unfinished_' || entity);
    UPDATE kameleon.kdb_entity_definitions e SET storage_mode = 'dedicated' WHERE e.entity_id = entity;
    RETURN true;
END
$$;

-- Copies the next rows.
CREATE OR REPLACE FUNCTION kameleon.copy_batch(migration kameleon.kdb_migrations) RETURNS float8
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    first_place bigint := (migration).place;
    block bigint := first_place / 1024;
    end_place bigint;
    found record;
    carried bigint;
    carry text := format('SELECT kameleon.%I($1, $2, $3)', 'kdb_carry_' || (migration).entity_id);
    lock_number int := kameleon.stretch_lock(first_place, (migration).stretch);
    own_timeout text := current_setting('lock_timeout');
BEGIN
    IF block >= (migration).blocks THEN
        PERFORM set_config('client_min_messages', 'error', true);
        EXECUTE format('ANALYZE (SKIP_LOCKED) %s', (migration).target::regclass);
        PERFORM kameleon.enter_phase((migration).migration_id, 'waiting');
        RETURN 0;
    END IF;
    -- before the stretch: a transaction that has emptied the table may yet want to lock one
    PERFORM kameleon.refuse_other_files(migration);
    IF NOT pg_try_advisory_xact_lock((migration).source::int, lock_number) THEN
        BEGIN
            PERFORM set_config('lock_timeout', '100ms', true);
            PERFORM pg_advisory_xact_lock((migration).source::int, lock_number);
            PERFORM set_config('lock_timeout', own_timeout, true);
        EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
            RETURN kameleon.try_later(migration, 'waiting for transactions that write to it');
        END;
    END IF;
    -- a batch is a stretch of blocks, or where a single block holds more rows than that, some of its rows
    EXECUTE format('SELECT count(*) AS rows, max(kameleon.place(r.ctid)) AS last FROM (SELECT ctid FROM ONLY %s WHERE ctid >= $1 AND ctid < $2 ORDER BY ctid LIMIT $3) AS r', (migration).source::regclass)
    INTO found USING kameleon.place_tid(first_place), kameleon.place_tid((block + 1) * 1024), (migration).batch_size;
    end_place := CASE WHEN found.rows = (migration).batch_size AND (migration).stretch = 1 THEN found.last + 1
                      ELSE (block / (migration).stretch + 1) * (migration).stretch * 1024 END;
    PERFORM set_config('session_replication_role', 'replica', true);
    BEGIN
        EXECUTE carry INTO carried USING kameleon.place_tid(first_place), kameleon.place_tid(end_place), (migration).has_met_rows;
    EXCEPTION WHEN unique_violation THEN
        -- writers have changed some of the rows since: these are there
        EXECUTE carry INTO carried USING kameleon.place_tid(first_place), kameleon.place_tid(end_place), true;
        UPDATE kameleon.kdb_migrations SET has_met_rows = true WHERE migration_id = (migration).migration_id;
    END;
    PERFORM set_config('session_replication_role', 'origin', true);
    UPDATE kameleon.kdb_migrations m
    SET place = end_place, rows_done = m.rows_done + carried, copied_by = pg_current_xact_id(), attempts = 0, updated_at = clock_timestamp(), phase_since = clock_timestamp(),
        rows_total = greatest(m.rows_total, m.rows_done + carried)
    WHERE m.migration_id = (migration).migration_id RETURNING m.* INTO migration;
    PERFORM kameleon.tell_progress(migration);
    -- last, for a sequence is not rolled back; the lock is held until this transaction has ended
    PERFORM setval(format('kameleon.%I', 'kdb_progress_' || (migration).entity_id)::regclass, end_place);
    RETURN 0;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.tell_progress(migration kameleon.kdb_migrations) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rate float8 := (migration).rows_done / greatest(extract(epoch FROM clock_timestamp() - (migration).started_at), 0.001);
BEGIN
    IF clock_timestamp() - (migration).told_at > interval '2 seconds' THEN
        UPDATE kameleon.kdb_migrations SET told_at = clock_timestamp() WHERE call_id = (migration).call_id;
        RAISE NOTICE 'table "%": % of about % rows copied, % a second, % left', (migration).entity_name, (migration).rows_done, (migration).rows_total, round(rate),
            make_interval(secs => ceil(((migration).rows_total - (migration).rows_done) / greatest(rate, 1)));
    END IF;
END
$$;

-- VACUUM FULL, CLUSTER and TRUNCATE give the rows other places.
CREATE OR REPLACE FUNCTION kameleon.refuse_other_files(migration kameleon.kdb_migrations) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- Held to the end of the step, so that what is found here stays. The table first, as TRUNCATE does.
    EXECUTE format(CASE (migration).direction WHEN 'dedicated' THEN 'LOCK TABLE ONLY %2$s, ONLY %1$s IN ACCESS SHARE MODE' ELSE 'LOCK TABLE ONLY %1$s, ONLY %2$s IN ACCESS SHARE MODE' END,
                   (migration).source::regclass, (migration).target::regclass);
    IF (pg_relation_filenode((migration).source), pg_relation_filenode((migration).target)) <> ((migration).source_file, (migration).target_file) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = format('table "%s" was truncated or rewritten while it was moved', (migration).entity_name),
            HINT = 'Try again.';
    END IF;
END
$$;

-- DDL of a table that is being moved is refused; but a table that holds its rows, and its types, are altered past us in some ways
-- (a trigger, a label's name, an index that is built concurrently) that documents must know of, or cannot serve.
DROP FUNCTION IF EXISTS kameleon.refuse_other_shape(kameleon.kdb_entity_definitions[]);
CREATE OR REPLACE FUNCTION kameleon.refuse_other_shape(moving kameleon.kdb_entity_definitions) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kameleon.refuse_obstacles((moving).relid);
    IF EXISTS (SELECT FROM kameleon.kdb_field_definitions f
               WHERE f.entity_id = (moving).entity_id AND NOT f.dropped
                 AND (f.type_name, f.type_signature) IS DISTINCT FROM (format_type(f.type_oid, f.type_modifier), kameleon.type_signature(f.type_oid)))
       OR ARRAY(SELECT i.indexrelid FROM pg_index i WHERE i.indrelid = (moving).relid ORDER BY 1)
          <> ARRAY(SELECT d.index_relid FROM kameleon.kdb_index_definitions d WHERE d.entity_id = (moving).entity_id ORDER BY 1) THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = format('table "%s", or a type of its columns, was altered while it was moved', (moving).entity_name),
            HINT = 'Try again.';
    END IF;
END
$$;

-- Until nobody has a snapshot that is older than the last batch. All later ones see the same rows in both storages.
CREATE OR REPLACE FUNCTION kameleon.await_snapshots(migration kameleon.kdb_migrations) RETURNS float8
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    holders text;
BEGIN
    PERFORM pg_stat_clear_snapshot();
    SELECT string_agg(a.pid::text, ', ' ORDER BY a.pid) INTO holders
    FROM pg_stat_activity a
    WHERE a.datid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) AND a.pid <> pg_backend_pid()
      AND a.backend_type <> 'autovacuum worker' AND age(a.backend_xmin) >= age((migration).copied_by::xid);
    IF holders IS NOT NULL THEN
        RETURN least(kameleon.try_later(migration, format('waiting for transactions with an older snapshot (processes %s)', holders)), 0.5);
    END IF;
    PERFORM kameleon.enter_phase((migration).migration_id, 'verifying');
    RETURN 0;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.verify_migration(migration kameleon.kdb_migrations) RETURNS float8
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found record;
BEGIN
    PERFORM kameleon.refuse_other_files(migration);
    IF (migration).direction = 'shared' THEN
        PERFORM kameleon.refuse_other_shape(kameleon.moving_entity(migration));
    END IF;
    SELECT * INTO found FROM kameleon.compare_storages((migration).entity_id);
    IF (found.table_rows, found.table_sum) <> (found.document_rows, found.document_sum) THEN
        RAISE EXCEPTION USING ERRCODE = 'data_corrupted', MESSAGE = format('table "%s" was not moved: the copy does not equal the original', (migration).entity_name),
            DETAIL = format('The table has %s rows with checksum %s, the documents are %s with checksum %s.', found.table_rows, found.table_sum, found.document_rows, found.document_sum),
            HINT = 'Nothing is lost: the rows are where they were. Please report this.';
    END IF;
    UPDATE kameleon.kdb_migrations SET rows_total = found.table_rows WHERE migration_id = (migration).migration_id;
    PERFORM kameleon.enter_phase((migration).migration_id, 'switching');
    RETURN 0;
END
$$;

-- All relations that statements about an entity lock, those first that a statement locks first: else it would hold what we wait
-- for, and wait for what we hold. Where rows are in the table, what is beside it is locked by our triggers only; a foreign key's
-- check or action locks what it refers to, or is referred to by, last.
DROP FUNCTION IF EXISTS kameleon.storage_relations(kameleon.kdb_entity_definitions[]);
CREATE OR REPLACE FUNCTION kameleon.storage_relations(moving kameleon.kdb_entity_definitions) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH shadow AS (
        SELECT n.name, v.position
        FROM unnest(kameleon.views_over(ARRAY[(moving).relid])) WITH ORDINALITY AS v (oid, position)
        JOIN kameleon.kdb_view_definitions d ON d.relid = v.oid
        CROSS JOIN LATERAL (VALUES (format('kdb_read_%s', d.view_id)), (format('kdb_write_%s_%s', d.view_id, d.generation))) AS n (name)
    ), neighbour AS (
        SELECT DISTINCT e FROM kameleon.foreign_keys_of((moving).relid) AS k
        JOIN kameleon.kdb_entity_definitions e ON e.relid IN (k.conrelid, k.confrelid) AND e.relid <> (moving).relid
    ), relation AS (
        SELECT format('kameleon.%I', s.name) AS name, 1 AS layer, -s.position AS position FROM shadow s
        UNION ALL SELECT n.name, n.layer, 0
        FROM (VALUES (format('kameleon.%I', format('kdb_write_%s_%s', (moving).entity_id, (moving).storage_generation)), 2),
                     (format('kameleon.%I', format('kdb_insert_%s_%s', (moving).entity_id, (moving).storage_generation)), 2),
                     (format('kameleon.%I', format('kdb_read_%s', (moving).entity_id)), 3),
                     (format('kameleon.%I', kameleon.child_name(moving)), 4),
                     ((moving).relid::regclass::text, CASE (moving).storage_mode WHEN 'shared' THEN 5 ELSE 0 END)) AS n (name, layer)
        UNION ALL SELECT r.name, 6, 0 FROM neighbour n CROSS JOIN LATERAL (VALUES (kameleon.rows_of(n.e)::text), ((n.e).relid::regclass::text)) AS r (name)
    )
    SELECT array_agg(r.name ORDER BY r.layer, r.position, r.name)
    FROM (SELECT r.name, min(r.layer) AS layer, min(r.position) AS position FROM relation r GROUP BY r.name) AS r WHERE to_regclass(r.name) IS NOT NULL
$$;

-- The moves that are under way, with the names by which statements may come to their tables: theirs, and of views and routines.
CREATE OR REPLACE FUNCTION kameleon.moves_json() RETURNS json
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(json_agg(json_build_array(m.call_id, m.entity_id, (
               SELECT json_agg(n.name) FROM (SELECT c.relname AS name FROM pg_class c WHERE c.oid = ANY (r.relations)
                                             UNION SELECT p.proname FROM pg_proc p WHERE p.oid = ANY (kameleon.routines_over(r.relations))) AS n))), '[]')
    FROM kameleon.kdb_migrations m JOIN kameleon.kdb_entity_definitions e USING (entity_id),
    LATERAL (SELECT e.relid || kameleon.views_over(ARRAY[e.relid]) AS relations) AS r
    WHERE m.finished_at IS NULL AND m.phase <> 'undoing'
$$;

-- Called in a client's transaction, before it comes to tables that are being moved: these calls do not switch before it ends.
-- Returns whether all of them are under way still, each of the entity beside it. That is not read in the table of migrations, for
-- which the transaction's snapshot may be too old.
CREATE OR REPLACE FUNCTION kameleon.put_off_switches(calls bigint[], entities int[]) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    progress text;
    is_under_way boolean := true;
BEGIN
    PERFORM pg_advisory_xact_lock_shared('kameleon.kdb_migrations'::regclass::oid::int, c.call::int) FROM unnest(calls) AS c (call);
    FOR i IN 1 .. cardinality(calls) LOOP
        progress := 'kameleon.kdb_progress_' || entities[i];
        BEGIN
            -- with the lock of a relation that it had none of comes the news of what was dropped
            EXECUTE format('SELECT FROM %s', progress);
            is_under_way := is_under_way AND (SELECT s.start_value = calls[i] FROM pg_sequence_parameters(progress::regclass) AS s);
        EXCEPTION WHEN undefined_table THEN
            is_under_way := false;
        END;
    END LOOP;
    RETURN is_under_way;
END
$$;

-- The cutover.
CREATE OR REPLACE FUNCTION kameleon.switch_storage(migration kameleon.kdb_migrations) RETURNS float8
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    moving kameleon.kdb_entity_definitions := kameleon.moving_entity(migration);
    relations text[] := kameleon.storage_relations(moving);
BEGIN
    PERFORM pg_stat_clear_snapshot();
    IF clock_timestamp() - (migration).started_at < interval '300 ms'
       AND EXISTS (SELECT FROM pg_stat_activity a
                   WHERE a.datid = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) AND a.pid <> pg_backend_pid()
                     AND a.backend_type = 'client backend' AND a.xact_start IS NOT NULL) THEN
        -- first the proxies shall hear of it, so that transaction blocks can put it off
        RETURN 0.05;
    END IF;
    IF NOT kameleon.lock_briefly(relations, 'ACCESS EXCLUSIVE', (migration).attempts, (migration).call_id)
       -- what it is tied to may have moved
       OR relations <> kameleon.storage_relations(moving)
       OR NOT kameleon.lock_bodies(ARRAY[moving.relid]) THEN
        RETURN kameleon.try_later(migration, 'waiting for transactions that use it, to switch');
    END IF;
    PERFORM kameleon.refuse_other_ties(migration);
    IF (migration).direction = 'shared' THEN
        PERFORM kameleon.refuse_other_shape(moving);
    END IF;
    -- What a SERIALIZABLE transaction has read is noted of the old storage: one that overlaps it, and has not used the entity
    -- yet, could write unnoticed to the new one. It is told to retry (40001), as after a move under a lock.
    UPDATE kameleon.kdb_entity_definitions e SET moved_by = pg_current_xact_id()
    WHERE e.entity_id = moving.entity_id
      AND EXISTS (SELECT FROM pg_locks l
                  WHERE l.mode = 'SIReadLock' AND l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database())
                    AND (l.relation = (migration).source OR l.relation IN (SELECT i.indexrelid FROM pg_index i WHERE i.indrelid = (migration).source)));
    PERFORM kameleon.refuse_other_files(migration);
    PERFORM kameleon.stop_capture(moving.entity_id, (migration).source);
    IF (migration).direction = 'dedicated' THEN
        PERFORM kameleon.settle_dedicated(moving, (migration).reason, 'MATERIALIZE ENTITY');
    ELSE
        PERFORM kameleon.settle_shared(moving, (migration).reason, 'DEMATERIALIZE ENTITY');
    END IF;
    UPDATE kameleon.kdb_migrations m SET phase = 'done', finished_at = clock_timestamp(), updated_at = clock_timestamp(), requested = NULL WHERE m.migration_id = (migration).migration_id;
    PERFORM pg_notify('kameleon', 'migration');
    RETURN NULL;
END
$$;

-- Makes a table empty that nothing may refer to, or whose foreign keys are looked after elsewhere.
CREATE OR REPLACE FUNCTION kameleon.empty_table(relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', relation);
    -- TRUNCATE asks which foreign keys refer to a table, unless the table has no triggers at all
    UPDATE pg_class SET relhastriggers = false WHERE oid = relation;
    EXECUTE format('TRUNCATE ONLY %s', relation);
    UPDATE pg_class SET relhastriggers = true WHERE oid = relation;
END
$$;

-- The table holds its rows: nothing of ours stands for them any more. Documents, guard and shadows go.
DROP FUNCTION IF EXISTS kameleon.settle_dedicated(kameleon.kdb_entity_definitions[], text, text);
CREATE OR REPLACE FUNCTION kameleon.settle_dedicated(definition kameleon.kdb_entity_definitions, reason text, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entity int := (definition).entity_id;
    relation oid := (definition).relid;
    proven oid[] := kameleon.proven_foreign_keys(definition);
    views oid[] := kameleon.views_over(ARRAY[relation]);
BEGIN
    PERFORM kameleon.drop_shadows(views);
    PERFORM kameleon.drop_documents(definition);
    PERFORM kameleon.lift_guard(entity), kameleon.lift_filling(entity);
    UPDATE kameleon.kdb_entity_definitions e
    SET storage_mode = 'dedicated', generation = e.generation + 1, storage_generation = e.storage_generation + 1, shell_filled = false, reason = settle_dedicated.reason
    WHERE e.entity_id = entity;
    PERFORM kameleon.log_change(entity, tag, reason);
    PERFORM kameleon.notify_session(entity::text);
    RAISE NOTICE 'table "%" is now kept in dedicated storage: %', (definition).entity_name, reason;
    PERFORM kameleon.wake_foreign_keys(relation, proven);
    PERFORM kameleon.sync_foreign_keys(ARRAY[entity], proven => proven);
    PERFORM kameleon.make_shadows(views);
    PERFORM kameleon.make_bodies(views || relation);
END
$$;

-- The documents hold the rows: the table is a shell from now on.
DROP FUNCTION IF EXISTS kameleon.settle_shared(kameleon.kdb_entity_definitions[], text, text);
CREATE OR REPLACE FUNCTION kameleon.settle_shared(definition kameleon.kdb_entity_definitions, reason text, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entity int := (definition).entity_id;
    relation oid := (definition).relid;
    proven oid[] := kameleon.proven_foreign_keys(definition);
    views oid[] := kameleon.views_over(ARRAY[relation]);
BEGIN
    EXECUTE format('DROP STATISTICS kameleon.%I', 'kdb_unfinished_' || entity);
    PERFORM kameleon.empty_table(relation::regclass);
    UPDATE kameleon.kdb_entity_definitions e SET storage_mode = 'shared', generation = e.generation + 1, reason = settle_shared.reason WHERE e.entity_id = entity;
    PERFORM kameleon.sync_owner(entity);
    PERFORM kameleon.sync_grants(entity);
    PERFORM kameleon.always_fire(entity);
    PERFORM kameleon.set_guard(entity);
    PERFORM kameleon.depend_silently(d.classid, d.objid) FROM kameleon.storage_objects(entity) AS d;
    PERFORM kameleon.log_change(entity, tag, reason);
    PERFORM kameleon.notify_session(entity::text);
    RAISE NOTICE 'table "%" is now kept in shared storage: %', (definition).entity_name, reason;
    PERFORM kameleon.sync_foreign_keys(ARRAY[entity], proven => proven);
    PERFORM kameleon.drop_shadows(views);
    PERFORM kameleon.make_shadows(views);
    PERFORM kameleon.make_bodies(views || relation);
END
$$;

-- What the procedure does after an error: the next steps undo what was done.
CREATE OR REPLACE FUNCTION kameleon.fail_migration(call bigint, error text, is_cancelled boolean) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    UPDATE kameleon.kdb_migrations m
    SET phase = 'undoing', requested = CASE WHEN is_cancelled THEN 'cancel' END, error = fail_migration.error, attempts = 0, phase_since = clock_timestamp(), updated_at = clock_timestamp()
    WHERE m.call_id = call AND m.finished_at IS NULL AND m.phase <> 'undoing' AND m.pid = pg_backend_pid()
$$;

-- Leaves the tables of a call as they were before it. Returns whether it could get the locks; with `error` it waits for them, unless
-- it is to be brief.
DROP FUNCTION IF EXISTS kameleon.undo_migration(bigint, text);
CREATE OR REPLACE FUNCTION kameleon.undo_migration(call bigint, error text DEFAULT NULL, briefly boolean DEFAULT false) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = 'warning' AS $$
DECLARE
    internal text := coalesce(current_setting('kameleon.internal', true), '');
    each kameleon.kdb_migrations;
    built kameleon.kdb_entity_definitions;
    relations text[] := ARRAY(SELECT c.oid::regclass::text FROM kameleon.kdb_migrations m JOIN pg_class c ON c.oid IN (m.source, m.target) WHERE m.call_id = call ORDER BY c.oid = m.target, c.oid);
BEGIN
    IF cardinality(relations) > 0 AND (error IS NULL OR briefly) AND NOT kameleon.lock_briefly(relations, 'ACCESS EXCLUSIVE') THEN
        RETURN false;
    END IF;
    PERFORM set_config('kameleon.internal', 'on', true);
    FOR each IN SELECT m.* FROM kameleon.kdb_migrations m WHERE m.call_id = call AND m.finished_at IS NULL ORDER BY m.migration_id LOOP
        IF EXISTS (SELECT FROM pg_class c WHERE c.oid = each.source) THEN
            EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', each.source::regclass);
        END IF;
        PERFORM kameleon.stop_capture(each.entity_id, each.source);
        IF each.direction = 'dedicated' AND EXISTS (SELECT FROM pg_class c WHERE c.oid = each.target) THEN
            PERFORM kameleon.empty_table(each.target::regclass), kameleon.lift_filling(each.entity_id), kameleon.let_scan(each.target, false);
        END IF;
    END LOOP;
    SELECT e.* INTO built
    FROM kameleon.kdb_migrations m JOIN kameleon.kdb_entity_definitions e USING (entity_id)
    WHERE m.call_id = call AND m.finished_at IS NULL AND m.direction = 'shared' AND kameleon.child_name(e) IS NOT NULL;
    IF built.entity_id IS NOT NULL THEN
        PERFORM kameleon.drop_documents(built);
        UPDATE kameleon.kdb_entity_definitions e SET storage_generation = e.storage_generation + 1 WHERE e.entity_id = built.entity_id;
        PERFORM kameleon.sync_fields(built.entity_id, built.relid) FROM pg_class c WHERE c.oid = built.relid;
    END IF;
    UPDATE kameleon.kdb_migrations m
    SET phase = CASE m.requested WHEN 'cancel' THEN 'cancelled' ELSE 'failed' END, error = coalesce(m.error, undo_migration.error),
        requested = NULL, finished_at = clock_timestamp(), updated_at = clock_timestamp()
    WHERE m.call_id = call AND m.finished_at IS NULL;
    PERFORM pg_notify('kameleon', 'migration');
    PERFORM set_config('kameleon.internal', internal, true);
    RETURN true;
END
$$;

-- Undoes what interrupted migrations left. Called when a proxy starts. Returns how many there were.
CREATE OR REPLACE FUNCTION kameleon.recover_migrations() RETURNS int
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    call bigint;
    recovered int := 0;
BEGIN
    FOR call IN
        SELECT m.call_id FROM kameleon.kdb_migrations m
        WHERE m.migration_id = m.call_id AND m.finished_at IS NULL AND NOT kameleon.is_running(m)
        ORDER BY m.call_id FOR UPDATE SKIP LOCKED
    LOOP
        -- those in the way are not made to wait: the next attempt may have more luck
        IF kameleon.undo_migration(call, 'it was interrupted', briefly => true) THEN
            recovered := recovered + 1;
        END IF;
    END LOOP;
    RETURN recovered;
END
$$;

-- A client's wish: 'pause', 'cancel', or NULL to go on.
CREATE OR REPLACE FUNCTION kameleon.request_of_migration(entity_name text, relation regclass, wish text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS $$
DECLARE
    running kameleon.kdb_migrations;
BEGIN
    IF relation IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'undefined_table', MESSAGE = format('relation "%s" does not exist', entity_name);
    END IF;
    IF NOT pg_has_role(kameleon.acting_role(), (SELECT c.relowner FROM pg_class c WHERE c.oid = relation), 'USAGE') THEN
        RAISE EXCEPTION USING ERRCODE = 'insufficient_privilege', MESSAGE = format('must be owner of table %s', (SELECT c.relname FROM pg_class c WHERE c.oid = relation));
    END IF;
    SELECT m.* INTO running FROM kameleon.kdb_migrations m JOIN kameleon.kdb_entity_definitions e USING (entity_id) WHERE e.relid = relation AND m.finished_at IS NULL;
    IF running.migration_id IS NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'object_not_in_prerequisite_state', MESSAGE = format('table "%s" is not being moved', entity_name),
            HINT = 'The view kameleon.migrations lists what is, and what was.';
    END IF;
    IF wish = 'cancel' AND NOT kameleon.is_running(running) THEN
        UPDATE kameleon.kdb_migrations SET requested = 'cancel' WHERE call_id = running.call_id AND finished_at IS NULL;
        PERFORM kameleon.undo_migration(running.call_id, 'it was interrupted');
        RETURN;
    END IF;
    UPDATE kameleon.kdb_migrations SET requested = wish, updated_at = clock_timestamp() WHERE call_id = running.call_id AND finished_at IS NULL AND phase <> 'undoing';
END
$$;

DROP VIEW IF EXISTS kameleon.migrations;
CREATE VIEW kameleon.migrations WITH (security_barrier) AS
    SELECT m.migration_id, m.call_id, m.schema_name, m.entity_name, m.direction,
           CASE WHEN m.finished_at IS NULL AND NOT kameleon.is_running(m) THEN 'interrupted' ELSE m.phase END AS phase,
           m.requested, m.batch_size, m.rows_done, m.rows_total, round(r.rate::numeric, 1) AS rows_per_second,
           CASE WHEN m.finished_at IS NULL THEN ceil(((m.rows_total - m.rows_done) / nullif(r.rate, 0))::numeric) END AS seconds_left,
           m.reason, m.error, m.started_by, m.pid, m.started_at, m.updated_at, m.finished_at
    FROM kameleon.kdb_migrations m
    LEFT JOIN kameleon.kdb_entity_definitions e USING (entity_id) LEFT JOIN pg_class c ON c.oid = e.relid
    CROSS JOIN LATERAL (SELECT m.rows_done / greatest(extract(epoch FROM m.updated_at - m.started_at), 0.001)::float8 AS rate) AS r
    WHERE pg_has_role(coalesce(c.relowner, m.started_by::regrole), 'USAGE');
COMMENT ON VIEW kameleon.migrations IS 'Moves of your tables between shared and dedicated storage: running, interrupted and past.';
