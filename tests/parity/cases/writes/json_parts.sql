-- Assignments to elements of jsonb: what a subscript means depends on the value that the row has

create domain doc as jsonb check (value ? 'name');
create domain positive as int check (value > 0);
create type item as (label text, j jsonb, d doc);
create type container as (inner_item item, items item[]);
create type place as (street varchar(8), number int);
create domain known as place check (value is null or (value).street is not null and (value).number <> 0);
create domain pair as int[] not null default '{1,2}' check (cardinality(value) > 1);
create domain codes as varchar(4)[];
create table t (id int primary key, j jsonb, d doc, c item, cs item[], b container, js jsonb[], k known, w pair, dd codes);
insert into t (id, j, d, c, cs, b, js) values
  (1, '[1, 2, 3]', '{"name": "x", "list": [1, 2]}', '(l,"[1,2]","{""name"": 1}")', '{"(l,\"[1,2]\",)"}', '("(m,""{}"",)",)', '{"[1]","{}"}'),
  (2, '{"a": [1, 2], "-1": 0, "s": 5, "z": null}', '{"name": null}', '(l,"{""a"": [1, [2, 3]]}",)', null, null, null),
  (3, null, null, null, null, null, null),
  (4, '[]', '{"name": []}', '(,,)', '{}', '(,)', '{}'),
  (5, '7', '{"name": 1}', '(,7,)', '{"(,7,)"}', '("(,7,)",)', null),
  (6, 'null', '{"name": 1}', '(,null,)', null, null, null);

update t set j[-1] = '9' where id in (1, 2) returning id, j;
update t set j[-3] = '"first"' where id = 1 returning j;
update t set j[-4] = '9' where id = 1;
update t set j[-1] = '9' where id = 3;
update t set j[-1] = '9' where id = 4;
update t set j[-1] = '9' where id = 5;
update t set j[-1] = '9' where id = 6;
update t set j['a'][-2] = '"second last"', j['-1'] = '"key"' where id = 2 returning j;
update t set j['a'][-3] = '0' where id = 2;
update t set j['a'][5] = '0' where id = 2 returning j;
update t set j['a']['x'] = '0' where id = 2;
update t set j['new'][-1] = '0', j['newer'][-2]['k'] = '1' where id = 2 returning j;
update t set j['s'][-1] = '0' where id = 2;
update t set j['z'][-1] = '0' where id = 2;
update t set j['z']['y'] = '0' where id = 2;
update t set j['-2'] = '5', j['1'] = '6' where id = 1 returning j;
update t set j['1']['2'][-1] = '5' where id = 3 returning j;
update t set j = null where id = 3;
update t set j[2][-1][0] = '5' where id = 3 returning j;
update t set j = null where id = 3;
update t set j['x'] = null, j['y'][1] = null where id = 3 returning j;
update t set j = null where id = 3;
update t set j[0] = '1', j[-1] = '2', j[1] = '3', j[-2] = '4' where id = 3 returning j;
update t set j[null] = '1' where id = 1;
update t set j[null::int] = '1' where id = 1;
update t set j['a'][null] = '1' where id = 2;
update t set j[-id] = to_jsonb(id), j[id::smallint] = '"small"' where id = 1 returning j;
update t set j[id::text] = '"text"', j['k' || id] = '1' where id in (1, 2);
update t set j[id::text] = '"text"' where id in (1, 2) returning j;
update t set j[1::bigint] = '1' where id = 1;
update t set j[1.5] = '1' where id = 1;
update t set j[true] = '1' where id = 1;
update t set j[now()::date] = '1' where id = 1;
update t set j[1::positive] = '1', j['a'::name] = '2' where id = 1;
update t set j[1::positive] = '"positive"', j['0'::varchar] = '"varchar"' where id = 1 returning j;
update t set j[1:2] = '1' where id = 1;
update t set j[:] = '1' where id = 1;
update t set j[(select -count(*) from t where id < 3)] = '"counted"' where id = 1;
update t set j[(select -count(*) from t where id < 3)::int] = '"counted"' where id = 1 returning j;
update t set j[array_length(array[1, 2], 1)] = '[[]]', j[t.j[2][0]::text::int] = '1' where id = 1;
update t set j['a''b'] = '1', j['c"d'] = '2', j[E'e\\f'] = '3', j['{}'] = '4', j[''] = '5', j['.x'] = '6' where id = 2 returning j;
-- params: -1, 5, 1
-- params: 0, null, 1
-- params: x, 6, 2
-- params: null, 6, 2
update t set j[$1] = $2 where id = $3 returning j;
-- params: -1, a, 1
-- params: 0, 0, 1
-- params: 0, null, 1
-- types: int4, text
update t set j[$1][$2] = '"typed"' where id = $3 returning j;
-- params: 2, 1
-- types: int2, int4
update t set j[-$1] = to_jsonb($2) where id = $2 returning j;
update t set j['l1']['l2']['l3']['l4']['l5']['l6']['l7']['l8'][-1] = '"deep"' where id = 2 returning j;
update t set j['l1']['l2']['l3']['l4']['l5']['l6']['l7']['l8']['x'] = '"deep"' where id = 2;
update t set j['l1']['l2']['l3']['l4']['l5']['l6']['l7']['l8'][-1] = '"deeper"', j['l1']['l2']['l3'][-1] = '0' where id = 2 returning j -> 'l1' as l;
update t set j[2147483647] = '1' where id = 1;
update t set (j[-1], j[0]) = ('"a"', '"b"') where id = 1 returning j;
update t set (j[-1], j[0]) = (select '"c"'::jsonb, '"d"'::jsonb) where id = 1 returning j;
update t set j[-1] = default where id = 1;
update t set j[-1] = '1', j = '[]' where id = 1;
update t set j[-1] = 'no json' where id = 1;
update t set j[-1] = 5 where id = 1;
update t x set j[-1] = y.j[-1] from t y where x.id = 1 and y.id = 1 returning x.j;
select id, j from t order by id;

-- Domains: what they say of a value is said of the whole
update t set d['list'][-1] = '"last"' where id = 1 returning d;
update t set d['name'] = '"new"' returning id, d;
update t set d['list'][-3] = '1' where id = 1;
update t set d['other'] = '1' where id = 3;
update t set d = null where id = 3;
update t set d['name'] = '1', d['other'] = '1' where id = 3 returning d;
update t set d = null where id = 3;
update t set d['other'] = '1', d['name'] = '1' where id = 3;
update t set d = null where id = 3;
update t set d['other'] = '1' where id = 3;
update t set d = '{"name": 1}', j[0] = '0', js[2] = '1', w[1] = '2' where id = 3 returning d, j, js, w;
update t set k.street = 'too long', k.number = 0 where id = 3;
update t set k.number = 0 where id = 3;
update t set k.number = 2, k.street = 'x', w[1] = null where id = 3 returning k, w;
update t set k.number = 0 where id = 3;
update t set k.number = 3 where id = 3 returning k;
update t set w[2:3] = '{3,4}' where id = 3 returning w;
update t set w[1:2] = null where id = 2;
insert into t (id, w[1:2]) values (30, null);
update t set dd[1] = '12345' where id = 3;
update t set dd[1] = '123', dd[2] = '12' where id = 3 returning dd;
update t set d[0] = '1' where id = 1;

-- Within composites
update t set c.j[-1] = '"c"' where id in (1, 4) returning c;
update t set c.j[-1] = '"c"' where id = 1 returning c;
update t set c.j['a'][-1][-2] = '"c"', c.label = 'both' where id = 2 returning c;
update t set c.j['a'][1]['x'] = '"c"' where id = 2;
update t set c.j[0] = '"c"' where id = 3 returning c;
update t set c.j[-1] = '"c"' where id = 5;
update t set c.j[-1] = '"c"' where id = 6;
update t set c.j[null] = '1' where id = 1;
update t set cs[1].j[-1] = '"cs"', cs[2].j['x'][-1] = '1' where id = 1 returning cs;
update t set cs[1].j[-1] = '"cs"' where id = 2;
update t set cs[1].j['k'][-1] = '"cs"' where id in (2, 3, 4) returning id, cs;
update t set cs[1].j[-1] = '"cs"' where id = 5;
update t set b.inner_item.j['n'][-1] = '"b"', b.items[2].j[0] = '1' where id in (1, 3, 4) returning id, b;
update t set b.items[2].j[-1] = '2', b.items[2].j[-2] = '2' where id = 1;
update t set b.items[2].j[-1] = '2', b.items[2].label = 'x' where id = 1 returning b;
update t set b.inner_item.j[-1] = '1' where id = 5;
update t set js[1] = '5', js[2] = '[6]' where id = 1 returning js;
update t set js[1]['a'] = '5' where id = 1;
update t set js[1][-1] = '5' where id = 1;
-- params: -1, 1
update t set c.j[$1::int] = '"param"', cs[$2].j[$1] = '"param"' where id = 1 returning c, cs;
select * from t order by id;

-- INSERT and upserts
insert into t (id, j['a'][1], c.j['x'], c.j['y'][-1]) values (10, '1', '2', '3') returning *;
insert into t (id, j[-1]) values (11, '1');
insert into t (id, j[null]) values (11, '1');
insert into t (id, j[1], d['x']) values (11, '1', '2');
insert into t (id, j['a'], d['name'], d['b']) values (10, '1', '2', '3') on conflict (id) do update set j['a'][-1] = excluded.j['a'], j['b'] = t.j['a'][1] returning *;
insert into t (id, j['a']['b'], d['name'], d['b']) values (12, '1', '2', '3') on conflict (id) do update set j['a'][-1] = excluded.j['a'] returning *;
insert into t (id, j[1]) values (1, '1') on conflict (id) do update set j[-1] = excluded.j[1], j[-2] = '0' returning j;
insert into t (id, j['k']) select 13, '1' on conflict (id) do nothing returning j;
-- params: 14, k, 1
-- params: 14, 0, 2
insert into t (id, j[$2]) values ($1, $3) on conflict (id) do update set j[$2] = $3, j['n'][-1] = $3 returning j;
-- only: 17
merge into t using (values (1), (15)) s (id) on t.id = s.id when matched then update set j[-1] = to_jsonb(s.id), c.j[-1] = '1' when not matched then insert (id, j['m'][-1]) values (s.id, '1');
-- only: 17
merge into t using (values (4)) s (id) on t.id = s.id when matched then update set j[-9] = to_jsonb(s.id);
select * from t order by id;

-- Through views, in routines, and after the types have changed
create view v as select id as number, j as body, c as comp from t;
update v set body[-1] = '"view"', comp.j[-1] = '"view"' where number = 1 returning *;
insert into v (number, body['a'][-1]) values (20, '1') returning *;
create function f(i int, k text) returns setof jsonb language sql begin atomic update t set j[-i] = to_jsonb(i), j[k] = '"f"' where id = 1 returning j; end;
select f(1, '0');
select f(100, '0');
alter type item add attribute extra jsonb;
update t set c.extra['e'][-1] = '1', c.j[-1] = '"later"' where id = 1 returning c;
update t set c.extra['e'][-1] = '2', cs[1].extra['x'][0] = '2' where id = 1 returning c, cs;
alter table t alter j type int[] using '{1,2}', add column k2 jsonb default '[1, 2]';
update t set j[-1] = 5, j[3] = 4, k2[-1] = '"k"' where id = 1 returning j, k2;
alter table t alter j type jsonb using to_jsonb(j);
update t set j[-1] = '5' where id = 2 returning j;
alter table t alter k type place, alter w type int[], alter dd type pair using '{1,2,3}';
update t set k.number = 0, w[3] = 3, dd[2] = 4 where id = 3 returning k, w, dd;
alter table t alter k type known using '(s,1)', drop column w;
alter table t rename column k to kn;
update t set kn.number = 0 where id = 3;
update t set kn.street = 'new' where id = 3 returning kn;
create schema s2;
set search_path = s2, public;
update t set kn.number = 0 where id = 3;
set search_path = s2;
update public.t set kn.number = 0 where id = 3;
update public.t set kn.number = 5, j[-1] = '5' where id = 3 returning kn, j;
reset search_path;
select * from t order by id;
