-- How a value of each type is kept in a document and read back. Re-created on every install.
--
-- Documents must not depend on what a session can set (DateStyle, IntervalStyle, extra_float_digits, bytea_output,
-- TimeZone, lc_monetary, search_path), and the expressions that read them must be immutable to be indexable.
-- PostgreSQL marks many input functions stable because of 'today' or DateStyle; what is stored here is free of both,
-- so an immutable alias of the same input function is truthful.

-- Base type of a domain over a domain over ...; the type itself otherwise.
CREATE OR REPLACE FUNCTION kameleon.base_type(typ oid) RETURNS oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    base oid := typ;
    chain record;
BEGIN
    LOOP
        SELECT t.typtype, t.typbasetype INTO chain FROM pg_type t WHERE t.oid = base;
        IF NOT FOUND OR chain.typtype <> 'd' THEN
            RETURN CASE WHEN FOUND THEN base END;
        END IF;
        base := chain.typbasetype;
    END LOOP;
END
$$;

-- What limits the type behind a domain: varchar(5)'s 5, as PostgreSQL keeps it.
CREATE OR REPLACE FUNCTION kameleon.base_modifier(domain oid) RETURNS int
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH RECURSIVE behind AS (
        SELECT t.typbasetype, t.typtypmod FROM pg_type t WHERE t.oid = domain AND t.typtype = 'd'
        UNION ALL SELECT t.typbasetype, t.typtypmod FROM behind b JOIN pg_type t ON t.oid = b.typbasetype AND t.typtype = 'd')
    SELECT b.typtypmod FROM behind b WHERE NOT EXISTS (SELECT FROM pg_type t WHERE t.oid = b.typbasetype AND t.typtype = 'd')
$$;

-- A type, and all types that its values are made of.
CREATE OR REPLACE FUNCTION kameleon.types_within(typ oid) RETURNS SETOF oid
LANGUAGE plpgsql STABLE ROWS 2 SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN QUERY WITH RECURSIVE part AS (
        SELECT typ AS oid
        UNION
        SELECT inner_type.oid
        FROM part
        JOIN pg_type t ON t.oid = part.oid
        CROSS JOIN LATERAL (
            SELECT t.typbasetype WHERE t.typtype = 'd'
            UNION ALL SELECT t.typelem WHERE t.typelem <> 0
            UNION ALL SELECT a.atttypid FROM pg_attribute a
                      WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
            UNION ALL SELECT r.rngsubtype FROM pg_range r WHERE r.rngtypid = t.oid OR r.rngmultitypid = t.oid
        ) AS inner_type (oid)
    )
    SELECT part.oid FROM part;
END
$$;

-- Whether the text form of a type, or of anything inside it, depends on the session.
CREATE OR REPLACE FUNCTION kameleon.depends_on_session(typ oid) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    type_oids oid[] := CASE WHEN EXISTS (SELECT FROM pg_type t WHERE t.oid = typ AND t.typtype = 'b' AND t.typelem = 0)
                            THEN ARRAY[typ] ELSE ARRAY(SELECT kameleon.types_within(typ)) END;
BEGIN
    RETURN (SELECT bool_or(t.typname IN ('float4', 'float8', 'interval', 'bytea', 'money', 'date', 'timestamp', 'timestamptz', 'xml', 'path', 'polygon', 'circle', 'cube')
                   OR (t.typname LIKE 'reg%' AND t.typnamespace = 'pg_catalog'::regnamespace AND t.typcategory = 'N'))
            FROM pg_type t WHERE t.oid = ANY (type_oids));
END
$$;

-- Whether a value of a type can be had back from its text. Types in C of which it is not known are taken for those that round what
-- they print (PostGIS's box2d, tdigest, unit).
CREATE OR REPLACE FUNCTION kameleon.text_is_exact(typ oid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.typtype <> 'b' OR l.lanname <> 'c' OR t.typname = ANY ('{citext,cube,debversion,ean13,geography,geometry,halfvec,hll,hll_hashval,hstore,ip4,ip4r,ip6,ip6r,ipaddress,'
                                                'iprange,isbn,isbn13,ismn,ismn13,issn,issn13,jsquery,lquery,ltree,ltxtquery,mpq,mpz,numeral,nvarchar2,prefix_range,'
                                                'query_int,raster,rational,roman,seg,semver,sparsevec,upc,varchar2,vector,zahl}')
    FROM pg_type t JOIN pg_proc p ON p.oid = t.typoutput JOIN pg_language l ON l.oid = p.prolang WHERE t.oid = typ
$$;

-- The labels of the enums and the attributes of the composites in a type, by their OIDs; NULL where there are none.
CREATE OR REPLACE FUNCTION kameleon.type_signature(typ oid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM pg_type t WHERE t.oid = typ AND t.typtype = 'b' AND t.typelem = 0) THEN
        RETURN NULL;
    END IF;
    RETURN (SELECT jsonb_object_agg(t.oid, CASE t.typtype
        WHEN 'e' THEN jsonb_build_object('labels', (SELECT coalesce(jsonb_object_agg(e.oid, e.enumlabel), '{}') FROM pg_enum e WHERE e.enumtypid = t.oid))
        ELSE jsonb_build_object('attributes', (SELECT coalesce(jsonb_object_agg(a.attnum, jsonb_build_array(a.attname, a.atttypid::bigint)), '{}') FROM pg_attribute a
                                               WHERE a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped)) END)::text
    FROM kameleon.types_within(typ) AS w (oid) JOIN pg_type t USING (oid)
    WHERE t.typtype IN ('e', 'c'));
END
$$;

CREATE OR REPLACE FUNCTION kameleon.canonical_text(value anyelement) RETURNS text
LANGUAGE plpgsql STABLE STRICT PARALLEL SAFE
SET "DateStyle" = 'ISO, YMD' SET "IntervalStyle" = 'postgres' SET extra_float_digits = 1 SET bytea_output = 'hex'
SET "TimeZone" = 'UTC' SET lc_monetary = 'C' SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN value::text;
END
$$;

CREATE OR REPLACE FUNCTION kameleon.interval_text(value interval) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN current_setting('IntervalStyle') = 'postgres' THEN value::text ELSE kameleon.canonical_text(value) END;

-- JSON numbers know no negative zero, NaN or infinity: those are kept as strings.
CREATE OR REPLACE FUNCTION kameleon.float_json(value float8) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN value = 0 THEN CASE value::text WHEN '-0' THEN '"-0"'::jsonb ELSE '0'::jsonb END
                WHEN current_setting('extra_float_digits')::int > 0 THEN to_jsonb(value)
                ELSE to_jsonb(kameleon.canonical_text(value)::numeric) END;
CREATE OR REPLACE FUNCTION kameleon.float_json(value float4) RETURNS jsonb
LANGUAGE sql STABLE PARALLEL SAFE
RETURN CASE WHEN value = 0 THEN CASE value::text WHEN '-0' THEN '"-0"'::jsonb ELSE '0'::jsonb END
                WHEN current_setting('extra_float_digits')::int > 0 THEN to_jsonb(value)
                ELSE to_jsonb(kameleon.canonical_text(value)::numeric) END;

CREATE OR REPLACE FUNCTION kameleon.money_in(value text) RETURNS money
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET lc_monetary = 'C'
RETURN value::money;

-- {} for SQL NULL; keeps a JSON null, which jsonb_strip_nulls would take away.
CREATE OR REPLACE FUNCTION kameleon.json_field(key text, value jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN CASE WHEN value IS NULL THEN '{}'::jsonb ELSE jsonb_build_object(key, value) END;

-- Makes sure that an immutable alias of the type's input function exists and returns its quoted name.
-- The alias takes (cstring, oid, integer) as input functions do; its type may be dropped without naming it.
CREATE OR REPLACE FUNCTION kameleon.input_alias(typ oid) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    alias_name text := 'kdb_input_' || typ;
    input record;
BEGIN
    IF to_regprocedure(format('kameleon.%I(cstring, oid, integer)', alias_name)) IS NULL THEN
        SELECT l.lanname, p.prosrc, p.probin INTO STRICT input
        FROM pg_type t JOIN pg_proc p ON p.oid = t.typinput JOIN pg_language l ON l.oid = p.prolang
        WHERE t.oid = kameleon.base_type(typ);
        EXECUTE format('CREATE FUNCTION kameleon.%I(cstring, oid, integer) RETURNS %s LANGUAGE %s IMMUTABLE STRICT PARALLEL SAFE AS %s',
                       alias_name, format_type(typ, NULL), input.lanname,
                       CASE WHEN input.lanname = 'c' THEN format('%L, ', input.probin) ELSE '' END || quote_literal(input.prosrc));
        PERFORM kameleon.depend_silently('pg_proc'::regclass,
                                         to_regprocedure(format('kameleon.%I(cstring, oid, integer)', alias_name)));
    END IF;
    RETURN 'kameleon.' || alias_name;
END
$$;

-- An object of ours must neither block a DROP of what it depends on nor be named by its error: normal dependencies
-- become automatic ones. Those of views and of the carrier's type on types and functions go: automatic ones would still
-- be reported, and these are rebuilt by the event trigger in the same transaction. A dependency on a table's row type becomes one
-- on the table: ALTER TABLE that rewrites refuses, from PostgreSQL 15.20 on, where an expression uses the row type.
CREATE OR REPLACE FUNCTION kameleon.depend_silently(class_oids oid[], object_oids oid[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off AS $$
BEGIN
    DELETE FROM pg_depend d USING unnest(class_oids, object_oids) AS o (classid, objid)
    WHERE d.classid = o.classid AND d.objid = o.objid AND d.deptype = 'n' AND d.refclassid <> 'pg_class'::regclass
      AND (d.classid = 'pg_rewrite'::regclass
           OR (d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_type'::regclass
               AND EXISTS (SELECT FROM pg_class c WHERE c.oid = o.objid AND c.relkind IN ('v', 'c'))));
    UPDATE pg_depend d SET deptype = 'a' FROM unnest(class_oids, object_oids) AS o (classid, objid)
    WHERE d.classid = o.classid AND d.objid = o.objid AND d.deptype = 'n';
    UPDATE pg_depend d SET refclassid = 'pg_class'::regclass, refobjid = c.oid
    FROM unnest(class_oids, object_oids) AS o (classid, objid), pg_type t, pg_class c
    WHERE d.classid = o.classid AND d.objid = o.objid AND d.refclassid = 'pg_type'::regclass AND t.oid = d.refobjid
      AND c.oid = t.typrelid AND c.relkind <> 'c';
END
$$;

CREATE OR REPLACE FUNCTION kameleon.depend_silently(class_oid oid, object_oid oid) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM kameleon.depend_silently(ARRAY[class_oid], ARRAY[object_oid]);
END
$$;

-- The expression that reads a field. `document` is SQL for the jsonb document.
CREATE OR REPLACE FUNCTION kameleon.read_expression(document text, field_key text, typ oid, typmod int, coll oid, missing text)
RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    base record;
    element text := format('(%s ->> %L)', document, field_key);
    target text := format_type(typ, typmod);
    expression text;
BEGIN
    SELECT t.oid, t.typname, t.typtype, t.typelem, t.typnamespace, t.typcategory, t.typcollation, p.provolatile INTO STRICT base
    FROM pg_type t JOIN pg_proc p ON p.oid = t.typinput
    WHERE t.oid = typ;
    IF base.typtype = 'd' THEN
        SELECT t.oid, t.typname, t.typtype, t.typelem, t.typnamespace, t.typcategory, t.typcollation, p.provolatile INTO STRICT base
        FROM pg_type t JOIN pg_proc p ON p.oid = t.typinput
        WHERE t.oid = kameleon.base_type(typ);
    END IF;
    IF base.typnamespace = 'pg_catalog'::regnamespace AND base.typname = 'jsonb' THEN
        expression := format('(%s -> %L)', document, field_key);
    ELSIF base.typnamespace = 'pg_catalog'::regnamespace AND base.typname = 'timestamptz' THEN
        expression := format('timezone(''0''::interval, %s(textout(%s), 1114, -1))', kameleon.input_alias(1114), element);
    ELSIF base.typnamespace = 'pg_catalog'::regnamespace AND base.typname = 'money' THEN
        expression := format('kameleon.money_in(%s)', element);
    ELSIF base.typnamespace = 'pg_catalog'::regnamespace AND base.typname LIKE 'reg%' AND base.typcategory = 'N' THEN
        expression := format('(%s)::oid::%s', element, format_type(base.oid, NULL));
    -- of a cast that is nothing but another name for text, as citext's, nothing is left beside COLLATE
    ELSIF typ <> base.oid OR base.provolatile <> 'i' OR base.typname IN ('char', 'xml')
          OR (base.typcollation <> 0 AND base.typnamespace <> 'pg_catalog'::regnamespace) THEN
        expression := format('%s(textout(%s), %s, -1)', kameleon.input_alias(typ), element,
                             coalesce(nullif(base.typelem, 0), base.oid));
    ELSE
        expression := format('%s::%s', element, target);
        typmod := -1;
    END IF;
    IF typ <> base.oid AND (base.typname IN ('jsonb', 'timestamptz', 'money') OR expression LIKE '%::oid::%') THEN
        -- not a plain input function: the domain's own cast is the only way to its type
        expression := format('%s::%s', expression, target);
    ELSIF typmod >= 0 THEN
        expression := format('%s::%s', expression, target);
    END IF;
    IF base.typnamespace = 'pg_catalog'::regnamespace AND base.typname = 'tsquery' THEN
        -- PostgreSQL remarks on the text of an empty one; this is a constant
        expression := format('CASE %s WHEN '''' THEN ''''::tsquery::%s ELSE %s END', element, target, expression);
    END IF;
    IF missing IS NOT NULL THEN
        expression := format('CASE WHEN %s ? %L THEN %s ELSE %s END', document, field_key, expression, missing);
    END IF;
    -- the cast of text to name takes its collation from the text, not from the type
    IF coll <> 0 AND (coll <> (SELECT t.typcollation FROM pg_type t WHERE t.oid = typ) OR base.oid = 'name'::regtype) THEN
        expression := format('(%s) COLLATE %s', expression, (SELECT format('%I.%I', n.nspname, c.collname)
            FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace WHERE c.oid = coll));
    END IF;
    RETURN expression;
END
$$;

-- The expression, an argument for jsonb_build_object, that stores `value` (SQL of type typ, evaluated once).
CREATE OR REPLACE FUNCTION kameleon.write_expression(value text, typ oid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    base pg_type;
BEGIN
    SELECT t.* INTO STRICT base FROM pg_type t WHERE t.oid = typ;
    IF base.typtype = 'd' THEN
        SELECT t.* INTO STRICT base FROM pg_type t WHERE t.oid = kameleon.base_type(typ);
    END IF;
    IF base.typnamespace = 'pg_catalog'::regnamespace THEN
        CASE
            WHEN base.typname IN ('float4', 'float8') THEN RETURN format('kameleon.float_json(%s::%s)', value, base.typname);
            WHEN base.typname = 'timestamptz' THEN RETURN format('timezone(''0''::interval, %s::timestamptz)', value);
            WHEN base.typname = 'json' THEN RETURN format('%s::json::text', value);
            WHEN base.typname = 'bytea' THEN RETURN format('(''\x'' || encode(%s::bytea, ''hex''))', value);
            WHEN base.typname = 'interval' THEN RETURN format('kameleon.interval_text(%s::interval)', value);
            WHEN base.typname = 'money' THEN RETURN format('kameleon.canonical_text(%s::money)', value);
            WHEN base.typname LIKE 'reg%' AND base.typcategory = 'N' THEN RETURN format('%s::oid', value);
            WHEN base.typname IN ('date', 'timestamp', 'jsonb') THEN RETURN value;
            ELSE NULL;
        END CASE;
    END IF;
    IF kameleon.depends_on_session(base.oid) THEN
        RETURN format('kameleon.canonical_text(%s)', value);
    ELSIF base.typcategory = 'A' OR base.typtype IN ('c', 'e')
          OR EXISTS (SELECT FROM pg_cast WHERE castsource = base.oid AND casttarget = 'json'::regtype) THEN
        RETURN format('%s::text', value);
    END IF;
    RETURN value;
END
$$;
