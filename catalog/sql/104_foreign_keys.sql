-- Foreign keys of shared entities: PostgreSQL's own, between the documents' tables, or where one of the two entities is
-- dedicated, between its table and the other's documents. Re-created on every install.
--
-- A field that takes part in a foreign key, at either end, has a column of its own in the table of the documents:
-- kdb_column_<entity>_<attnum>_<generation>, filled from the document by the last BEFORE trigger (kdb_4_unpack). The views read it,
-- and indexes are over it, so that a referenced key has one unique index. What CASCADE, SET NULL and SET DEFAULT write into it, the
-- first BEFORE trigger (kdb_0_follow) puts into the document. Every foreign key that a shell declares, or a dedicated table to a
-- shell, stands between what holds the rows as kdb_foreign_<entity>_<oid of the declared constraint>, with the declared one as its
-- parent (pg_constraint.conparentid), as a partition's has that of the partitioned table: so SET CONSTRAINTS, wherever it is said,
-- finds the declared one by its name and sets both; \d and pg_dump show the declared one. (With its name, queries that join
-- catalogs by it, in functions or past the proxy, would take one for the other.)
-- Where one of the tables is dedicated, the triggers of both constraints hang on it: those of the declared one rest.
-- Entities that never had to do with a foreign key have none of this.

-- A domain's base type may have a modifier of its own.
CREATE OR REPLACE FUNCTION kameleon.base_type_name(typ oid, typmod int) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    base oid := typ;
    modifier int := typmod;
    chain record;
BEGIN
    LOOP
        SELECT t.typtype, t.typbasetype, t.typtypmod INTO chain FROM pg_type t WHERE t.oid = base;
        IF NOT FOUND OR chain.typtype <> 'd' THEN
            RETURN CASE WHEN FOUND THEN format_type(base, modifier) END;
        END IF;
        base := chain.typbasetype;
        modifier := chain.typtypmod;
    END LOOP;
END
$$;

-- The columns that the documents' table has for fields; `is_current`: the field is still there, and of this type.
CREATE OR REPLACE FUNCTION kameleon.key_columns(entity int)
RETURNS TABLE (attnum int2, column_name name, is_current boolean)
LANGUAGE plpgsql STABLE ROWS 3 SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    child oid := to_regclass((SELECT 'kameleon.' || kameleon.child_name(e) FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity));
BEGIN
    RETURN QUERY
    SELECT split_part(a.attname, '_', 4)::int2, a.attname,
           f.attnum IS NOT NULL AND a.attcollation = f.collation_oid
           AND format_type(a.atttypid, a.atttypmod) = kameleon.base_type_name(f.type_oid, f.type_modifier)
    FROM pg_attribute a
    LEFT JOIN kameleon.kdb_field_definitions f
         ON f.entity_id = entity AND f.attnum = split_part(a.attname, '_', 4)::int2 AND NOT f.dropped
    WHERE a.attrelid = child AND a.attname ~ '^kdb_column_' AND NOT a.attisdropped;
END
$$;

-- A table's foreign keys, of either direction. Of those that refer to it the table's dependents tell: pg_constraint has no
-- index by them.
CREATE OR REPLACE FUNCTION kameleon.foreign_keys_of(relation oid) RETURNS SETOF pg_constraint
LANGUAGE plpgsql STABLE ROWS 4 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT c.* FROM pg_constraint c WHERE c.conrelid = relation AND c.contype = 'f';
    RETURN QUERY SELECT c.* FROM pg_constraint c
                 WHERE c.contype = 'f' AND c.confrelid = relation AND c.conrelid <> relation
                   AND c.oid IN (SELECT d.objid FROM pg_depend d
                                 WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = relation AND d.classid = 'pg_constraint'::regclass);
END
$$;

-- The fields that foreign keys, of either direction, name and that have no column yet.
CREATE OR REPLACE FUNCTION kameleon.missing_key_columns(entity int) RETURNS SETOF int2
LANGUAGE plpgsql STABLE ROWS 2 SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    shell oid := (SELECT e.relid FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity);
BEGIN
    RETURN QUERY
    SELECT unnest(CASE shell WHEN c.conrelid THEN c.conkey END || CASE shell WHEN c.confrelid THEN c.confkey END)
    FROM kameleon.foreign_keys_of(shell) AS c
    EXCEPT SELECT c.attnum FROM kameleon.key_columns(entity) AS c WHERE c.is_current;
END
$$;

-- A field's two functions, each of its column's name: (document) -> value, and (document, value) -> document.
CREATE OR REPLACE FUNCTION kameleon.make_key_functions(entity int, attribute int2, column_name name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    field kameleon.kdb_field_definitions;
    base_name text;
    base oid;
BEGIN
    SELECT f.* INTO STRICT field FROM kameleon.kdb_field_definitions f WHERE f.entity_id = entity AND f.attnum = attribute;
    base_name := kameleon.base_type_name(field.type_oid, field.type_modifier);
    base := kameleon.base_type(field.type_oid);
    EXECUTE format('CREATE OR REPLACE FUNCTION kameleon.%I(jsonb) RETURNS %s LANGUAGE sql IMMUTABLE RETURN (%s)%s', column_name, base_name,
                   kameleon.read_expression('$1', field.field_key, field.type_oid, field.type_modifier, field.collation_oid, field.missing_value),
                   CASE WHEN base <> field.type_oid THEN '::' || base_name ELSE '' END);
    EXECUTE format('CREATE OR REPLACE FUNCTION kameleon.%I(jsonb, %s) RETURNS jsonb LANGUAGE sql STABLE RETURN ($1 - %L::text) || %s', column_name, base_name,
                   field.field_key,
                   CASE WHEN base = 'jsonb'::regtype AND field.missing_value IS NULL THEN format('kameleon.json_field(%L, $2)', field.field_key)
                        WHEN field.missing_value IS NULL THEN format('jsonb_strip_nulls(jsonb_build_object(%L, %s))', field.field_key, kameleon.write_expression('$2', field.type_oid))
                        ELSE format('jsonb_build_object(%L, %s)', field.field_key, kameleon.write_expression('$2', field.type_oid)) END);
END
$$;

-- Gives the fields that need one a column, computed from the documents, which belong to the owner: whose functions
-- a domain's checks may call.
CREATE OR REPLACE FUNCTION kameleon.add_key_columns(entity int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = 'warning' AS $$
DECLARE
    definition kameleon.kdb_entity_definitions;
    child text;
    field record;
    additions text[] := '{}';
    settlements text[] := '{}';
BEGIN
    SELECT e.* INTO STRICT definition FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity;
    child := kameleon.child_name(definition);
    FOR field IN
        SELECT f.*, format('kdb_column_%s_%s_%s', entity, f.attnum, definition.generation) AS column_name
        FROM kameleon.kdb_field_definitions f JOIN kameleon.missing_key_columns(entity) AS m (attnum) ON m.attnum = f.attnum
        WHERE f.entity_id = entity AND NOT f.dropped ORDER BY f.attnum
    LOOP
        PERFORM kameleon.make_key_functions(entity, field.attnum, field.column_name);
        additions := additions || format('ADD COLUMN %I %s %s GENERATED ALWAYS AS (kameleon.%1$I(data)) STORED', field.column_name,
            kameleon.base_type_name(field.type_oid, field.type_modifier),
            (SELECT format('COLLATE %I.%I', n.nspname, c.collname) FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace
             WHERE c.oid = field.collation_oid));
        settlements := settlements || format('ALTER %I DROP EXPRESSION', field.column_name);
    END LOOP;
    IF cardinality(additions) > 0 THEN
        PERFORM kameleon.run_as_owner(entity, format('ALTER TABLE kameleon.%I %s', child, array_to_string(additions, ', ')));
        EXECUTE format('ALTER TABLE kameleon.%I %s', child, array_to_string(settlements, ', '));
    END IF;
END
$$;

-- Expressions over the read view, as EXPLAIN prints them, with its key columns as columns of the documents' table ('data'), or
-- taken from `document`.
CREATE OR REPLACE FUNCTION kameleon.over_key_columns(entity int, expressions text[], document text) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    key record;
    value text;
BEGIN
    IF document = 'kdb_document_row.data' THEN
        RETURN expressions;
    END IF;
    FOR key IN
        SELECT k.column_name, f.* FROM kameleon.key_columns(entity) AS k
        JOIN kameleon.kdb_field_definitions f ON f.entity_id = entity AND f.attnum = k.attnum WHERE k.is_current
    LOOP
        value := CASE document WHEN 'data' THEN key.column_name
                 ELSE format('(%s)::%s', kameleon.read_expression(document, key.field_key, key.type_oid, key.type_modifier, key.collation_oid, key.missing_value),
                             kameleon.base_type_name(key.type_oid, key.type_modifier)) END;
        expressions := ARRAY(SELECT regexp_replace(e.expression, 'kdb_document_row\.' || key.column_name || '\M', replace(value, '\', '\\'), 'g')
                             FROM unnest(expressions) WITH ORDINALITY AS e (expression, position) ORDER BY e.position);
    END LOOP;
    RETURN expressions;
END
$$;

-- The triggers that keep columns and document in step, and what SET DEFAULT sets.
CREATE OR REPLACE FUNCTION kameleon.build_key_triggers(entity int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    definition kameleon.kdb_entity_definitions;
    child text;
    key record;
    now_values text[] := '{}';
    old_values text[] := '{}';
    unpack text := '';
    follow text := '';
BEGIN
    SELECT e.* INTO STRICT definition FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity;
    child := kameleon.child_name(definition);
    FOR key IN
        SELECT k.attnum, k.column_name, a.attgenerated, a.atttypid, a.atttypmod,
               EXISTS (SELECT FROM kameleon.defaulted_keys(definition.relid) AS d (attnum) WHERE d.attnum = k.attnum) AS is_defaulted
        FROM kameleon.key_columns(entity) AS k JOIN pg_attribute a ON a.attrelid = definition.relid AND a.attnum = k.attnum
        WHERE k.is_current ORDER BY k.attnum
    LOOP
        PERFORM kameleon.make_key_functions(entity, key.attnum, key.column_name);
        unpack := unpack || format('NEW.%I := kameleon.%1$I(NEW.data); ', key.column_name);
        IF key.attgenerated = '' THEN
            follow := follow || format('NEW.data := kameleon.%I(NEW.data, NEW.%1$I); ', key.column_name);
            now_values := now_values || format('NEW.%I', key.column_name);
            old_values := old_values || format('OLD.%I', key.column_name);
        END IF;
        EXECUTE format('ALTER TABLE kameleon.%I ALTER %I %s', child, key.column_name,
                       CASE WHEN key.is_defaulted THEN format('SET DEFAULT (%s)::%s', coalesce(kameleon.default_expression(definition.relid, key.attnum), 'NULL'),
                                                              kameleon.base_type_name(key.atttypid, key.atttypmod))
                            ELSE 'DROP DEFAULT' END);
    END LOOP;
    IF unpack <> '' THEN
        EXECUTE format('CREATE FUNCTION kameleon.%I() RETURNS trigger LANGUAGE plpgsql AS %L', 'kdb_unpack_' || entity,
                       format('BEGIN %sRETURN NEW; END', unpack));
        EXECUTE format('CREATE TRIGGER kdb_4_unpack BEFORE INSERT OR UPDATE ON kameleon.%I FOR EACH ROW EXECUTE FUNCTION kameleon.%I()',
                       child, 'kdb_unpack_' || entity);
    END IF;
    IF follow <> '' THEN
        EXECUTE format('CREATE FUNCTION kameleon.%I() RETURNS trigger LANGUAGE plpgsql AS %L', 'kdb_follow_' || entity,
                       format('BEGIN %sRETURN NEW; END', follow));
        -- bit by bit: 1.0 and 1.00 are equal, and CASCADE tells them apart
        EXECUTE format('CREATE TRIGGER kdb_0_follow BEFORE UPDATE ON kameleon.%I FOR EACH ROW WHEN (ROW(%s)::record *<> ROW(%s)::record) EXECUTE FUNCTION kameleon.%I()',
                       child, array_to_string(now_values, ', '), array_to_string(old_values, ', '), 'kdb_follow_' || entity);
    END IF;
END
$$;

-- The columns of a table that an action SET DEFAULT of one of its foreign keys may set.
CREATE OR REPLACE FUNCTION kameleon.defaulted_keys(shell oid) RETURNS SETOF int2
LANGUAGE plpgsql STABLE ROWS 2 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY SELECT DISTINCT unnest(c.conkey) FROM pg_constraint c
                 WHERE c.contype = 'f' AND c.conrelid = shell AND 'd' IN (c.confdeltype, c.confupdtype);
END
$$;

-- What an INSERT into the documents' table must give no default for, as ', name' and ', NULL'.
CREATE OR REPLACE FUNCTION kameleon.no_key_defaults(entity int, OUT names text, OUT nulls text)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(string_agg(format(', %I', k.column_name), '' ORDER BY k.attnum), ''), coalesce(string_agg(', NULL', ''), '')
    FROM kameleon.kdb_entity_definitions e CROSS JOIN LATERAL kameleon.key_columns(entity) AS k
    WHERE e.entity_id = entity AND k.is_current AND k.attnum IN (SELECT kameleon.defaulted_keys(e.relid))
$$;

-- The same for those that go through the write view. (A default that is plainly NULL would be none.)
CREATE OR REPLACE FUNCTION kameleon.forget_key_defaults(entity int, write_view text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    field kameleon.kdb_field_definitions;
BEGIN
    FOR field IN
        SELECT f.* FROM kameleon.kdb_entity_definitions e JOIN kameleon.kdb_field_definitions f USING (entity_id)
        JOIN kameleon.defaulted_keys(e.relid) AS d (attnum) ON d.attnum = f.attnum
        WHERE e.entity_id = entity AND NOT f.dropped
    LOOP
        EXECUTE format('ALTER VIEW kameleon.%I ALTER %I SET DEFAULT CASE WHEN false THEN NULL::%s END', write_view, field.field_name,
                       kameleon.base_type_name(field.type_oid, field.type_modifier));
    END LOOP;
END
$$;

-- Columns whose field is gone or of another type now; the views read them no longer.
CREATE OR REPLACE FUNCTION kameleon.drop_key_columns(entity int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    child text := (SELECT kameleon.child_name(e) FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity);
    key record;
BEGIN
    FOR key IN SELECT k.column_name FROM kameleon.key_columns(entity) AS k WHERE NOT k.is_current LOOP
        EXECUTE format('ALTER TABLE kameleon.%I DROP COLUMN %I', child, key.column_name);
    END LOOP;
END
$$;

-- Whoever may read the table is told the key that violates a foreign key or a unique index over it: by these grants
-- where the documents, which still hold values of dropped columns, are not granted as a whole.
CREATE OR REPLACE FUNCTION kameleon.sync_key_grants(entity int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    definition kameleon.kdb_entity_definitions;
    child regclass;
    columns text;
    granted record;
BEGIN
    SELECT e.* INTO STRICT definition FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity;
    SELECT string_agg(quote_ident(k.column_name), ', ') INTO columns FROM kameleon.key_columns(entity) AS k;
    IF columns IS NULL THEN
        RETURN;
    END IF;
    child := format('kameleon.%I', kameleon.child_name(definition))::regclass;
    FOR granted IN
        SELECT DISTINCT false AS is_wanted, x.grantee FROM pg_attribute a CROSS JOIN LATERAL aclexplode(a.attacl) AS x WHERE a.attrelid = child
        UNION ALL
        SELECT DISTINCT true, x.grantee FROM pg_class c CROSS JOIN LATERAL aclexplode(c.relacl) AS x
        WHERE c.oid = definition.relid AND x.privilege_type = 'SELECT' AND x.grantee <> c.relowner
          AND EXISTS (SELECT FROM kameleon.kdb_field_definitions f WHERE f.entity_id = entity AND f.dropped)
        ORDER BY is_wanted
    LOOP
        EXECUTE format('%s SELECT (%s) ON %s %s %s', CASE WHEN granted.is_wanted THEN 'GRANT' ELSE 'REVOKE' END, columns, child,
                       CASE WHEN granted.is_wanted THEN 'TO' ELSE 'FROM' END,
                       CASE granted.grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(granted.grantee)) END);
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.foreign_key_name(entity int, shell_constraint oid) RETURNS name
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$ SELECT format('kdb_foreign_%s_%s', entity, shell_constraint)::name $$;

-- those of earlier versions, which only their names link to the shells'
UPDATE pg_constraint c SET conparentid = s.oid
FROM pg_constraint s
WHERE c.connamespace = 'kameleon'::regnamespace AND c.contype = 'f' AND c.conparentid = 0 AND c.conname ~ '^kdb_foreign_\d+_\d+$'
  AND s.contype = 'f' AND s.oid = split_part(c.conname, '_', 4)::oid;

-- Drops a constraint as CASCADE does, because of something that it depends on: also while the table has deferred checks pending.
CREATE OR REPLACE FUNCTION kameleon.drop_by_dependency(constraint_oid oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET client_min_messages = 'warning' AS $$
DECLARE
    once text := format('kameleon.kdb_once_%s()', constraint_oid);
BEGIN
    EXECUTE format('CREATE FUNCTION %s RETURNS void LANGUAGE sql AS %L', once, '');
    INSERT INTO pg_depend VALUES ('pg_constraint'::regclass, constraint_oid, 0, 'pg_proc'::regclass, once::regprocedure, 0, 'n');
    EXECUTE format('DROP FUNCTION %s CASCADE', once);
END
$$;

-- Drops what stands between documents for foreign keys of an entity, of either direction; with `stale`, only for those that
-- their shells no longer declare, or that name a column which is about to go. `cascaded`: the client dropped something else.
DROP FUNCTION IF EXISTS kameleon.drop_foreign_keys(int, boolean);
CREATE OR REPLACE FUNCTION kameleon.drop_foreign_keys(entity int, stale boolean DEFAULT false, cascaded boolean DEFAULT false) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    child regclass;
    found record;
BEGIN
    SELECT to_regclass('kameleon.' || kameleon.child_name(e)) INTO child FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity;
    FOR found IN
        SELECT c.oid, c.conname, c.conrelid::regclass AS relation
        FROM kameleon.foreign_keys_of(child) AS c
        WHERE c.connamespace = 'kameleon'::regnamespace
          AND (NOT stale OR NOT EXISTS (SELECT FROM pg_constraint s WHERE s.oid = c.conparentid)
               OR EXISTS (SELECT FROM kameleon.key_columns(entity) AS k
                          JOIN pg_attribute a ON a.attrelid = child AND a.attname = k.column_name AND NOT k.is_current
                          WHERE (c.conrelid = child AND a.attnum = ANY (c.conkey)) OR (c.confrelid = child AND a.attnum = ANY (c.confkey))))
    LOOP
        BEGIN
            EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I', found.relation, found.conname);
        EXCEPTION WHEN object_in_use THEN
            IF NOT cascaded THEN
                RAISE;
            END IF;
            PERFORM kameleon.drop_by_dependency(found.oid);
        END;
    END LOOP;
END
$$;

-- The foreign keys that lean on an index of the documents; sync_foreign_keys makes them again, on another.
CREATE OR REPLACE FUNCTION kameleon.release_index(index_name text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found record;
BEGIN
    FOR found IN
        SELECT c.conname, c.conrelid::regclass AS relation FROM pg_constraint c
        WHERE c.contype = 'f' AND c.conindid = to_regclass(format('kameleon.%I', index_name))
    LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT IF EXISTS %I', found.relation, found.conname);
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.foreign_key_action(code "char") RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE code WHEN 'r' THEN 'RESTRICT' WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT' END
$$;

-- What holds an entity's rows, and the columns there that hold these fields, as lists for SQL.
CREATE OR REPLACE FUNCTION kameleon.rows_of(definition kameleon.kdb_entity_definitions) RETURNS regclass
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN CASE (definition).storage_mode WHEN 'shared' THEN format('kameleon.%I', kameleon.child_name(definition))::regclass ELSE (definition).relid::regclass END;
END
$$;

DROP FUNCTION IF EXISTS kameleon.key_list(int, int2[]);
CREATE OR REPLACE FUNCTION kameleon.key_list(definition kameleon.kdb_entity_definitions, attnums int2[]) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (definition).storage_mode = 'dedicated' THEN
        RETURN (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY n.position)
        FROM unnest(attnums) WITH ORDINALITY AS n (attnum, position) JOIN pg_attribute a ON a.attrelid = (definition).relid AND a.attnum = n.attnum);
    END IF;
    RETURN (SELECT string_agg(quote_ident(k.column_name), ', ' ORDER BY n.position)
    FROM unnest(attnums) WITH ORDINALITY AS n (attnum, position) JOIN kameleon.key_columns((definition).entity_id) AS k ON k.attnum = n.attnum AND k.is_current);
END
$$;

-- What pg_get_constraintdef() says of the foreign key that stands for a declared one where the rows are; NULL where it has
-- nothing to enforce.
DROP FUNCTION IF EXISTS kameleon.foreign_key_definition(oid);
CREATE OR REPLACE FUNCTION kameleon.foreign_key_definition(declared oid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT format('FOREIGN KEY (%s) REFERENCES %s(%s)',
                  kameleon.key_list(referring, c.conkey), kameleon.rows_of(referenced), kameleon.key_list(referenced, c.confkey))
           || CASE c.confmatchtype WHEN 'f' THEN ' MATCH FULL' ELSE '' END
           || coalesce(' ON UPDATE ' || kameleon.foreign_key_action(c.confupdtype), '')
           || coalesce(' ON DELETE ' || kameleon.foreign_key_action(c.confdeltype), '')
           || CASE WHEN cardinality(c.confdelsetcols) > 0 THEN format(' (%s)', kameleon.key_list(referring, c.confdelsetcols)) ELSE '' END
           || CASE WHEN c.condeferrable THEN ' DEFERRABLE' ELSE '' END
           || CASE WHEN c.condeferred THEN ' INITIALLY DEFERRED' ELSE '' END
           || CASE WHEN c.convalidated THEN '' ELSE ' NOT VALID' END
    FROM pg_constraint c
    JOIN kameleon.kdb_entity_definitions referring ON referring.relid = c.conrelid
    JOIN kameleon.kdb_entity_definitions referenced ON referenced.relid = c.confrelid
    WHERE c.oid = declared AND coalesce((to_jsonb(c) ->> 'conenforced')::boolean, true));
END
$$;

-- What stands for a declared foreign key.
DROP FUNCTION IF EXISTS kameleon.foreign_key_of_documents(oid);
CREATE OR REPLACE FUNCTION kameleon.standing_foreign_key(declared oid) RETURNS SETOF pg_constraint
LANGUAGE plpgsql STABLE ROWS 1 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    -- of a dedicated table's, partitions have theirs, too
    RETURN QUERY SELECT c.* FROM pg_constraint c WHERE c.conparentid = declared AND c.connamespace = 'kameleon'::regnamespace;
END
$$;

-- Its triggers as the declared one's are. They fire in the order of their names, which hold the OIDs of the declared one's.
-- Those that hang on the same table come right behind, and are enabled as they are.
DROP FUNCTION IF EXISTS kameleon.order_key_triggers(oid, name), kameleon.follow_key_triggers(oid);
CREATE OR REPLACE FUNCTION kameleon.follow_key_triggers(declared oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    UPDATE pg_trigger t
    SET tgname = CASE t.tgrelid WHEN s.tgrelid THEN concat(s.tgname, '_')::name ELSE s.tgname END, tgdeferrable = s.tgdeferrable, tginitdeferred = s.tginitdeferred,
        tgenabled = CASE t.tgrelid WHEN s.tgrelid THEN s.tgenabled ELSE t.tgenabled END
    FROM kameleon.standing_foreign_key(declared) AS c, pg_trigger s, pg_constraint k
    WHERE t.tgconstraint = c.oid AND k.oid = declared AND s.tgconstraint = k.oid
      AND (s.tgfoid, s.tgtype, s.tgrelid = k.conrelid) = (t.tgfoid, t.tgtype, t.tgrelid = c.conrelid);
    -- the relations' cached descriptions are built anew
    UPDATE pg_class r SET relname = r.relname
    FROM kameleon.standing_foreign_key(declared) AS c WHERE r.oid IN (c.conrelid, c.confrelid);
END
$$;

-- Lets the triggers of a declared foreign key rest, by a condition (WHEN) that is false, or fire again.
CREATE OR REPLACE FUNCTION kameleon.rest_key_triggers(declared oid, resting boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    -- no value of this type can be written: that of a default that is false
    never pg_node_tree := (SELECT d.adbin FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
                           WHERE d.adrelid = 'kameleon.kdb_entity_definitions'::regclass AND a.attname = 'shell_filled');
BEGIN
    UPDATE pg_trigger t SET tgqual = CASE WHEN resting THEN never END WHERE t.tgconstraint = declared AND (t.tgqual IS NOT NULL) <> resting;
    IF FOUND THEN
        UPDATE pg_class r SET relname = r.relname FROM pg_constraint c WHERE c.oid = declared AND r.oid IN (c.conrelid, c.confrelid);
    END IF;
END
$$;

-- The foreign keys that entities declare and that have to do with documents: those of and to `entities`, and those for which
-- nothing stands yet.
DROP FUNCTION IF EXISTS kameleon.declared_foreign_keys(int[]);
CREATE OR REPLACE FUNCTION kameleon.declared_foreign_keys(entities int[]) RETURNS TABLE (declared oid, referring int, referenced int)
LANGUAGE plpgsql STABLE ROWS 5 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY
    SELECT c.oid, one.entity_id, other.entity_id
    FROM (SELECT DISTINCT k.oid, k.conrelid, k.confrelid
          FROM kameleon.kdb_entity_definitions e CROSS JOIN LATERAL kameleon.foreign_keys_of(e.relid) AS k
          WHERE e.entity_id = ANY (entities) AND k.connamespace <> 'kameleon'::regnamespace
          UNION
          SELECT k.oid, k.conrelid, k.confrelid
          FROM pg_constraint k JOIN kameleon.kdb_entity_definitions e ON e.relid = k.conrelid
          WHERE k.contype = 'f' AND k.connamespace <> 'kameleon'::regnamespace
            AND NOT EXISTS (SELECT FROM pg_constraint d WHERE d.conparentid = k.oid AND d.connamespace = 'kameleon'::regnamespace)) AS c
    JOIN kameleon.kdb_entity_definitions one ON one.relid = c.conrelid
    JOIN kameleon.kdb_entity_definitions other ON other.relid = c.confrelid
    WHERE 'shared' IN (one.storage_mode, other.storage_mode);
END
$$;

-- Makes the foreign keys where the rows are those that entities declare, for all of and to `entities` and for those that are missing.
-- At the end of a command, when no rows stand in a shell any more. Rows that violate a new one are an error, as natively; those of
-- `proven` are known not to. `beside`: the documents are only being made, and nothing but themselves may refer to them yet.
DROP FUNCTION IF EXISTS kameleon.sync_foreign_keys(int[]);
DROP FUNCTION IF EXISTS kameleon.sync_foreign_keys(int[], boolean);
CREATE OR REPLACE FUNCTION kameleon.sync_foreign_keys(entities int[], beside boolean DEFAULT false, proven oid[] DEFAULT '{}') RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    declared record;
    wanted text;
    definition text;
    present record;
    details text;
    unready int;
BEGIN
    -- REINDEX CONCURRENTLY, of which nobody is told before PostgreSQL 17, makes an index of another OID
    UPDATE pg_constraint c SET conindid = d.conindid
    FROM pg_constraint d
    WHERE c.contype = 'f' AND c.connamespace = 'kameleon'::regnamespace AND d.oid = c.conparentid AND c.confrelid = d.confrelid AND c.conindid <> d.conindid;
    -- all first: what is built anew lets go of its foreign keys
    FOR unready IN
        SELECT DISTINCT e.entity_id
        FROM kameleon.kdb_entity_definitions e JOIN kameleon.declared_foreign_keys(entities) AS d ON e.entity_id IN (d.referring, d.referenced)
        WHERE e.storage_mode = 'shared' AND EXISTS (SELECT FROM kameleon.missing_key_columns(e.entity_id))
        ORDER BY e.entity_id
    LOOP
        PERFORM kameleon.build_storage(unready, beside);
        IF NOT beside THEN
            PERFORM kameleon.notify_session(unready::text);
        END IF;
        entities := entities || unready;
    END LOOP;
    FOR declared IN
        SELECT c.oid, c.conname, c.conkey, c.condeferrable, c.condeferred, d.referring, d.referenced,
               referring.schema_name, referring.entity_name, referenced.entity_name AS referenced_name,
               referring.storage_mode <> referenced.storage_mode AS is_mixed
        FROM kameleon.declared_foreign_keys(entities) AS d
        JOIN pg_constraint c ON c.oid = d.declared
        JOIN kameleon.kdb_entity_definitions referring ON referring.entity_id = d.referring
        JOIN kameleon.kdb_entity_definitions referenced ON referenced.entity_id = d.referenced
        WHERE NOT beside OR d.referring = d.referenced
        ORDER BY c.oid
    LOOP
        wanted := kameleon.foreign_key_definition(declared.oid);
        SELECT c.oid, c.conname, c.conrelid::regclass AS relation, c.confrelid::regclass AS referenced, c.condeferrable, c.condeferred INTO present
        FROM kameleon.standing_foreign_key(declared.oid) AS c;
        IF (present.condeferrable, present.condeferred) <> (declared.condeferrable, declared.condeferred) THEN
            -- without making it anew, as ALTER TABLE does it: what SET CONSTRAINTS has said stays said
            EXECUTE format('LOCK TABLE ONLY %s, ONLY %s IN SHARE ROW EXCLUSIVE MODE', present.relation, present.referenced);
            UPDATE pg_constraint SET condeferrable = declared.condeferrable, condeferred = declared.condeferred WHERE oid = present.oid;
            PERFORM kameleon.follow_key_triggers(declared.oid);
        END IF;
        PERFORM kameleon.rest_key_triggers(declared.oid, declared.is_mixed);
        definition := pg_get_constraintdef(present.oid);
        CONTINUE WHEN definition IS NOT DISTINCT FROM wanted;
        BEGIN
            IF definition = wanted || ' NOT VALID' THEN
                EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', present.relation, present.conname);
                CONTINUE;
            END IF;
            IF definition IS NOT NULL THEN
                EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', present.relation, present.conname);
            END IF;
            IF wanted IS NOT NULL THEN
                PERFORM kameleon.make_foreign_key(declared.oid, declared.referring, wanted, declared.oid = ANY (proven));
            END IF;
        EXCEPTION WHEN foreign_key_violation THEN
            GET STACKED DIAGNOSTICS details = PG_EXCEPTION_DETAIL;
            RAISE EXCEPTION USING ERRCODE = 'foreign_key_violation',
                MESSAGE = format('insert or update on table "%s" violates foreign key constraint "%s"', declared.entity_name, declared.conname),
                DETAIL = regexp_replace(
                    regexp_replace(details, '^Key \([^)]*\)=', format('Key (%s)=', (SELECT string_agg(a.attname, ', ' ORDER BY k.position)
                        FROM pg_attribute a JOIN unnest(declared.conkey) WITH ORDINALITY AS k (attnum, position) USING (attnum)
                        WHERE a.attrelid = (SELECT c.conrelid FROM pg_constraint c WHERE c.oid = declared.oid)))),
                    'is not present in table "[^"]*"\.$', format('is not present in table "%s".', declared.referenced_name)),
                SCHEMA = declared.schema_name, TABLE = declared.entity_name, CONSTRAINT = declared.conname;
        END;
    END LOOP;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.make_foreign_key(declared oid, referring int, definition text, is_proven boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    relation regclass := (SELECT kameleon.rows_of(e) FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = referring);
    own_name name := kameleon.foreign_key_name(referring, declared);
    made oid;
BEGIN
    EXECUTE format('ALTER TABLE %s ADD CONSTRAINT %I %s', relation, own_name,
                   definition || CASE WHEN is_proven AND definition NOT LIKE '% NOT VALID' THEN ' NOT VALID' ELSE '' END);
    UPDATE pg_constraint SET conparentid = declared, connamespace = 'kameleon'::regnamespace, convalidated = convalidated OR (is_proven AND definition NOT LIKE '% NOT VALID')
    WHERE conrelid = relation AND conname = own_name RETURNING oid INTO STRICT made;
    PERFORM kameleon.follow_key_triggers(declared);
    -- of the client's own tables only the declared one depends, with which this one goes
    DELETE FROM pg_depend d
    WHERE d.classid = 'pg_constraint'::regclass AND d.objid = made AND d.refclassid = 'pg_class'::regclass
      AND d.refobjid IN (SELECT c.oid FROM pg_class c WHERE c.relnamespace <> 'kameleon'::regnamespace);
    IF FOUND THEN
        INSERT INTO pg_depend VALUES ('pg_constraint'::regclass, made, 0, 'pg_constraint'::regclass, declared, 0, 'a');
        -- the proxies know a table's constraints by name
        PERFORM kameleon.notify_session(referring::text);
    END IF;
END
$$;

-- TRUNCATE asks which foreign keys refer to a table, unless the table has no triggers at all. That was asked of the shells,
-- or the rows come back at once.
CREATE OR REPLACE FUNCTION kameleon.empty_documents(entity int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    child regclass;
BEGIN
    SELECT format('kameleon.%I', kameleon.child_name(e))::regclass INTO child FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = entity;
    EXECUTE format('LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE', child);
    IF pg_relation_size(child) = 0 THEN
        RETURN;
    END IF;
    UPDATE pg_class SET relhastriggers = false WHERE oid = child;
    EXECUTE format('TRUNCATE ONLY %s', child);
    UPDATE pg_class SET relhastriggers = true WHERE oid = child;
END
$$;

-- The valid foreign keys of and to an entity that its rows are known to satisfy: what stands for them is valid, or the tables held
-- the rows when they were validated.
DROP FUNCTION IF EXISTS kameleon.unproven_foreign_keys(kameleon.kdb_entity_definitions[]);
CREATE OR REPLACE FUNCTION kameleon.proven_foreign_keys(definition kameleon.kdb_entity_definitions) RETURNS oid[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(array_agg(k.oid), '{}')
    FROM kameleon.foreign_keys_of((definition).relid) AS k
    WHERE k.convalidated AND k.connamespace <> 'kameleon'::regnamespace
      AND (EXISTS (SELECT FROM kameleon.standing_foreign_key(k.oid) AS d WHERE d.convalidated)
           OR NOT EXISTS (SELECT FROM kameleon.kdb_entity_definitions e
                          WHERE e.relid IN (k.conrelid, k.confrelid)
                            AND CASE e.entity_id WHEN (definition).entity_id THEN (definition).storage_mode = 'shared' AND NOT (definition).shell_filled
                                                 ELSE e.storage_mode = 'shared' AND NOT e.shell_filled END))
$$;

-- Lets PostgreSQL look after the foreign keys of and to a table that holds its rows, as long as the other one does, too. Those that
-- are valid and not proven are checked.
CREATE OR REPLACE FUNCTION kameleon.wake_foreign_keys(relation oid, proven oid[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    declared record;
BEGIN
    FOR declared IN
        SELECT k.oid, k.conname, k.conrelid::regclass AS relation,
               k.convalidated AND k.conparentid = 0 AND coalesce((to_jsonb(k) ->> 'conenforced')::boolean, true) AS is_valid
        FROM kameleon.foreign_keys_of(relation) AS k
        WHERE k.connamespace <> 'kameleon'::regnamespace
          AND NOT EXISTS (SELECT FROM kameleon.kdb_entity_definitions e WHERE e.relid IN (k.conrelid, k.confrelid) AND e.storage_mode = 'shared')
        ORDER BY k.oid
    LOOP
        PERFORM kameleon.rest_key_triggers(declared.oid, false);
        IF declared.is_valid AND NOT declared.oid = ANY (proven) THEN
            UPDATE pg_constraint SET convalidated = false WHERE oid = declared.oid;
            EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', declared.relation, declared.conname);
        END IF;
    END LOOP;
END
$$;

-- COPY from the client: PostgreSQL calls a trigger of the insert view for each row. A table that refers to itself keeps the rows
-- aside until the last has come: natively, too, a row may refer to a later one of the same COPY.
-- (A column may bear the name of a word that PL/pgSQL keeps to itself, like begin, and SQL does not.)
CREATE OR REPLACE FUNCTION kameleon.build_copy(entity int, shell oid, insert_view text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = on AS $$
DECLARE
    columns text := kameleon.insertable(shell, '%I');
    refers_to_itself boolean := EXISTS (SELECT FROM pg_constraint c WHERE c.contype = 'f' AND c.conrelid = shell AND c.confrelid = shell);
    stash text := format('kameleon.%I', 'kdb_stash_' || entity);
BEGIN
    EXECUTE format('CREATE FUNCTION kameleon.%I() RETURNS trigger LANGUAGE plpgsql %s AS %L', 'kdb_copy_' || entity,
                   CASE WHEN refers_to_itself THEN 'SECURITY DEFINER SET search_path = pg_catalog, pg_temp' ELSE '' END,
                   format('BEGIN INSERT INTO %s (%s) SELECT %s; RETURN NEW; END', CASE WHEN refers_to_itself THEN stash ELSE format('kameleon.%I', insert_view) END,
                          columns, kameleon.insertable(shell, 'NEW.%I')));
    EXECUTE format('CREATE TRIGGER kdb_copy INSTEAD OF INSERT ON kameleon.%I FOR EACH ROW EXECUTE FUNCTION kameleon.%I()',
                   insert_view, 'kdb_copy_' || entity);
    EXECUTE format('CREATE TRIGGER kdb_frozen BEFORE INSERT ON kameleon.%I FOR EACH STATEMENT EXECUTE FUNCTION kameleon.refuse_freeze()', insert_view);
    IF NOT refers_to_itself OR columns IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format('CREATE UNLOGGED TABLE %s AS SELECT %s FROM kameleon.%I WITH NO DATA', stash, columns, insert_view);
    EXECUTE format('ALTER TABLE %s ADD kdb_transaction xid8 NOT NULL DEFAULT pg_current_xact_id(), ADD kdb_position bigint GENERATED ALWAYS AS IDENTITY', stash);
    EXECUTE format('CREATE FUNCTION kameleon.%I() RETURNS TABLE (%s) LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS %L',
                   'kdb_stashed_' || entity,
                   (SELECT string_agg(format('%I %s', a.attname, format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum) FROM pg_attribute a
                    WHERE a.attrelid = stash::regclass AND a.attnum > 0 AND a.attname NOT IN ('kdb_transaction', 'kdb_position')),
                   format('WITH taken AS (DELETE FROM %s WHERE kdb_transaction = pg_current_xact_id() RETURNING *) SELECT %s FROM taken ORDER BY kdb_position', stash, columns));
    EXECUTE format('CREATE FUNCTION kameleon.%I() RETURNS trigger LANGUAGE plpgsql AS %L', 'kdb_copied_' || entity,
                   format('BEGIN INSERT INTO kameleon.%I (%s) SELECT * FROM kameleon.%I(); RETURN NULL; END', insert_view, columns, 'kdb_stashed_' || entity));
    EXECUTE format('CREATE TRIGGER kdb_copied AFTER INSERT ON kameleon.%I FOR EACH STATEMENT EXECUTE FUNCTION kameleon.%I()',
                   insert_view, 'kdb_copied_' || entity);
END
$$;
