-- What PostgreSQL has learnt of late, and what is seldom used, over tables.

create table t (id int primary key, name text collate "C", n numeric(8, 2), at timestamptz, tags text[], j jsonb, x text, r int4range, u uuid, b bytea, e interval);
insert into t values
  (1, 'one', 1.5, '2024-01-01 10:00+00', '{a,b}', '{"a": [1, 2, {"k": "v"}], "b": null}', '<r><i n="1">x</i><i n="2">y</i></r>', '[1,5)', '00000000-0000-0000-0000-000000000001', '\x01ff', '1 day'),
  (2, 'two', -2, '2024-02-01 10:00+00', '{b,c}', '{"a": [], "b": "text"}', '<r/>', '[3,9)', null, '\x', '2 hours'),
  (3, 'three', null, null, null, '[1, "two", null]', null, 'empty', null, null, null),
  (4, 'two', 7, '2024-02-01 11:00+00', '{}', null, null, null, null, null, '-1 mon');

-- JSON
select id, json_value(j, '$.b'), json_query(j, '$.a' with wrapper), json_exists(j, '$.a[*] ? (@ > 1)') from t order by id;
select t.id, jt.* from t, json_table(j, '$.a[*]' columns (place for ordinality, v int path '$' default -1 on error, k text path '$.k', has boolean exists path '$.k')) as jt order by 1, 2;
select id, j is json object as o, j is json array as a, name is json as n from t order by id;
select json_object('id': id, 'name': name absent on null), json_array(id, n null on null) from t order by id;
select json_objectagg(name: id order by id), json_arrayagg(n order by id null on null) from t where id < 4;
select json_serialize(j::text), json_scalar(n) from t order by id;
select jsonb_path_query_array(j, '$.a[*]'), j @@ '$.b == "text"', j @? '$.a[*]', j -> 'a' -> -1, j #>> '{a,2,k}' from t order by id;
select id, key, value from t, jsonb_each(j) where jsonb_typeof(j) = 'object' order by 1, 2;
select j['a'][0], j['b'], (j['a'])[2]['k'] from t order by id;

-- XML, where the server has it
select t.id, q.* from t, xmltable('/r/i' passing x::xml columns n int path '@n', v text path '.', o for ordinality) as q order by 1, 2;
select id, xpath('/r/i/@n', x::xml), xmlelement(name e, xmlattributes(id as i), name) from t order by id;
select xmlagg(xmlforest(id, name) order by id) from t;

-- Windows and aggregates
select id, n, sum(n) over w, count(*) over (order by n groups between 1 preceding and current row exclude current row), first_value(id) over (w rows between unbounded preceding and unbounded following exclude ties) from t window w as (partition by name order by id) order by id;
select id, nth_value(name, 2) over (order by id range between 1 preceding and 1 following), lag(name, 1, 'none') over (order by id), ntile(2) over (order by id desc), cume_dist() over (order by name) from t order by id;
select sum(n) over (order by at range between '40 days' preceding and current row) from t order by id;
select name, count(*), any_value(id) is not null, array_agg(id order by id desc) filter (where n > 0), string_agg(distinct name, ',') from t group by name order by name;
select percentile_cont(0.5) within group (order by n), mode() within group (order by name), rank(1.5) within group (order by n) from t;
select name, n > 0 as positive, count(*), grouping(name, n > 0) from t group by grouping sets ((name), (n > 0), ()) order by 1, 2, 3;
select range_agg(r), range_intersect_agg(r) from t where not isempty(r);
select bit_or(id), bool_and(id > 0), every(n is not null), corr(id, n), regr_slope(n, id), variance(n), stddev_pop(id) from t;
select distinct on (name) name, id from t order by name, id desc;
select id from t order by n nulls first fetch first 2 rows with ties;
select id from t order by name fetch first 2 rows with ties;
select * from (select id, name from t order by id offset 1 row fetch next 2 rows only) q order by 1;
select group_id, count(*) from t, lateral (select id / 2) as g (group_id) group by all_of.x order by 1;

-- Where names, types and rows are unusual
select t.*, t from t where id = 3;
select (t).name, (t.*)::text is not null, row(t.*) is null, t is distinct from null from t order by id;
select t.name.x from t;
select name(t), upper(t.name) from t order by id;
select to_jsonb(t) - 'x' - 'b', row_to_json(t) is not null from t where id = 1;
select jsonb_populate_record(null::t, to_jsonb(t)) = t as same from t where x is null order by id;
select id, q.a from t left join lateral unnest(tags) with ordinality as q (a, o) on true order by 1, o;
select * from rows from (unnest(array[1, 2]), jsonb_array_elements('[1]')) with ordinality as f (a, b, o), t where t.id = f.a order by t.id;
select id from t where (id, name) in (select id, name from t where n > 0) and (id, name) > (0, '') order by id;
select id from t where id = any (select unnest('{1,2}'::int[])) and name <> all ('{x,y}') and exists (table t) order by id;
select case when n is null then 'none' when n > 0 then '+' else '-' end, coalesce(n, 0), nullif(name, 'two'), greatest(id, n) from t order by id;
select extract(epoch from at), date_trunc('month', at at time zone 'UTC'), at - interval '1 day', age(at, '2020-01-01'), e * 2, (at, e) overlaps ('2024-01-01'::timestamptz, interval '1 day') from t order by id;
select name collate "C" < 'p', name ~* '^t', name similar to '(o|t)%', name like any (array['o%', 'th%']), substring(name from 1 for 2), position('e' in name), overlay(name placing 'X' from 1 for 1), trim(both 't' from name) from t order by id;
select b || '\x00', encode(b, 'hex'), get_byte(b, 0), u, r * '[2,4)', r @> 3, lower(r), tags || 'z', tags[1:1], array_position(tags, 'b'), 'a' = any (tags) from t where id < 3 order by id;
with recursive c (id, path) as (select id, array[id] from t where id = 1 union all select t.id, path || t.id from t join c on t.id = c.id + 1) search depth first by id set o cycle id set looped using way select id, path, looped from c order by o;
with w as materialized (select * from t), v as not materialized (select id from w) select count(*) from v join w using (id);
values (1, 'a'), (2, (select name from t where id = 2)) order by 1;
select id from t except select 2 intersect all select id from t union select 9 order by 1;
select * from t a full join t b on a.id = b.id + 1 and a.name = b.name where coalesce(a.id, b.id) > 0 order by a.id, b.id;
select a.id, b.id from t a cross join t b where a.id < b.id order by 1, 2;
select * from (t join (values (1, 'v')) as v (id, w) using (id)) as j1 order by 1;
select j1.id, w from t join (values (1, 'v')) as v (id, w) using (id) as j1 order by 1;

-- A client's own aggregate, operator and cast
create function public.cat(text, t) returns text language sql immutable as $$ select coalesce($1 || ',', '') || ($2).name $$;
create aggregate cats (t) (sfunc = cat, stype = text);
select cats(t order by id) from t;
create aggregate total (numeric) (sfunc = numeric_add, stype = numeric, initcond = '0');
select total(n) from t;
select total(n) over (order by id) from t order by id;
create function longer(t) returns boolean language sql stable as $$ select length(($1).name) > 3 $$;
select id, t.longer from t where t.longer order by id;
