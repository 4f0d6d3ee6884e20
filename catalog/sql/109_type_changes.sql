-- What documents hold must follow the types of their fields: labels of enums, attributes of composites and of the rows of
-- tables, constraints of domains. Re-created on every install.

-- Types whose labels or attributes are not what documents were written with. The rows go through the shells, which take
-- them as values of the type as it was, and give them as values of the type as it is: a table does the same without
-- touching its rows, since it keeps the numbers of labels and attributes where a document keeps their text.
CREATE OR REPLACE FUNCTION kameleon.follow_type_changes(tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    altered record;
    entity int;
BEGIN
    FOR altered IN
        SELECT k.key::oid AS type_oid, k.value AS before, s.signature -> k.key AS after, array_agg(DISTINCT e.entity_id) AS entities
        FROM kameleon.kdb_field_definitions f JOIN kameleon.kdb_entity_definitions e USING (entity_id)
        CROSS JOIN LATERAL jsonb_each(f.type_signature::jsonb) AS k
        CROSS JOIN LATERAL (SELECT kameleon.type_signature(k.key::oid)::jsonb) AS s (signature)
        WHERE e.storage_mode = 'shared' AND NOT f.dropped AND f.type_signature IS NOT NULL AND k.value <> s.signature -> k.key
        GROUP BY 1, 2, 3
    LOOP
        IF kameleon.texts_differ(altered.before, altered.after) THEN
            PERFORM kameleon.reshape_type(altered.type_oid, altered.after, altered.before);
            PERFORM kameleon.fill_shells(e.relid, false)
            FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = ANY (altered.entities) ORDER BY e.entity_id;
            PERFORM kameleon.reshape_type(altered.type_oid, altered.before, altered.after);
            -- every document will be written anew, with a value of its own for every field
            UPDATE kameleon.kdb_field_definitions SET missing_value = NULL
            WHERE entity_id = ANY (altered.entities) AND missing_value IS NOT NULL;
        END IF;
        UPDATE kameleon.kdb_field_definitions f SET type_signature = kameleon.type_signature(f.type_oid)
        WHERE f.entity_id = ANY (altered.entities) AND NOT f.dropped AND f.type_signature IS NOT NULL;
        FOREACH entity IN ARRAY altered.entities LOOP
            PERFORM kameleon.sync_entity(entity, tag);
        END LOOP;
    END LOOP;
END
$$;

-- Whether a value's text changes with its type: more labels or other names of attributes do no harm.
CREATE OR REPLACE FUNCTION kameleon.texts_differ(before jsonb, after jsonb) RETURNS boolean
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE jsonb_typeof(before -> 'labels')
        WHEN 'object' THEN NOT coalesce((after -> 'labels') @> (before -> 'labels'), false)
        ELSE ARRAY(SELECT jsonb_object_keys(before -> 'attributes') ORDER BY 1)
             <> ARRAY(SELECT jsonb_object_keys(coalesce(after -> 'attributes', '{}')) ORDER BY 1) END
$$;

-- Gives a type the labels or attributes that it has at another time, and takes them back in the same transaction.
CREATE OR REPLACE FUNCTION kameleon.reshape_type(typ oid, now_is jsonb, wanted jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    relation oid := (SELECT t.typrelid FROM pg_type t WHERE t.oid = typ);
BEGIN
    UPDATE pg_enum e SET enumlabel = l.value
    FROM jsonb_each_text(wanted -> 'labels') AS l WHERE e.oid = l.key::oid AND e.enumtypid = typ AND e.enumlabel <> l.value;
    UPDATE pg_attribute a SET attisdropped = true, atttypid = 0, attname = format('........pg.dropped.%s........', a.attnum)
    WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped AND NOT (wanted -> 'attributes') ? a.attnum::text;
    UPDATE pg_attribute a SET attisdropped = false, atttypid = (w.value ->> 1)::oid, attname = w.value ->> 0
    FROM jsonb_each(wanted -> 'attributes') AS w
    WHERE a.attrelid = relation AND a.attnum = w.key::int2 AND a.attisdropped;
    IF EXISTS (SELECT FROM jsonb_each(wanted -> 'attributes') AS w
               WHERE NOT EXISTS (SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
                                 WHERE a.attrelid = relation AND a.attnum = w.key::int2 AND t.oid = (w.value ->> 1)::oid)) THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('cannot change type %s together with the type of its attribute while tables that are kept in shared storage use it', format_type(typ, NULL)),
            HINT = 'Drop the attribute first.';
    END IF;
END
$$;

-- The names of types and functions stand in functions of ours: those are made anew where one is another now.
CREATE OR REPLACE FUNCTION kameleon.follow_names(class_oid oid, object_oid oid, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entity int;
    -- a type's name is in that of its arrays; NULL where it may be any type's
    renamed oid[] := CASE WHEN class_oid IN ('pg_type'::regclass, 'pg_class'::regclass)
                          THEN ARRAY(SELECT unnest(ARRAY[t.oid, t.typarray]) FROM pg_type t
                                     WHERE t.oid = CASE class_oid WHEN 'pg_type'::regclass THEN object_oid
                                                                  ELSE (SELECT c.reltype FROM pg_class c WHERE c.oid = object_oid) END) END;
BEGIN
    FOR entity IN
        UPDATE kameleon.kdb_field_definitions f
        SET type_name = format_type(f.type_oid, f.type_modifier),
            missing_value = regexp_replace(f.missing_value, '::' || regexp_replace(f.type_name, '([^\w ])', '\\\1', 'g') || '$',
                                           '::' || replace(format_type(f.type_oid, f.type_modifier), '\', '\\'))
        FROM kameleon.kdb_entity_definitions e
        WHERE e.entity_id = f.entity_id AND e.storage_mode = 'shared' AND NOT f.dropped
          AND (renamed IS NULL OR f.type_oid = ANY (renamed)) AND f.type_name <> format_type(f.type_oid, f.type_modifier)
        RETURNING f.entity_id
    LOOP
        PERFORM kameleon.sync_entity(entity, tag);
    END LOOP;
    IF class_oid NOT IN ('pg_proc'::regclass, 'pg_namespace'::regclass) THEN
        RETURN;
    END IF;
    FOR entity IN
        SELECT DISTINCT e.entity_id
        FROM pg_depend d
        LEFT JOIN pg_constraint k ON d.classid = 'pg_constraint'::regclass AND k.oid = d.objid
        LEFT JOIN pg_attrdef f ON d.classid = 'pg_attrdef'::regclass AND f.oid = d.objid
        JOIN kameleon.kdb_entity_definitions e ON e.relid IN (k.conrelid, f.adrelid) AND e.storage_mode = 'shared'
        WHERE d.refclassid = 'pg_proc'::regclass
          AND (class_oid = 'pg_proc'::regclass AND d.refobjid = object_oid
               OR class_oid = 'pg_namespace'::regclass AND d.refobjid IN (SELECT p.oid FROM pg_proc p WHERE p.pronamespace = object_oid))
    LOOP
        PERFORM kameleon.sync_entity(entity, tag);
    END LOOP;
END
$$;

-- After ALTER DOMAIN: the documents must satisfy what PostgreSQL has checked on the empty shells, and a default that the
-- columns take from the domain may be another.
CREATE OR REPLACE FUNCTION kameleon.follow_domain(domain_oid oid, tag text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    field record;
    checking text;
BEGIN
    SELECT format('CREATE DOMAIN kameleon.kdb_checking AS %s', format_type(t.typbasetype, t.typtypmod))
           || CASE WHEN t.typnotnull THEN ' NOT NULL' ELSE '' END
           || coalesce((SELECT string_agg(' ' || pg_get_constraintdef(k.oid), '' ORDER BY k.conname) FROM pg_constraint k
                        WHERE k.contypid = t.oid AND k.contype = 'c' AND k.convalidated), '')
    INTO checking FROM pg_type t WHERE t.oid = domain_oid;
    FOR field IN
        WITH RECURSIVE over_it AS (
            SELECT domain_oid AS oid UNION SELECT t.oid FROM over_it JOIN pg_type t ON t.typtype = 'd' AND t.typbasetype = over_it.oid
        )
        SELECT f.field_name, e.entity_id, e.schema_name, e.entity_name, format_type(kameleon.base_type(f.type_oid), -1) AS base
        FROM kameleon.kdb_field_definitions f JOIN kameleon.kdb_entity_definitions e USING (entity_id)
        JOIN over_it ON over_it.oid = f.type_oid
        WHERE e.storage_mode = 'shared' AND NOT e.shell_filled AND NOT f.dropped
        ORDER BY e.entity_id, f.attnum
    LOOP
        EXECUTE checking;
        GRANT USAGE ON DOMAIN kameleon.kdb_checking TO PUBLIC;
        BEGIN
            PERFORM kameleon.run_as_owner(field.entity_id,
                format('SELECT count((%I::%s)::kameleon.kdb_checking) FROM kameleon.%I', field.field_name, field.base, 'kdb_read_' || field.entity_id));
        EXCEPTION
            WHEN check_violation THEN
                RAISE EXCEPTION USING ERRCODE = 'check_violation',
                    MESSAGE = format('column "%s" of table "%s" contains values that violate the new constraint', field.field_name, field.entity_name),
                    SCHEMA = field.schema_name, TABLE = field.entity_name, COLUMN = field.field_name;
            WHEN not_null_violation THEN
                RAISE EXCEPTION USING ERRCODE = 'not_null_violation',
                    MESSAGE = format('column "%s" of table "%s" contains null values', field.field_name, field.entity_name),
                    SCHEMA = field.schema_name, TABLE = field.entity_name, COLUMN = field.field_name;
        END;
        DROP DOMAIN kameleon.kdb_checking;
        PERFORM kameleon.sync_entity(field.entity_id, tag);
    END LOOP;
END
$$;

UPDATE kameleon.kdb_field_definitions SET type_signature = kameleon.type_signature(type_oid)
WHERE NOT dropped AND type_signature IS NOT NULL AND NOT EXISTS (SELECT FROM jsonb_each(CASE WHEN type_signature LIKE '{"%' THEN type_signature::jsonb ELSE '{}' END));
