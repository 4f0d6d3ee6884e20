-- Assignments to parts of a column: SET a[1] = 5, c.f = 'x', j['k'] = '1'. Re-created on every install.
--
-- The write view's kdb_parts takes each as an assignment to that part of an element of its own, kdb_parts[1].a[1] = 5,
-- where there is nothing yet: PostgreSQL has made the value the part's by the time it stands there. kdb_paths says which
-- part it is, one array a path: {a,[1]} an element by one subscript, {a,[2:]} a slice by two, {c,.f} a field, {cs,[1],.f} a field of
-- an element.
-- When the row is written, what stands there is assigned to the value that the row has at that moment.

-- hstore, of the extension of that name: assigning to its element is adding a pair.
CREATE OR REPLACE FUNCTION kameleon.is_hstore(type oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT EXISTS (SELECT FROM pg_type t JOIN pg_depend d ON d.classid = 'pg_type'::regclass AND d.objid = t.oid AND d.deptype = 'e'
                   JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass
                   WHERE t.oid = $1 AND t.typname = 'hstore' AND e.extname = 'hstore')
$$;

-- Whether values of a type, or what is within them, have a fixed number of elements, as points have: nothing is assigned to those of
-- a value that is not there.
CREATE OR REPLACE FUNCTION kameleon.has_fixed_elements(type oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT CASE WHEN t.typtype = 'c' THEN EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped AND kameleon.has_fixed_elements(a.atttypid))
                        WHEN t.typelem = 0 OR t.typsubscript = 0 THEN false
                        WHEN t.typlen > 0 THEN true
                        ELSE EXISTS (SELECT FROM pg_type e WHERE e.oid = t.typelem AND e.typtype IN ('c', 'd') AND kameleon.has_fixed_elements(e.oid))
                   END
            FROM pg_type t WHERE t.oid = kameleon.base_type(has_fixed_elements.type));
END
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
    ELSIF base = 'jsonb'::regtype THEN
        RETURN kameleon.assign_json(old, new, substring(path[1] FROM '[0-9]+')::int);
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
    ELSIF array_ndims(old) IS NULL THEN
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

-- `new` is what an assignment of `depth` subscripts made of nothing: objects and arrays with one value that is not null.
CREATE OR REPLACE FUNCTION kameleon.assign_json(old jsonb, new jsonb, depth int) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    result jsonb := old;
    key text;
    position int;
BEGIN
    IF depth = 0 THEN
        RETURN new;
    ELSIF jsonb_typeof(new) = 'array' THEN
        position := jsonb_array_length(new) - 1;
        result[position] := kameleon.assign_json(result[position], new[position], depth - 1);
    ELSE
        key := (SELECT k FROM jsonb_object_keys(new) AS k);
        result[key] := kameleon.assign_json(result[key], new[key], depth - 1);
    END IF;
    RETURN result;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.with_parts(keys text[], paths text[]) RETURNS text[]
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT keys || array_agg(DISTINCT (p.path::text[])[1]) FROM unnest(paths) AS p (path)
$$;

-- An entity's function that takes kdb_parts into kdb_rec. None for an entity whose columns have no parts.
CREATE OR REPLACE FUNCTION kameleon.build_parts(entity int) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    branches text;
BEGIN
    SELECT string_agg(format('WHEN %1$L THEN rec.%1$I := kameleon.assign_part((CASE WHEN path[1] = ANY (seen) THEN rec.%1$I WHEN NOT is_insert THEN %2$s END)::%3$s, (parts[i]).%1$I, path[2:]); ',
                             d.field_name, kameleon.read_expression('data', d.field_key, d.type_oid, d.type_modifier, d.collation_oid, d.missing_value), format_type(d.type_oid, -1)), '' ORDER BY d.attnum)
    INTO branches
    FROM kameleon.kdb_field_definitions d JOIN pg_type t ON t.oid = kameleon.base_type(d.type_oid)
    WHERE d.entity_id = entity AND NOT d.dropped AND (t.typtype = 'c' OR t.typsubscript <> 0);
    IF branches IS NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE FUNCTION kameleon.%I(rec kameleon.%I, data jsonb, parts kameleon.%I[], paths text[], is_insert boolean) RETURNS kameleon.%I'
                   ' LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS %L',
                   'kdb_parts_' || entity, 'kdb_rec_' || entity, 'kdb_rec_' || entity, 'kdb_rec_' || entity,
                   format('DECLARE path text[]; seen text[] := ''{}''; BEGIN FOR i IN 1 .. cardinality(paths) LOOP path := paths[i]::text[];'
                          ' CASE path[1] %s END CASE; seen := seen || path[1]; END LOOP; RETURN rec; END', branches));
    RETURN true;
END
$$;
