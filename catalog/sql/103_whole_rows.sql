-- Whole rows in queries over relations' stand-ins, and in new tables. Re-created on every install.

-- A query as query_over has printed it, with all names in quotation marks: what it calls `stand_in`, of another row type and
-- maybe with further columns behind those of `relation`, stands in whole rows for a row of `relation`:
-- "x".* -> ROW("x"."a", "x"."b")::public.orders
CREATE OR REPLACE FUNCTION kameleon.spell_out_rows(query text, relation oid, stand_in name) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET quote_all_identifiers = on AS $$
DECLARE
    quoted constant text := '"(?:[^"]|"")*"';
    named constant text := format('"%s"(?!\.)(?: (%s)(?:\(((?:%s(?:, )?)+)\))?)?', stand_in, quoted, quoted);
    -- strings, names and what is between them
    pieces text[] := ARRAY(SELECT p.piece[1] FROM regexp_matches(query, format('(''[^'']*''|%s|[^''"]+)', quoted), 'g') WITH ORDINALITY AS p (piece, position)
                           ORDER BY p.position);
    row_type text := (SELECT format_type(c.reltype, NULL) FROM pg_class c WHERE c.oid = relation);
    item text[];
    item_name text;
    -- what the outermost FROM begins with always has a row; others may not, in an outer join
    first_name text := (SELECT coalesce(f.found[1], quote_ident(stand_in)) FROM regexp_matches(query, '\n   FROM (?:ONLY )?(?:\w+\.|"\w+"\.)?' || named) AS f (found));
    columns text;
BEGIN
    FOR item IN SELECT regexp_matches(query, named, 'g') LOOP
        item_name := coalesce(item[1], format('"%s"', stand_in));
        SELECT string_agg(item_name || '.' || c.name, ', ' ORDER BY c.position) INTO columns
        FROM (SELECT n.name[1], n.position FROM regexp_matches(item[2], format('(%s)', quoted), 'g') WITH ORDINALITY AS n (name, position)
              UNION ALL
              SELECT quote_ident(a.attname), a.attnum FROM pg_attribute a
              WHERE item[2] IS NULL AND a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped) AS c;
        columns := format(CASE WHEN item_name = first_name THEN 'ROW(%s)::%s' ELSE 'CASE WHEN %3$s.* IS DISTINCT FROM NULL THEN ROW(%1$s)::%2$s END' END,
                          columns, row_type, item_name);
        FOR i IN 2 .. cardinality(pieces) LOOP
            IF pieces[i - 1] = item_name AND pieces[i] LIKE '.*%' THEN
                pieces[i - 1] := format('(%s)', columns);
                pieces[i] := substr(pieces[i], 3);
            END IF;
        END LOOP;
    END LOOP;
    RETURN array_to_string(pieces, '');
END
$$;

-- The relation whose rows a row type of ours stands for: itself where it is not ours.
CREATE OR REPLACE FUNCTION kameleon.shown_relation(relation oid) RETURNS oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    number int := (SELECT substring(c.relname FROM '^kdb_(?:read|write|insert|records)_(\d+)(?:_\d+)?$') FROM pg_class c
                   WHERE c.oid = relation AND c.relnamespace IN ('kameleon'::regnamespace, pg_my_temp_schema()));
BEGIN
    RETURN coalesce((SELECT e.relid FROM kameleon.kdb_entity_definitions e WHERE e.entity_id = number
                     UNION ALL SELECT d.relid FROM kameleon.kdb_view_definitions d WHERE d.view_id = number), relation);
END
$$;

-- What the proxy asks instead of pg_typeof(), and of its answer.
CREATE OR REPLACE FUNCTION kameleon.pg_typeof(type regtype) RETURNS regtype
LANGUAGE plpgsql STABLE PARALLEL SAFE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN coalesce((
        SELECT CASE t.typcategory WHEN 'A' THEN (SELECT own.typarray FROM pg_type own WHERE own.oid = s.reltype) ELSE s.reltype END
        FROM pg_type t
        JOIN pg_type r ON r.oid = CASE t.typcategory WHEN 'A' THEN t.typelem ELSE t.oid END AND r.typtype = 'c'
        JOIN pg_class s ON s.oid = kameleon.shown_relation(r.typrelid) AND s.oid <> r.typrelid
        WHERE t.oid = type), type);
END
$$;

-- A table that a query has made: where the query gave whole rows they are rows of what the client has, not of what it was read by.
CREATE OR REPLACE FUNCTION kameleon.show_row_types(relation regclass) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
SET "DateStyle" = 'ISO, YMD' SET "IntervalStyle" = 'postgres' SET extra_float_digits = 1 SET bytea_output = 'hex' AS $$
DECLARE
    steps text := (
        SELECT string_agg(format('ALTER COLUMN %1$I TYPE %2$s%3$s USING %1$I::text::%2$s%3$s', a.attname, format_type(s.reltype, NULL), CASE WHEN t.typelem <> 0 THEN '[]' ELSE '' END), ', ')
        FROM pg_attribute a
        JOIN pg_type t ON t.oid = a.atttypid
        JOIN pg_type r ON r.oid = CASE t.typcategory WHEN 'A' THEN t.typelem ELSE t.oid END AND r.typtype = 'c'
        JOIN pg_class s ON s.oid = kameleon.shown_relation(r.typrelid) AND s.oid <> r.typrelid
        WHERE a.attrelid = relation AND a.attnum > 0 AND NOT a.attisdropped);
BEGIN
    IF steps IS NOT NULL THEN
        EXECUTE format('ALTER TABLE %s %s', relation, steps);
    END IF;
END
$$;
