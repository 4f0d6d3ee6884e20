-- Assignments to parts of a column: SET a[1] = 5, c.f = 'x', j['k'] = '1'. Re-created on every install.
--
-- The write view's kdb_parts takes each as an assignment to that part of an element of its own, kdb_parts[1].a[1] = 5,
-- where there is nothing yet: PostgreSQL has made the value the part's by the time it stands there. kdb_paths says which
-- part it is, one array a path: {a,[1]} an element by one subscript, {a,[2:]} a slice by two, {c,.f} a field, {cs,[1],.f} a field of
-- an element, {j,->2} an element of jsonb by two.
-- When the row is written, what stands there is assigned to the value that the row has at that moment.
--
-- What a subscript of jsonb means depends on the value that the row has: a negative one counts from the end, and has no
-- meaning where there is nothing. So the rewriter makes each a key, kdb_parts[1].j[kameleon.json_step(-1)], of which PostgreSQL makes
-- objects within objects; their keys tell the subscripts.
--
-- A column of a domain has a field of the type behind it in kdb_rec, for kdb_parts: a domain speaks of the whole value.

CREATE OR REPLACE FUNCTION kameleon.json_step(subscript int) RETURNS text LANGUAGE sql IMMUTABLE RETURN 'i' || subscript::text;
CREATE OR REPLACE FUNCTION kameleon.json_step(subscript text) RETURNS text LANGUAGE sql IMMUTABLE RETURN 't' || subscript;

-- The field of kdb_rec that stands for a column of a domain which has parts.
CREATE OR REPLACE FUNCTION kameleon.parts_field(entity int, attnum int2, typ oid) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('kdb_column_%s_%s', entity, attnum) FROM pg_type d JOIN pg_type t ON t.oid = kameleon.base_type(d.oid)
    WHERE d.oid = typ AND d.typtype = 'd' AND (t.typtype = 'c' OR t.typsubscript <> 0)
$$;

CREATE OR REPLACE FUNCTION kameleon.sync_parts_fields(entity int) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    record_type regtype := format('kameleon.%I', 'kdb_rec_' || entity);
    field record;
BEGIN
    FOR field IN
        SELECT present.name AS old_name, wanted.name AS new_name, wanted.type_name
        FROM (SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type_name FROM pg_attribute a JOIN pg_type t ON t.typrelid = a.attrelid
              WHERE t.oid = record_type AND a.attname ~ format('^kdb_column_%s_[0-9]+$', entity) AND NOT a.attisdropped) AS present
        FULL JOIN (SELECT kameleon.parts_field(entity, d.attnum, d.type_oid) AS name, kameleon.base_type_name(d.type_oid, d.type_modifier) AS type_name
                   FROM kameleon.kdb_field_definitions d JOIN pg_type t ON t.oid = d.type_oid AND t.typtype = 'd'
                   WHERE d.entity_id = entity AND NOT d.dropped) AS wanted USING (name)
        WHERE present.type_name IS DISTINCT FROM wanted.type_name AND coalesce(present.name, wanted.name) IS NOT NULL
    LOOP
        IF field.old_name IS NOT NULL THEN
            EXECUTE format('ALTER TYPE %s DROP ATTRIBUTE %I', record_type, field.old_name);
        END IF;
        IF field.new_name IS NOT NULL THEN
            EXECUTE format('ALTER TYPE %s ADD ATTRIBUTE %I %s', record_type, field.new_name, field.type_name);
        END IF;
    END LOOP;
END
$$;

-- Whether a domain, or one behind it, refuses any value of the type behind them.
CREATE OR REPLACE FUNCTION kameleon.has_checks(domain oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE behind AS (
        SELECT t.* FROM pg_type t WHERE t.oid = domain AND t.typtype = 'd'
        UNION ALL SELECT t.* FROM behind b JOIN pg_type t ON t.oid = b.typbasetype AND t.typtype = 'd')
    SELECT coalesce(bool_or(b.typnotnull OR EXISTS (SELECT FROM pg_constraint c WHERE c.contypid = b.oid)), false) FROM behind b
$$;

-- What the rewriter must know of a column to assign to parts of it: where in its values, by the steps that lead there (.field, []),
-- is jsonb, and where something of which no part can be made of nothing: a type of fixed length (a point), a domain that refuses values.
-- NULL where there is nothing to know.
DROP FUNCTION IF EXISTS kameleon.has_fixed_elements(oid);
CREATE OR REPLACE FUNCTION kameleon.column_parts(entity int, attnum int2, typ oid) RETURNS json
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    parts record;
BEGIN
    IF typ < 16384 AND typ <> 'jsonb'::regtype AND EXISTS (SELECT FROM pg_type t WHERE t.oid = typ AND t.typtype = 'b' AND t.typlen < 0) THEN
        RETURN NULL;  -- an array of something of PostgreSQL's own
    END IF;
    WITH RECURSIVE part AS (
        SELECT '{}'::text[] AS path, typ AS oid, kameleon.base_type(typ) AS base
        UNION ALL
        SELECT p.path || s.step, s.oid, kameleon.base_type(s.oid)
        FROM part p JOIN pg_type t ON t.oid = p.base
        CROSS JOIN LATERAL (
            SELECT ('.' || a.attname) COLLATE "default", a.atttypid FROM pg_attribute a WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
            UNION ALL SELECT '[]', t.typelem WHERE t.typelem <> 0 AND t.typsubscript = 'array_subscript_handler'::regproc) AS s (step, oid))
    SELECT kameleon.parts_field(entity, attnum, typ) AS field, json_agg(p.path) FILTER (WHERE p.base = 'jsonb'::regtype) AS json,
           json_agg(p.path) FILTER (WHERE (t.typelem <> 0 AND t.typsubscript <> 0 AND t.typlen > 0) OR (p.path <> '{}' AND kameleon.has_checks(p.oid))) AS whole
    INTO parts FROM part p JOIN pg_type t ON t.oid = p.base;
    RETURN CASE WHEN num_nonnulls(parts.field, parts.json, parts.whole) > 0
                THEN json_build_object('field', parts.field, 'json', coalesce(parts.json, '[]'), 'whole', coalesce(parts.whole, '[]')) END;
END
$$;

-- hstore, of the extension of that name: assigning to its element is adding a pair.
CREATE OR REPLACE FUNCTION kameleon.is_hstore(type oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_type t JOIN pg_depend d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
                   JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
                   WHERE t.oid = $1 AND t.typname = 'hstore' AND e.extname = 'hstore')
$$;

-- `old` with the part at `path` as it is in `new`.
CREATE OR REPLACE FUNCTION kameleon.assign_part(old anyelement, new anyelement, path text[]) RETURNS anyelement
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    rest text[] := path[2:];
    base oid := kameleon.base_type(pg_typeof(old));
    l int[];
    u int[];
BEGIN
    IF cardinality(path) = 0 THEN
        RETURN new;
    ELSIF path[1] LIKE '.%' THEN
        EXECUTE format('SELECT %s', (SELECT string_agg(format(CASE WHEN a.attname = substr(path[1], 2) THEN 'kameleon.assign_part(($1).%1$I, ($2).%1$I, $3)' ELSE '($1).%1$I' END, a.attname), ', ' ORDER BY a.attnum)
                                              FROM pg_attribute a JOIN pg_type t ON t.typrelid = a.attrelid WHERE t.oid = base AND a.attnum > 0 AND NOT a.attisdropped))
        INTO old USING old, new, rest;
        RETURN old;
    ELSIF path[1] LIKE '->%' THEN
        RETURN kameleon.assign_json(old, new, substr(path[1], 3)::int);
    ELSIF base = 'jsonb'::regtype THEN
        -- the rewriter took it for something else, which it has been a moment ago
        RAISE EXCEPTION USING ERRCODE = 'KDB02', MESSAGE = 'the type of a column has changed', HINT = 'Repeat the statement.';
    ELSIF new IS NOT NULL AND kameleon.is_hstore(base) THEN
        EXECUTE format('SELECT coalesce($1 OPERATOR(%s.||) $2, $2)', (SELECT t.typnamespace::regnamespace FROM pg_type t WHERE t.oid = base))
        INTO old USING old, new;
        RETURN old;
    ELSIF new IS NULL OR (SELECT t.typelem = 0 OR t.typlen <> -1 FROM pg_type t WHERE t.oid = base) THEN
        RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
            MESSAGE = format('assigning to an element of type %s is not supported on a table that is kept in shared storage', format_type(base, NULL)),
            HINT = 'Assign the whole column.';
    ELSIF array_ndims(new) IS NULL THEN
        RETURN coalesce(old, new);  -- a slice was set to NULL, which changes nothing
    ELSIF array_ndims(old) IS NULL AND cardinality(rest) = 0 THEN
        RETURN new;
    END IF;
    SELECT array_agg(array_lower(new, d) ORDER BY d), array_agg(array_upper(new, d) ORDER BY d) INTO l, u FROM generate_series(1, array_ndims(new)) AS d;
    IF cardinality(rest) > 0 THEN
        CASE cardinality(l)
            WHEN 1 THEN old[l[1]] := kameleon.assign_part(old[l[1]], new[l[1]], rest);
            WHEN 2 THEN old[l[1]][l[2]] := kameleon.assign_part(old[l[1]][l[2]], new[l[1]][l[2]], rest);
            WHEN 3 THEN old[l[1]][l[2]][l[3]] := kameleon.assign_part(old[l[1]][l[2]][l[3]], new[l[1]][l[2]][l[3]], rest);
            WHEN 4 THEN old[l[1]][l[2]][l[3]][l[4]] := kameleon.assign_part(old[l[1]][l[2]][l[3]][l[4]], new[l[1]][l[2]][l[3]][l[4]], rest);
            WHEN 5 THEN old[l[1]][l[2]][l[3]][l[4]][l[5]] := kameleon.assign_part(old[l[1]][l[2]][l[3]][l[4]][l[5]], new[l[1]][l[2]][l[3]][l[4]][l[5]], rest);
            ELSE old[l[1]][l[2]][l[3]][l[4]][l[5]][l[6]] := kameleon.assign_part(old[l[1]][l[2]][l[3]][l[4]][l[5]][l[6]], new[l[1]][l[2]][l[3]][l[4]][l[5]][l[6]], rest);
        END CASE;
    ELSIF path[1] LIKE '%:]' THEN
        CASE cardinality(l)
            WHEN 1 THEN old[l[1]:u[1]] := new;
            WHEN 2 THEN old[l[1]:u[1]][l[2]:u[2]] := new;
            WHEN 3 THEN old[l[1]:u[1]][l[2]:u[2]][l[3]:u[3]] := new;
            WHEN 4 THEN old[l[1]:u[1]][l[2]:u[2]][l[3]:u[3]][l[4]:u[4]] := new;
            WHEN 5 THEN old[l[1]:u[1]][l[2]:u[2]][l[3]:u[3]][l[4]:u[4]][l[5]:u[5]] := new;
            ELSE old[l[1]:u[1]][l[2]:u[2]][l[3]:u[3]][l[4]:u[4]][l[5]:u[5]][l[6]:u[6]] := new;
        END CASE;
    ELSE
        CASE cardinality(l)
            WHEN 1 THEN old[l[1]] := new[l[1]];
            WHEN 2 THEN old[l[1]][l[2]] := new[l[1]][l[2]];
            WHEN 3 THEN old[l[1]][l[2]][l[3]] := new[l[1]][l[2]][l[3]];
            WHEN 4 THEN old[l[1]][l[2]][l[3]][l[4]] := new[l[1]][l[2]][l[3]][l[4]];
            WHEN 5 THEN old[l[1]][l[2]][l[3]][l[4]][l[5]] := new[l[1]][l[2]][l[3]][l[4]][l[5]];
            ELSE old[l[1]][l[2]][l[3]][l[4]][l[5]][l[6]] := new[l[1]][l[2]][l[3]][l[4]][l[5]][l[6]];
        END CASE;
    END IF;
    RETURN old;
END
$$;

-- `new` is what an assignment of `depth` subscripts made of nothing. PostgreSQL itself makes text of a number that is a subscript; the
-- type of the first decides what there is to begin with. The assignment is one: what a subscript means, and the place that an error tells,
-- depend on those before it.
DO $do$
BEGIN
    EXECUTE format($function$
CREATE OR REPLACE FUNCTION kameleon.assign_json(old jsonb, new jsonb, depth int) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result jsonb := old;
    value jsonb := new;
    path text[] := '{}';
    step text;
BEGIN
    FOR i IN 1 .. depth LOOP
        step := (SELECT k FROM jsonb_object_keys(value) AS k);
        value := value -> step;
        path := path || substr(step, 2);
        IF i = 1 AND result IS NULL THEN
            result := CASE left(step, 1) WHEN 'i' THEN '[]' ELSE '{}' END;
        END IF;
    END LOOP;
    CASE depth
        %s
        ELSE
            RAISE EXCEPTION USING ERRCODE = 'feature_not_supported',
                MESSAGE = format('assigning to an element of jsonb by %%s subscripts is not supported on a table that is kept in shared storage', depth),
                HINT = 'Assign the whole column.';
    END CASE;
    RETURN result;
END
$$
$function$, (SELECT string_agg(format('WHEN %s THEN result%s := value;', n, (SELECT string_agg(format('[path[%s]]', i), '' ORDER BY i) FROM generate_series(1, n) AS i)), E'\n        ' ORDER BY n)
             FROM generate_series(1, 32) AS n));
END
$do$;

CREATE OR REPLACE FUNCTION kameleon.with_parts(keys text[], paths text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT keys || array_agg(DISTINCT (p.path::text[])[1]) FROM unnest(paths) AS p (path)
$$;

-- An entity's function that takes kdb_parts into kdb_rec. Returns what the row trigger does with them; NULL for an entity whose columns have no parts.
-- A domain's words name it as the client's search_path has it, so the trigger itself asks it.
DROP FUNCTION IF EXISTS kameleon.build_parts(int);
CREATE FUNCTION kameleon.build_parts(entity int) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    branches text;
    wholes text;
BEGIN
    SELECT string_agg(format('WHEN %1$L THEN rec.%2$I := kameleon.assign_part((CASE WHEN path[1] = ANY (seen) THEN rec.%2$I WHEN NOT is_insert THEN %3$s END)::%4$s, (parts[i]).%2$I, path[2:]); ',
                             d.field_name, coalesce(p.field, d.field_name),
                             kameleon.read_expression('data', d.field_key, d.type_oid, d.type_modifier, d.collation_oid, d.missing_value), format_type(t.oid, -1)), '' ORDER BY d.attnum),
           string_agg(CASE WHEN p.field IS NOT NULL
                           THEN format('IF %1$L OPERATOR(pg_catalog.=) ANY (kameleon.with_parts(''{}'', NEW.kdb_paths)) THEN NEW.kdb_rec.%1$I := (NEW.kdb_rec).%2$I; END IF; ',
                                       d.field_name, p.field) END, '' ORDER BY d.attnum)
    INTO branches, wholes
    FROM kameleon.kdb_field_definitions d JOIN pg_type t ON t.oid = kameleon.base_type(d.type_oid)
    CROSS JOIN LATERAL (SELECT CASE WHEN d.type_oid <> t.oid THEN kameleon.parts_field(d.entity_id, d.attnum, d.type_oid) END) AS p (field)
    WHERE d.entity_id = entity AND NOT d.dropped AND (t.typtype = 'c' OR t.typsubscript <> 0);
    IF branches IS NULL THEN
        RETURN NULL;
    END IF;
    EXECUTE format('CREATE FUNCTION kameleon.%I(rec kameleon.%I, data jsonb, parts kameleon.%I[], paths text[], is_insert boolean) RETURNS kameleon.%I'
                   ' LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS %L',
                   'kdb_parts_' || entity, 'kdb_rec_' || entity, 'kdb_rec_' || entity, 'kdb_rec_' || entity,
                   format('DECLARE path text[]; seen text[] := ''{}''; BEGIN FOR i IN 1 .. cardinality(paths) LOOP path := paths[i]::text[];'
                          ' CASE path[1] %s END CASE; seen := seen || path[1]; END LOOP; RETURN rec; END', branches));
    RETURN format('IF NEW.kdb_paths IS NOT NULL THEN NEW.kdb_rec := kameleon.%I(NEW.kdb_rec, NEW.data, NEW.kdb_parts, NEW.kdb_paths, TG_OP OPERATOR(pg_catalog.=) ''INSERT'');'
                  ' %s NEW.kdb_keys := kameleon.with_parts(NEW.kdb_keys, NEW.kdb_paths); NEW.kdb_parts := NULL; NEW.kdb_paths := NULL; END IF;', 'kdb_parts_' || entity, wholes);
END
$$;
