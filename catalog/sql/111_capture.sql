-- While an entity moves, a trigger on the source applies every change to the target too, in the writer's own transaction.
-- What the copying of older rows and the trigger must know of each other is here. Re-created on every install.
--
-- A place is a row's ctid as a number: block * 1024 + item. The rows that were there before the trigger are copied in the order
-- of their places, a stretch of blocks at a time, under an exclusive advisory lock on the stretch. A trigger that is called
-- for an older version of a row holds the same lock shared, to the end of its transaction. So either the copying
-- sees what the transaction did, or the trigger sees what was copied. How far the copying has come is in a sequence, which
-- every snapshot sees (read as a table: its functions would keep their lock on it beyond ROLLBACK TO SAVEPOINT, which gives
-- up the one on the source): a transaction at REPEATABLE READ or above that should find a row in the target, and does not, has
-- too old a snapshot (40001). Below that each statement has a new one, and what it does not find is not there: the sequence may
-- be ahead where a batch was interrupted.
--
-- A row of the target is found by a key; where the table has none, by what kameleon.kdb_places_<entity> says of its place.

CREATE OR REPLACE FUNCTION kameleon.place(row_at tid) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ((row_at::text::point)[0])::bigint * 1024 + ((row_at::text::point)[1])::bigint;

CREATE OR REPLACE FUNCTION kameleon.place_tid(place bigint) RETURNS tid
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN format('(%s,%s)', place / 1024, place % 1024)::tid;

-- The columns that tell a table's rows apart, and their equality operators; NULLs where it has no such key.
CREATE OR REPLACE FUNCTION kameleon.row_key(relation oid, OUT columns name[], OUT operators text[])
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT array_agg(a.attname ORDER BY k.position), array_agg(format('OPERATOR(%I.%s)', n.nspname, o.oprname) ORDER BY k.position)
    FROM (SELECT i.* FROM pg_index i
          WHERE i.indrelid = relation AND i.indisunique AND i.indimmediate AND i.indisvalid AND i.indisready AND i.indpred IS NULL AND i.indexprs IS NULL
            AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = relation AND a.attnum = ANY (i.indkey) AND (NOT a.attnotnull OR a.attgenerated = 'v'))
          ORDER BY i.indisprimary DESC, i.indnkeyatts, i.indexrelid LIMIT 1) AS i
    CROSS JOIN LATERAL unnest(i.indkey::int2[], i.indclass::oid[]) WITH ORDINALITY AS k (attnum, opclass, position)
    JOIN pg_attribute a ON a.attrelid = relation AND a.attnum = k.attnum
    JOIN pg_opclass c ON c.oid = k.opclass
    JOIN pg_amop e ON e.amopfamily = c.opcfamily AND e.amoplefttype = c.opcintype AND e.amoprighttype = c.opcintype AND e.amopstrategy = 3
    JOIN pg_operator o ON o.oid = e.amopopr JOIN pg_namespace n ON n.oid = o.oprnamespace
    WHERE k.position <= i.indnkeyatts
$$;

-- The statements that fill and empty the target, as SQL over the source's row. `new_row`, `old_row`: what stands for the
-- row to be inserted (a document, or a row of the table) and for the one to be deleted.
CREATE OR REPLACE FUNCTION kameleon.target_statements(entity int, direction text, new_row text, old_row text,
    OUT target text, OUT names text, OUT clause text, OUT expressions text[], OUT matches text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    definition kameleon.kdb_entity_definitions;
    columns name[];
    key record;
BEGIN
    SELECT e.* INTO STRICT definition FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity;
    key := kameleon.row_key(definition.relid);
    IF direction = 'dedicated' THEN
        SELECT array_agg(a.attname ORDER BY a.attnum) INTO columns
        FROM pg_attribute a WHERE a.attrelid = definition.relid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '';
        target := definition.relid::regclass::text;
        clause := ' OVERRIDING SYSTEM VALUE';
        names := (SELECT string_agg(quote_ident(c), ', ' ORDER BY position) FROM unnest(columns) WITH ORDINALITY AS c (c, position));
        expressions := kameleon.over_document(entity, ARRAY(SELECT quote_ident(c) FROM unnest(columns) WITH ORDINALITY AS c (c, position) ORDER BY position), new_row);
        IF key.columns IS NOT NULL THEN
            SELECT string_agg(format('kdb_row.%I %s (%s)', k.name, k.operator, k.expression), ' AND ') INTO matches
            FROM unnest(key.columns, key.operators,
                        kameleon.over_document(entity, ARRAY(SELECT quote_ident(c) FROM unnest(key.columns) WITH ORDINALITY AS c (c, position) ORDER BY position), old_row)) AS k (name, operator, expression);
        END IF;
    ELSE
        target := format('kameleon.%I', kameleon.child_name(definition));
        clause := '';
        SELECT 'data' || coalesce(string_agg(format(', %I', k.column_name), '' ORDER BY k.attnum), ''),
               kameleon.pack_stored(entity, new_row || '.%I') || coalesce(array_agg(format('%s.%I', new_row, f.field_name) ORDER BY k.attnum) FILTER (WHERE k.attnum IS NOT NULL), '{}')
        INTO names, expressions
        FROM kameleon.key_columns(entity) AS k JOIN kameleon.kdb_field_definitions f ON f.entity_id = entity AND f.attnum = k.attnum AND k.is_current;
        IF key.columns IS NOT NULL THEN
            SELECT string_agg(format('(%s) %s %s.%I', k.expression, k.operator, old_row, k.name), ' AND ') INTO matches
            FROM unnest(key.columns, key.operators,
                        kameleon.over_document(entity, ARRAY(SELECT quote_ident(c) FROM unnest(key.columns) WITH ORDINALITY AS c (c, position) ORDER BY position), 'data')) AS k (name, operator, expression);
        END IF;
    END IF;
END
$$;

-- Makes a function that runs as the entity's owner: what it evaluates (a CHECK, an index's expression) are the owner's own
-- functions. Nobody else may call it.
CREATE OR REPLACE FUNCTION kameleon.make_owners_function(entity int, signature text, body text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    name text := split_part(signature, '(', 1);
BEGIN
    EXECUTE format('CREATE FUNCTION kameleon.%s LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET standard_conforming_strings = on AS %L', signature, body);
    EXECUTE format('REVOKE ALL ON FUNCTION kameleon.%I FROM PUBLIC', name);
    EXECUTE format('ALTER FUNCTION kameleon.%I OWNER TO %I', name,
                   (SELECT pg_get_userbyid(c.relowner) FROM kameleon.kdb_entity_definitions e JOIN pg_class c ON c.oid = e.relid WHERE e.entity_id = entity));
    PERFORM kameleon.depend_silently('pg_proc'::regclass, p.oid) FROM pg_proc p WHERE p.pronamespace = 'kameleon'::regnamespace AND p.proname = name;
END
$$;

-- From here on every change of the source is made to the target too. The caller holds a lock on the source that excludes
-- writers. `stretch`: how many blocks are copied at a time. (A column may bear the name of a word that PL/pgSQL keeps to itself.)
DROP FUNCTION IF EXISTS kameleon.start_capture(int, text, regclass, int);
CREATE OR REPLACE FUNCTION kameleon.start_capture(call bigint, entity int, direction text, source regclass, stretch int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = 'warning' SET quote_all_identifiers = on AS $$
DECLARE
    row_type text := CASE direction WHEN 'dedicated' THEN 'jsonb' ELSE source::text END;
    row_alias text := CASE direction WHEN 'dedicated' THEN 'kdb_document_row' ELSE 'kdb_row' END;
    whole_row text := CASE direction WHEN 'dedicated' THEN '%s.data' ELSE '%s' END;
    carry record := kameleon.target_statements(entity, direction, CASE direction WHEN 'dedicated' THEN 'kdb_document_row.data' ELSE 'kdb_row' END, 'kdb_old');
    mirror record := kameleon.target_statements(entity, direction, 'kdb_new', 'kdb_old');
    is_keyed boolean := mirror.matches IS NOT NULL;
    places text := 'kameleon.kdb_places_' || entity;
    progress text := 'kameleon.kdb_progress_' || entity;
    refusal text := 'RAISE EXCEPTION USING ERRCODE = ''serialization_failure'', MESSAGE = ''could not serialize access due to concurrent update'';';
    old_row text := format(whole_row, 'OLD');
    new_row text := format(whole_row, 'NEW');
    insertion text;
BEGIN
    -- which begins with the number of the call, by which put_off_switches() knows it
    EXECUTE format('CREATE SEQUENCE %s MINVALUE 0 START %s', progress, call);
    PERFORM setval(progress::regclass, 0);
    IF NOT is_keyed THEN
        EXECUTE format('CREATE TABLE %s (place tid PRIMARY KEY, kept tid NOT NULL)', places);
        EXECUTE format('ALTER TABLE %s OWNER TO %I', places,
                       (SELECT pg_get_userbyid(c.relowner) FROM kameleon.kdb_entity_definitions e JOIN pg_class c ON c.oid = e.relid WHERE e.entity_id = entity));
    END IF;
    -- Copies the rows from one place up to another. `told`: that some of them may be there already; it costs to look.
    insertion := format('INSERT INTO %1$s (%2$s)%3$s SELECT %4$s FROM ONLY %5$s AS %6$s WHERE %6$s.ctid >= $1 AND %6$s.ctid < $2',
                        carry.target, carry.names, carry.clause, array_to_string(carry.expressions, ', '), source, row_alias);
    PERFORM kameleon.make_owners_function(entity, format('kdb_carry_%s(tid, tid, told boolean) RETURNS bigint', entity),
        'DECLARE carried bigint; BEGIN ' ||
        CASE WHEN is_keyed THEN
            format('IF told THEN %1$s ON CONFLICT DO NOTHING; ELSE %1$s; END IF;', insertion)
        ELSE
            format('WITH kdb_source AS MATERIALIZED (SELECT %1$s.ctid AS kdb_place, row_number() OVER () AS kdb_number, %2$s FROM ONLY %3$s AS %1$s'
                   ' WHERE %1$s.ctid >= $1 AND %1$s.ctid < $2 AND NOT EXISTS (SELECT FROM %4$s AS p WHERE p.place = %1$s.ctid)),'
                   ' kdb_carried AS (INSERT INTO %5$s (%6$s)%7$s SELECT %8$s FROM kdb_source ORDER BY kdb_number RETURNING ctid AS kdb_kept),'
                   ' kdb_numbered AS (SELECT kdb_kept, row_number() OVER () AS kdb_number FROM kdb_carried)'
                   ' INSERT INTO %4$s SELECT kdb_place, kdb_kept FROM kdb_source JOIN kdb_numbered USING (kdb_number);',
                   row_alias,
                   (SELECT string_agg(format('%s AS kdb_value_%s', e.expression, e.position), ', ' ORDER BY e.position) FROM unnest(carry.expressions) WITH ORDINALITY AS e (expression, position)),
                   source, places, carry.target, carry.names, carry.clause,
                   (SELECT string_agg(format('kdb_value_%s', n), ', ' ORDER BY n) FROM generate_series(1, cardinality(carry.expressions)) AS n))
        END || ' GET DIAGNOSTICS carried = ROW_COUNT; RETURN carried; END');
    -- applies one change; a place is NULL where there is no such row
    PERFORM kameleon.make_owners_function(entity,
        format('kdb_mirror_%s(kdb_old %s, kdb_new %2$s, kdb_from tid, kdb_to tid, kdb_copied boolean) RETURNS void', entity, row_type),
        CASE WHEN is_keyed THEN
            format('#variable_conflict use_variable BEGIN IF kdb_from IS NOT NULL THEN DELETE FROM ONLY %1$s AS kdb_row WHERE %2$s; IF NOT FOUND AND kdb_copied THEN %3$s END IF; END IF;'
                   ' IF kdb_to IS NOT NULL THEN INSERT INTO %1$s (%4$s)%5$s VALUES (%6$s); END IF; END',
                   mirror.target, mirror.matches, refusal, mirror.names, mirror.clause, array_to_string(mirror.expressions, ', '))
        ELSE
            format('#variable_conflict use_variable DECLARE kdb_kept tid; BEGIN IF kdb_from IS NOT NULL THEN DELETE FROM %1$s AS p WHERE p.place = kdb_from RETURNING p.kept INTO kdb_kept;'
                   ' IF kdb_kept IS NOT NULL THEN DELETE FROM ONLY %2$s AS kdb_row WHERE kdb_row.ctid = kdb_kept; END IF;'
                   ' IF NOT FOUND AND kdb_copied THEN %3$s END IF; END IF;'
                   ' IF kdb_to IS NOT NULL THEN INSERT INTO %2$s AS kdb_row (%4$s)%5$s VALUES (%6$s) RETURNING kdb_row.ctid INTO kdb_kept;'
                   ' INSERT INTO %1$s AS p VALUES (kdb_to, kdb_kept) ON CONFLICT (place) DO UPDATE SET kept = EXCLUDED.kept; END IF; END',
                   places, mirror.target, refusal, mirror.names, mirror.clause, array_to_string(mirror.expressions, ', '))
        END);
    PERFORM kameleon.make_owners_function(entity, format('kdb_clear_%s() RETURNS void', entity),
        format('BEGIN DELETE FROM ONLY %s; %s END', mirror.target, CASE WHEN is_keyed THEN '' ELSE format('DELETE FROM %s;', places) END));
    EXECUTE format('CREATE FUNCTION kameleon.%I() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp'
                   ' SET session_replication_role = ''replica'' SET kameleon.internal = ''on'' AS %L', 'kdb_capture_' || entity,
        format('DECLARE place bigint; is_copied boolean; BEGIN '
               ' IF TG_OP = ''TRUNCATE'' THEN PERFORM kameleon.kdb_clear_%1$s(); RETURN NULL; END IF;'
               ' IF TG_OP = ''INSERT'' THEN PERFORM kameleon.kdb_mirror_%1$s(NULL, %3$s, NULL, NEW.ctid, false); RETURN NULL; END IF;'
               ' place := kameleon.place(OLD.ctid);'
               ' PERFORM pg_advisory_xact_lock_shared(%4$s, kameleon.stretch_lock(place, %5$s));'
               ' is_copied := current_setting(''transaction_isolation'') IN (''repeatable read'', ''serializable'') AND place < (SELECT p.last_value FROM %6$s AS p);'
               ' IF TG_OP = ''UPDATE'' THEN PERFORM kameleon.kdb_mirror_%1$s(%2$s, %3$s, OLD.ctid, NEW.ctid, is_copied);'
               ' ELSE PERFORM kameleon.kdb_mirror_%1$s(%2$s, NULL, OLD.ctid, NULL, is_copied); END IF; RETURN NULL; END',
               entity, old_row, new_row, source::oid::int, stretch, progress));
    EXECUTE format('CREATE TRIGGER kameleon_capture AFTER INSERT OR UPDATE OR DELETE ON %s FOR EACH ROW EXECUTE FUNCTION kameleon.%I()', source, 'kdb_capture_' || entity);
    EXECUTE format('CREATE TRIGGER kameleon_capture_all AFTER TRUNCATE ON %s FOR EACH STATEMENT EXECUTE FUNCTION kameleon.%I()', source, 'kdb_capture_' || entity);
    EXECUTE format('ALTER TABLE %s ENABLE ALWAYS TRIGGER kameleon_capture, ENABLE ALWAYS TRIGGER kameleon_capture_all', source);
    -- \d, pg_dump and information_schema show the user's own triggers only
    UPDATE pg_trigger SET tgisinternal = true WHERE tgrelid = source AND tgname IN ('kameleon_capture', 'kameleon_capture_all');
END
$$;

-- After a TRUNCATE that fires no trigger of the documents' table: what was copied of them goes, too.
CREATE OR REPLACE FUNCTION kameleon.empty_target(entity int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET session_replication_role = 'replica' SET kameleon.internal = 'on' AS $$
BEGIN
    IF to_regproc('kameleon.kdb_clear_' || entity) IS NOT NULL THEN
        EXECUTE format('SELECT kameleon.%I()', 'kdb_clear_' || entity);
    END IF;
END
$$;

-- Which lock a place is under. So few, that a transaction that changes every row does not fill the table of locks.
CREATE OR REPLACE FUNCTION kameleon.stretch_lock(place bigint, stretch int) RETURNS int
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN ((place / 1024 / stretch) % 256)::int;

-- The caller holds a lock on the source that excludes everybody.
CREATE OR REPLACE FUNCTION kameleon.stop_capture(entity int, source oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = 'warning' AS $$
DECLARE
    object record;
BEGIN
    IF EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = source AND t.tgname = 'kameleon_capture') THEN
        UPDATE pg_trigger SET tgisinternal = false WHERE tgrelid = source AND tgname IN ('kameleon_capture', 'kameleon_capture_all');
        EXECUTE format('DROP TRIGGER kameleon_capture ON %s', source::regclass);
        EXECUTE format('DROP TRIGGER kameleon_capture_all ON %s', source::regclass);
    END IF;
    FOR object IN
        SELECT p.oid::regprocedure AS signature FROM pg_proc p
        WHERE p.pronamespace = 'kameleon'::regnamespace
          AND p.proname IN ('kdb_carry_' || entity, 'kdb_mirror_' || entity, 'kdb_clear_' || entity, 'kdb_capture_' || entity)
    LOOP
        EXECUTE format('DROP FUNCTION %s', object.signature);
    END LOOP;
    EXECUTE format('DROP SEQUENCE IF EXISTS kameleon.%I', 'kdb_progress_' || entity);
    EXECUTE format('DROP TABLE IF EXISTS kameleon.%I', 'kdb_places_' || entity);
END
$$;

-- Rows and a checksum of each of the two storages, as one snapshot sees them.
CREATE OR REPLACE FUNCTION kameleon.compare_storages(entity int)
RETURNS TABLE (table_rows bigint, table_sum numeric, document_rows bigint, document_sum numeric)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    definition kameleon.kdb_entity_definitions;
    columns text;
    checksum text;
BEGIN
    SELECT e.* INTO STRICT definition FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity;
    SELECT string_agg(format('kdb_row.%I', a.attname), ', ' ORDER BY a.attnum),
           -- over values where all types have hash functions, which is faster, else over what they look like
           CASE WHEN bool_and(EXISTS (SELECT FROM pg_opclass c JOIN pg_am m ON m.oid = c.opcmethod AND m.amname = 'hash'
                                      WHERE c.opcdefault AND c.opcintype = CASE kameleon.base_type(a.atttypid) WHEN 'varchar'::regtype THEN 'text'::regtype ELSE kameleon.base_type(a.atttypid) END))
                THEN 'hash_record_extended(ROW(%s), 0)' ELSE 'hashtextextended(ROW(%s)::text, 0)' END
    INTO columns, checksum
    FROM pg_attribute a WHERE a.attrelid = definition.relid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v';
    -- RETURN QUERY, unlike EXECUTE INTO, may use parallel workers
    RETURN QUERY EXECUTE format('SELECT t.*, d.* FROM (SELECT count(*), coalesce(sum(%s), 0) FROM ONLY %s AS kdb_row) AS t,'
                                ' (SELECT count(*), coalesce(sum(%1$s), 0) FROM kameleon.%3$I AS kdb_row) AS d',
                                format(checksum, columns), definition.relid::regclass, 'kdb_read_' || entity);
END
$$;
