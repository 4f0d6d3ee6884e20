-- An entity that needs what shared storage cannot give becomes dedicated: its shell takes its rows, and is from then on
-- an ordinary table that nothing of ours depends on. Re-created on every install.

-- Why a table cannot keep its rows as documents; NULL when it can.
CREATE OR REPLACE FUNCTION kameleon.obstacle(relation oid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT CASE
        WHEN c.relkind = 'p' OR c.relispartition THEN 'it is partitioned'
        WHEN c.relkind <> 'r' THEN 'it is not an ordinary table'
        WHEN c.relpersistence = 'u' THEN 'it is unlogged'
        WHEN c.reltablespace <> 0 THEN 'it is in a tablespace of its own'
        WHEN c.relam <> (SELECT m.oid FROM pg_am m WHERE m.amname = 'heap') THEN 'its access method is not heap'
        WHEN c.relreplident <> 'd' THEN 'it has a replica identity of its own'
        WHEN c.reloftype <> 0 THEN 'it is a typed table'
        WHEN EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid) THEN 'it inherits from another table'
        WHEN EXISTS (SELECT FROM pg_inherits i JOIN pg_class k ON k.oid = i.inhrelid WHERE i.inhparent = c.oid AND k.relnamespace <> 'kameleon'::regnamespace)
            THEN 'other tables inherit from it'
        WHEN c.relrowsecurity OR c.relforcerowsecurity OR EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid) THEN 'it has row-level security'
        WHEN EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'x') THEN 'it has an exclusion constraint'
        WHEN EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('p', 'u') AND k.condeferrable)
            THEN 'it has a deferrable unique constraint'
        WHEN EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND coalesce((to_jsonb(k) ->> 'conperiod')::boolean, false))
            THEN 'it has a temporal constraint'
        -- the expressions' trees tell a system column by its number
        WHEN EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.conbin::text ~ ':varattno -6\M')
             OR EXISTS (SELECT FROM pg_attrdef d WHERE d.adrelid = c.oid AND d.adbin::text ~ ':varattno -6\M')
            THEN 'an expression of its own reads tableoid'
        WHEN EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND concat(i.indexprs::text, i.indpred::text) ~ ':varattno 0\M')
            THEN 'an index of its own reads whole rows'
        WHEN EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.conbin::text ~ ':varattno 0\M') THEN 'a constraint of its own reads whole rows'
        WHEN EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype = 'f' AND k.confrelid <> c.oid
                     AND k.connamespace <> 'kameleon'::regnamespace AND NOT kameleon.may_be_tied(k.confrelid))
            THEN 'it references a table that is partitioned, or no entity'
        WHEN EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgname NOT IN ('kameleon_guard', 'kameleon_truncate'))
            THEN 'it has triggers'
        WHEN EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = c.oid AND t.tgisinternal AND t.tgconstraint <> 0 AND t.tgenabled <> 'O')
            THEN 'the triggers of its constraints are not enabled as usual'
        WHEN EXISTS (SELECT FROM pg_rewrite r WHERE r.ev_class = c.oid) THEN 'it has rules'
        WHEN EXISTS (SELECT FROM pg_statistic_ext s WHERE s.stxrelid = c.oid AND s.stxnamespace <> 'kameleon'::regnamespace) THEN 'it has extended statistics'
        WHEN EXISTS (SELECT FROM pg_publication_rel p WHERE p.prrelid = c.oid)
             OR EXISTS (SELECT FROM pg_publication_namespace p WHERE p.pnnspid = c.relnamespace)
             OR EXISTS (SELECT FROM pg_publication p WHERE p.puballtables) THEN 'it is published for logical replication'
        WHEN EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND a.attacl IS NOT NULL)
            THEN 'it has column privileges'
        WHEN EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname IN ('kdb_data', 'kdb_rec', 'kdb_keys', 'kdb_parts', 'kdb_paths', 'kdb_row'))
            THEN 'a column is named kdb_data, kdb_rec, kdb_keys, kdb_parts, kdb_paths or kdb_row'
        WHEN NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)
            THEN 'it has no columns'
        WHEN NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '')
            THEN 'all its columns are generated'
        WHEN EXISTS (SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = kameleon.base_type(a.atttypid)
                     JOIN pg_proc p ON p.oid = t.typinput JOIN pg_language l ON l.oid = p.prolang
                     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND l.lanname NOT IN ('internal', 'c'))
            THEN 'the input function of a column''s type is not written in C'
        WHEN EXISTS (SELECT FROM pg_attribute a CROSS JOIN LATERAL kameleon.types_within(a.atttypid) AS w (oid)
                     WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.atttypid >= 16384 AND NOT kameleon.text_is_exact(w.oid))
            THEN 'the text of a column''s type may not tell its values exactly'
        WHEN EXISTS (SELECT FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid AND x.relam >= 16384 CROSS JOIN unnest(x.reloptions) AS o (said)
                     JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = split_part(o.said, '=', 2) WHERE i.indrelid = c.oid)
            THEN 'an option of an index of its own names a column'
        WHEN EXISTS (SELECT FROM pg_cast k WHERE k.castsource = c.reltype) THEN 'there is a cast of its rows'
        -- whose scripts and functions use it as a table
        WHEN EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') THEN 'it belongs to an extension'
        END
    FROM pg_class c WHERE c.oid = relation);
END
$$;

-- Whether somebody may write only some columns of a view: what is written through a view are documents as a whole.
CREATE OR REPLACE FUNCTION kameleon.has_column_privileges(view_oid oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_attribute a CROSS JOIN LATERAL aclexplode(a.attacl) AS x
                   WHERE a.attrelid = view_oid AND x.privilege_type IN ('INSERT', 'UPDATE'))
$$;

-- Whether a query, as PostgreSQL keeps it, asks for a table's rows by ONLY. Where such a query has waited for the switch it finds
-- the table empty, and nothing guards a table from that.
CREATE OR REPLACE FUNCTION kameleon.reads_alone(tree text, relation oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    -- until PostgreSQL 15 `inh` comes behind
    SELECT tree ~ format(':relid %s (:inh false :relkind r :rellockmode 1|:relkind r :rellockmode 1 :tablesample <> :lateral \w+ :inh false) ', relation)
$$;

-- What stands in the way of documents and depends on the table, or on views over it; NULL when nothing does.
CREATE OR REPLACE FUNCTION kameleon.dependent_obstacle(relation oid) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    views oid[] := kameleon.views_over(ARRAY[relation]);
BEGIN
    RETURN (
        SELECT o.why FROM kameleon.body_obstacle(relation) AS o (why) WHERE o.why IS NOT NULL
        UNION ALL
        SELECT format('%s uses it', pg_describe_object('pg_proc'::regclass, p.oid, 0))
        FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid
        WHERE d.classid = 'pg_proc'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = ANY (relation || views)
          AND p.prosqlbody IS NOT NULL AND kameleon.reads_alone(kameleon.written_body(p.oid)::text, relation)
        UNION ALL
        SELECT format('%s uses it', pg_describe_object('pg_trigger'::regclass, t.oid, 0)) FROM pg_trigger t WHERE t.tgrelid = ANY (views)
        UNION ALL
        SELECT format('%s uses it', pg_describe_object('pg_rewrite'::regclass, r.oid, 0)) FROM pg_rewrite r WHERE r.ev_class = ANY (views) AND r.rulename <> '_RETURN'
        UNION ALL
        SELECT format('view "%s" reads it with ONLY', c.relname) FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class
        WHERE r.ev_class = ANY (views) AND r.rulename = '_RETURN' AND kameleon.reads_alone(r.ev_action::text, relation)
        UNION ALL
        SELECT format('view "%s" has column privileges', c.relname) FROM pg_class c WHERE c.oid = ANY (views) AND kameleon.has_column_privileges(c.oid)
        UNION ALL
        SELECT format('there is a cast of the rows of view "%s"', c.relname) FROM pg_class c JOIN pg_cast k ON k.castsource = c.reltype WHERE c.oid = ANY (views)
        LIMIT 1);
END
$$;

DROP FUNCTION IF EXISTS kameleon.tied_entities(oid, text);
-- Whether a foreign key may tie a table to documents: PostgreSQL keeps one of, or to, a partitioned table for each partition as well.
CREATE OR REPLACE FUNCTION kameleon.may_be_tied(relation oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM kameleon.kdb_entity_definitions e JOIN pg_class c ON c.oid = e.relid
                   WHERE e.relid = relation AND c.relkind = 'r')
$$;

-- Moves the rows of a shared entity into the table itself. `tag`: the command that asks for it, `reason`: why, as the end of the
-- notice's sentence.
CREATE OR REPLACE FUNCTION kameleon.make_dedicated(relation regclass, reason text, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    definition kameleon.kdb_entity_definitions := (SELECT e FROM kameleon.kdb_entity_definitions e WHERE e.relid = relation);
BEGIN
    PERFORM kameleon.fill_shells(relation, false);
    UPDATE kameleon.kdb_entity_definitions e SET moved_by = pg_current_xact_id() WHERE e.relid = relation;
    PERFORM kameleon.settle_dedicated(definition, reason, tag);
END
$$;

-- The way back: the rows of a dedicated entity become documents.
CREATE OR REPLACE FUNCTION kameleon.make_shared(relation regclass, reason text, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    views oid[] := kameleon.views_over(ARRAY[relation]);
    definition kameleon.kdb_entity_definitions;
BEGIN
    EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', relation);
    PERFORM kameleon.refuse_obstacles(relation);
    UPDATE kameleon.kdb_entity_definitions e SET storage_mode = 'shared', reason = make_shared.reason WHERE e.relid = relation RETURNING e.* INTO STRICT definition;
    -- there are no documents yet that an old key could be in
    DELETE FROM kameleon.kdb_field_definitions WHERE entity_id = definition.entity_id;
    PERFORM kameleon.build_storage(definition.entity_id);
    PERFORM kameleon.drain_shell(definition.entity_id);
    PERFORM kameleon.sync_foreign_keys(ARRAY[definition.entity_id]);
    PERFORM kameleon.log_change(definition.entity_id, tag, reason);
    PERFORM kameleon.notify_session(definition.entity_id::text);
    RAISE NOTICE 'table "%" is now kept in shared storage: %', definition.entity_name, reason;
    -- those that were made while only some of the tables had documents
    PERFORM kameleon.drop_shadows(views);
    PERFORM kameleon.make_shadows(views);
    PERFORM kameleon.make_bodies(views || relation::oid);
END
$$;

-- Drops all that stands for the rows of an entity, whose table holds them.
DROP FUNCTION IF EXISTS kameleon.drop_documents(kameleon.kdb_entity_definitions[]);
CREATE OR REPLACE FUNCTION kameleon.drop_documents(definition kameleon.kdb_entity_definitions) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = 'warning' AS $$
DECLARE
    entity int := (definition).entity_id;
BEGIN
    PERFORM kameleon.drop_foreign_keys(entity);
    PERFORM kameleon.drop_views(entity);
    EXECUTE format('DROP VIEW kameleon.%I', 'kdb_read_' || entity);
    EXECUTE format('DROP TABLE kameleon.%I', kameleon.child_name(definition));
    EXECUTE format('DROP TYPE kameleon.%I', 'kdb_rec_' || entity);
    DELETE FROM kameleon.kdb_index_definitions WHERE entity_id = entity;
    DELETE FROM kameleon.kdb_field_definitions WHERE entity_id = entity AND dropped;
    UPDATE kameleon.kdb_field_definitions SET missing_value = NULL WHERE entity_id = entity AND missing_value IS NOT NULL;
END
$$;

-- All that what a table has become cannot keep as documents, after a command that names no table in particular.
CREATE OR REPLACE FUNCTION kameleon.dedicate_where_needed(tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    definition kameleon.kdb_entity_definitions;
BEGIN
    FOR definition IN
        SELECT e.* FROM kameleon.kdb_entity_definitions e
        WHERE e.storage_mode = 'shared' AND kameleon.obstacle(e.relid) IS NOT NULL ORDER BY e.entity_id
    LOOP
        PERFORM kameleon.sync_entity(definition.entity_id, tag);
    END LOOP;
    PERFORM kameleon.dedicate_behind(c.oid, format('view "%s" has column privileges', c.relname))
    FROM kameleon.kdb_view_definitions d JOIN pg_class c ON c.oid = d.relid
    WHERE d.base_relid IS NOT NULL AND kameleon.has_column_privileges(c.oid);
    PERFORM kameleon.dedicate_behind(c.oid, format('there is a cast of the rows of view "%s"', c.relname))
    FROM kameleon.kdb_view_definitions d JOIN pg_class c ON c.oid = d.relid
    WHERE c.relkind = 'v' AND EXISTS (SELECT FROM pg_cast k WHERE k.castsource = c.reltype);
END
$$;

-- The tables that a table now inherits from.
CREATE OR REPLACE FUNCTION kameleon.dedicate_parents(relation oid, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parent kameleon.kdb_entity_definitions;
BEGIN
    FOR parent IN
        SELECT e.* FROM kameleon.kdb_entity_definitions e JOIN pg_inherits i ON i.inhparent = e.relid
        WHERE i.inhrelid = relation AND e.storage_mode = 'shared' ORDER BY e.entity_id
    LOOP
        PERFORM kameleon.sync_entity(parent.entity_id, tag);
    END LOOP;
END
$$;

-- The tables that the foreign keys refer to of one that cannot be tied to documents.
CREATE OR REPLACE FUNCTION kameleon.dedicate_referenced(relation oid, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    referenced kameleon.kdb_entity_definitions;
BEGIN
    IF kameleon.may_be_tied(relation) THEN
        RETURN;
    END IF;
    FOR referenced IN
        SELECT DISTINCT e.* FROM kameleon.kdb_entity_definitions e JOIN pg_constraint k ON k.contype = 'f' AND k.confrelid = e.relid
        WHERE k.conrelid = relation AND e.storage_mode = 'shared' ORDER BY e.entity_id
    LOOP
        PERFORM kameleon.make_dedicated(referenced.relid, 'a table that is partitioned, or no entity, references it', tag);
    END LOOP;
END
$$;

-- A trigger, rule, policy or statistics object: the table that has it, and the tables that its queries read or write.
CREATE OR REPLACE FUNCTION kameleon.dedicate_used_by(class_oid oid, object_oid oid, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    definition kameleon.kdb_entity_definitions;
BEGIN
    FOR definition IN
        SELECT DISTINCT e.* FROM pg_depend d JOIN kameleon.kdb_entity_definitions e ON e.relid = d.refobjid
        WHERE d.classid = class_oid AND d.objid = object_oid AND d.refclassid = 'pg_class'::regclass AND e.storage_mode = 'shared'
        ORDER BY e.entity_id
    LOOP
        PERFORM kameleon.make_dedicated(definition.relid, coalesce(kameleon.obstacle(definition.relid), format('%s uses it', pg_describe_object(class_oid, object_oid, 0))), tag);
    END LOOP;
    -- the same for a view over entities: a trigger or rule of its own sees the rows that the view has
    PERFORM kameleon.dedicate_behind(v.relid, format('%s uses it', pg_describe_object(class_oid, object_oid, 0)))
    FROM (SELECT DISTINCT w.relid FROM pg_depend d JOIN kameleon.kdb_view_definitions w ON w.relid = d.refobjid
          WHERE d.classid = class_oid AND d.objid = object_oid AND d.refclassid = 'pg_class'::regclass) AS v;
    IF class_oid = 'pg_trigger'::regclass THEN
        PERFORM kameleon.dedicate_named(t.tgfoid, c.relnamespace, tag) FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE t.oid = object_oid;
    END IF;
END
$$;

-- The tables that a trigger's function names in a body that is a string, and cannot find there: those, and views, of its names that are
-- in a schema that is named there, too, in its own or that of the table (`beside`), or in public.
CREATE OR REPLACE FUNCTION kameleon.dedicate_named(routine oid, beside oid, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    body text;
    words text[];
    home oid;
    source pg_class;
BEGIN
    SELECT p.prosrc, p.pronamespace, ARRAY(SELECT DISTINCT lower(w.found[1]) FROM regexp_matches(concat(p.prosrc, ' ', p.proconfig), '\w+', 'g') AS w (found))
    INTO body, home, words
    FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
    WHERE p.oid = routine AND p.prosqlbody IS NULL AND p.pronamespace <> 'kameleon'::regnamespace AND l.lanname NOT IN ('internal', 'c');
    IF NOT FOUND THEN
        RETURN;
    END IF;
    FOR source IN
        SELECT s.* FROM kameleon.shared_sources(ARRAY(
            SELECT c.oid::regclass
            FROM (SELECT e.relid FROM kameleon.kdb_entity_definitions e WHERE e.storage_mode = 'shared'
                  UNION ALL SELECT d.relid FROM kameleon.kdb_view_definitions d) AS k
            JOIN pg_class c ON c.oid = k.relid JOIN pg_namespace n ON n.oid = c.relnamespace
            WHERE (lower(c.relname) = ANY (words) OR strpos(body, quote_ident(c.relname)) > 0)
              AND (n.oid IN (home, beside) OR n.nspname = 'public' OR lower(n.nspname) = ANY (words)))) AS s
    LOOP
        IF pg_has_role(kameleon.acting_role(), source.relowner, 'USAGE') THEN
            PERFORM kameleon.make_dedicated(source.oid, format('%s, which a trigger runs, names it', pg_describe_object('pg_proc'::regclass, routine, 0)), tag);
        END IF;
    END LOOP;
END
$$;

-- What the proxy runs before CREATE EVENT TRIGGER, for which there are no event triggers. A table that its function could not use would
-- let every command fail that it is for; ON login, nobody could connect.
CREATE OR REPLACE FUNCTION kameleon.dedicate_for_event_trigger(routine regproc) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS $$
DECLARE
    internal text := coalesce(current_setting('kameleon.internal', true), '');
BEGIN
    -- others may not create one
    IF (SELECT r.rolsuper FROM pg_roles r WHERE r.rolname = kameleon.acting_role()) THEN
        PERFORM set_config('kameleon.internal', 'on', true);
        PERFORM kameleon.dedicate_named(routine, NULL, 'CREATE EVENT TRIGGER');
        PERFORM set_config('kameleon.internal', internal, true);
    END IF;
END
$$;

-- After CREATE OR REPLACE FUNCTION.
CREATE OR REPLACE FUNCTION kameleon.dedicate_for_triggers(routine oid, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM pg_proc p WHERE p.oid = routine AND p.prorettype IN ('trigger'::regtype, 'event_trigger'::regtype)) THEN
        RETURN;
    END IF;
    PERFORM kameleon.dedicate_named(routine, c.relnamespace, tag)
    FROM (SELECT DISTINCT c.relnamespace FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid WHERE t.tgfoid = routine
          UNION SELECT NULL FROM pg_event_trigger e WHERE e.evtfoid = routine) AS c;
END
$$;

-- Tables, and those behind views, that the body of a routine names and cannot find in documents. To make a routine takes no
-- right on a table; to move the table's rows does.
DROP FUNCTION IF EXISTS kameleon.dedicate_bound(oid, text);
CREATE OR REPLACE FUNCTION kameleon.dedicate_bound(routine oid, relations oid[], reason text, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    bound record;
BEGIN
    FOR bound IN
        SELECT c.oid, c.relname, c.relowner, e.entity_id IS NOT NULL AS is_entity
        FROM pg_class c
        LEFT JOIN kameleon.kdb_entity_definitions e ON e.relid = c.oid AND e.storage_mode = 'shared'
        LEFT JOIN kameleon.kdb_view_definitions v ON v.relid = c.oid
        WHERE c.oid = ANY (relations) AND (e.entity_id IS NOT NULL OR v.relid IS NOT NULL)
    LOOP
        IF tag IN ('CREATE FUNCTION', 'CREATE PROCEDURE') AND NOT pg_has_role(kameleon.acting_role(), bound.relowner, 'USAGE') THEN
            RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
                MESSAGE = format('%s cannot be bound to "%s", whose rows are kept in shared storage', routine::regprocedure, bound.relname),
                HINT = 'Let its owner create the routine: that moves the rows to dedicated storage.';
        ELSIF NOT bound.is_entity THEN
            PERFORM kameleon.dedicate_behind(bound.oid, reason);
        -- one before it may have taken it along
        ELSIF EXISTS (SELECT FROM kameleon.kdb_entity_definitions e WHERE e.relid = bound.oid AND e.storage_mode = 'shared') THEN
            PERFORM kameleon.make_dedicated(bound.oid, reason, tag);
        END IF;
    END LOOP;
END
$$;

-- What the proxy runs before a statement that it does not know: the entity's rows are in its table then, whatever comes.
CREATE OR REPLACE FUNCTION kameleon.dedicate(shell regclass, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS $$
DECLARE
    internal text := coalesce(current_setting('kameleon.internal', true), '');
BEGIN
    -- without the right to alter the table the statement itself fails, in PostgreSQL's words
    IF pg_has_role(kameleon.acting_role(), (SELECT relowner FROM pg_class WHERE oid = shell), 'USAGE')
       AND EXISTS (SELECT FROM kameleon.kdb_entity_definitions e WHERE e.relid = shell AND e.storage_mode = 'shared') THEN
        PERFORM set_config('kameleon.internal', 'on', true);
        PERFORM kameleon.make_dedicated(shell, reason, 'DEDICATE');
        PERFORM set_config('kameleon.internal', internal, true);
    END IF;
END
$$;

-- The shared tables among these relations and behind views among them, in the order in which they are locked.
CREATE OR REPLACE FUNCTION kameleon.shared_sources(relations regclass[]) RETURNS SETOF pg_class
LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    WITH RECURSIVE sources (oid) AS (
        SELECT r.oid::oid FROM unnest(relations) AS r (oid)
        UNION
        SELECT v.oid FROM sources s JOIN kameleon.kdb_view_definitions d ON d.relid = s.oid CROSS JOIN LATERAL kameleon.view_sources(s.oid) AS v (oid))
    SELECT c.* FROM sources s JOIN pg_class c ON c.oid = s.oid
    JOIN kameleon.kdb_entity_definitions e ON e.relid = c.oid AND e.storage_mode = 'shared' ORDER BY e.entity_id;
END
$$;

-- What the proxy runs in a transaction block before such a statement is parsed, which locks its tables: of two that have parsed it neither
-- could move them.
CREATE OR REPLACE FUNCTION kameleon.queue_for_table(relations regclass[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS $$
DECLARE
    source pg_class;
BEGIN
    FOR source IN SELECT c.* FROM kameleon.shared_sources(relations) AS c LOOP
        -- others are refused
        IF pg_has_role(kameleon.acting_role(), source.relowner, 'USAGE') AND NOT current_setting('transaction_read_only')::boolean THEN
            EXECUTE format('LOCK TABLE ONLY %s IN SHARE UPDATE EXCLUSIVE MODE', source.oid::regclass);
        END IF;
    END LOOP;
END
$$;

-- What the proxy runs before a statement that documents cannot serve: tables, and those behind views, become dedicated. Where the
-- client may not have that, the statement is refused, and nothing is moved.
CREATE OR REPLACE FUNCTION kameleon.dedicate_or_refuse(relations regclass[], refusal text, hint text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET standard_conforming_strings = on AS $$
DECLARE
    internal text := coalesce(current_setting('kameleon.internal', true), '');
    source record;
BEGIN
    FOR source IN SELECT c.oid, c.relname, c.relowner FROM kameleon.shared_sources(relations) AS c LOOP
        IF current_setting('transaction_read_only')::boolean THEN
            RAISE EXCEPTION USING ERRCODE = 'feature_not_supported', MESSAGE = refusal,
                HINT = concat_ws(' ', nullif(hint, ''), 'Outside of a read-only transaction it would move the table to dedicated storage.');
        ELSIF NOT pg_has_role(kameleon.acting_role(), source.relowner, 'USAGE') THEN
            RAISE EXCEPTION USING ERRCODE = 'feature_not_supported', MESSAGE = refusal,
                HINT = concat_ws(' ', nullif(hint, ''), format('The owner of table "%s" can move it to dedicated storage.', source.relname));
        END IF;
        PERFORM set_config('kameleon.internal', 'on', true);
        BEGIN
            PERFORM kameleon.lock_alone(source.oid, 'ACCESS EXCLUSIVE');
            -- another session may have done it meanwhile
            IF EXISTS (SELECT FROM kameleon.kdb_entity_definitions e WHERE e.relid = source.oid AND e.storage_mode = 'shared') THEN
                PERFORM kameleon.make_dedicated(source.oid, refusal, 'DEDICATE');
            END IF;
        EXCEPTION WHEN object_in_use THEN
            RAISE EXCEPTION USING ERRCODE = 'feature_not_supported', MESSAGE = refusal, DETAIL = SQLERRM,
                HINT = concat_ws(' ', nullif(hint, ''), 'With no cursor open on the table, and no check of its constraints pending, it would move the table to dedicated storage.');
        END;
        PERFORM set_config('kameleon.internal', internal, true);
    END LOOP;
END
$$;
