-- Assignments to elements of arrays, fields of composites and subscripts of jsonb

create type address as (street varchar(8), number int, past text[]);
create type person as (name text, home address, homes address[]);
create domain numbers as int[] check (value[1] is distinct from 13);
create table t (id int primary key, n int default 5, a int[] default '{7,8}', v varchar(3)[], m int[][], c address, cs address[], p person, j jsonb, d numbers);
insert into t (id, a, v, m, c, cs, p, j, d) values
  (1, '{1,2,3}', '{a,b}', '{{1,2},{3,4}}', '(x,1,"{p}")', '{"(y,2,)"}', '(Ada,"(z,3,)",)', '{"a": 1, "b": [1, 2], "c": {"d": null}}', '{1}'),
  (2, null, null, null, null, null, null, null, null),
  (3, '{}', '{}', '{}', '(,,)', '{}', '(,,)', '{}', '{}'),
  (4, '[0:2]={10,11,12}', '{a,b,c}', '{{1,2},{3,4}}', '(x,,)', '{"(w,,)"}', null, '[1, 2]', '{2,3}');

update t set a[1] = 5, n = n + 1 returning id, n, a;
update t set a[2] = 20, a[5] = 50 returning id, a;
update t set a[-1] = 9 where id = 2 returning a;
update t set a[2:3] = '{70,80}' returning id, a;
update t set a[2:3] = array[1] where id = 1;
update t set a[:2] = '{7,7,7,7,7}' where id in (1, 4) returning id, a;
update t set a = '{7,7,30,40,50}' where id = 1;
update t set a[2:] = '{1,2,3,4,5,6,7}' where id = 1 returning a;
update t set a[:] = '{3}' where id = 3;
update t set a[:2] = '{3}' where id = 10;
update t set a[1:2] = null where id in (1, 2) returning a;
update t set a[1] = null where id in (1, 4) returning a;
update t set a = '{1,2,3}' where id = 1;
update t set a[null] = 1;
update t set a[id] = a[1], a[id + 1] = n where id = 1 returning a;
update t set a = '{5,70,80}' where id = 3;
update t set a[(select count(*) from t)] = (select max(n) from t) where id = 3 returning a;
update t set v[2] = 'abc' returning id, v;
update t set v[2] = 'abcd';
update t set v[1] = 5;
update t set m[1][2] = 9, m[2][1] = 8 where id in (1, 4) returning m;
update t set m[1][1] = 1 where id in (2, 3) returning m;
update t set m[1:2][1:1] = '{{5},{6}}' where id = 1 returning m;
update t set m[3][3] = 1 where id = 1;
update t set m[1] = 1 where id = 1;
update t set c.number = 2, c.street = 'new' returning id, c;
update t set c.number = null, c.past[2] = 'q' returning id, c;
update t set c.street = 'too long to fit' where id = 1;
update t set c.nope = 1;
update t set c.number = 'x';
update t set p.home = 5;
update t set id = 1, p.homes[1].past = 5;
insert into t (id, p.home) values (9, 5);
begin;
select id, n from t where id = 1;
update t set p.home = 6 where n = 0;
rollback;
begin;
select id, n from t where id = 1;
update t set n = 'x'::text, c.number = 4;
rollback;
begin;
select id, n from t where id = 1;
update t set (id, c.number) = (select 1, false);
rollback;
update t set cs[1].number = 7, cs[2].street = 'w', cs[2].past = '{1,2}' returning id, cs;
update t set p.home.number = 1, p.name = 'x', p.homes[1].street = 'h', p.homes[1].past[3] = 'deep' returning id, p;
update t set j['a'] = '2' where id in (1, 2, 3) returning id, j;
update t set j['b'][1] = '"x"', j['e']['f'] = '[]' where id = 1 returning j;
update t set j['b'][5] = '1', j['g'][0]['h'] = '{}' where id = 1 returning j;
update t set j['c']['d'] = null, j['k' || id] = to_jsonb(id) where id = 1 returning j;
update t set j[1] = '"second"', j['2'] = '3' where id = 4 returning j;
update t set j['a']['b'] = '1' where id = 1;
update t set j['x'] = '1' where id = 4;
update t set j[null] = '1' where id = 1;
update t set d[2] = 5 returning id, d;
update t set d[1] = 13 where id = 1;
update t set a[1] = default;
update t set a = '{1}', a[2] = 2;
update t set a[1] = 'x';
update t set n[1] = 1;
update t set nope[1] = 1;
update t set a = '{1,2}' where id = 1;
update t set (a[1], n, c.number) = (100, 200, 300) where id = 1 returning a, n, c;
update t set (a[1], n) = (select 1, 2) where id = 1 returning a, n;
-- params: 2, 42, 'par'
-- params: 1, null, 'p'
update t set a[$1] = $2, c.street = $3 where id = $1 returning a, c;
update t x set a[1] = y.n from t y where x.id = 2 and y.id = 3 returning x.a;
with u as (update t set a[9] = 9 where id = 2 returning a) select * from u;
select * from t order by id;

-- Upserts
insert into t (id, a[1], a[3], c.number, j['x']) values (1, 1, 3, 4, '5') on conflict (id) do update set a[2] = excluded.a[3], c.number = excluded.c.number returning a, c, j;
insert into t (id, a[1], a[3], c.number, c.street, j['x']) values (1, 1, 3, 4, 's', '5') on conflict (id) do update set a[2] = excluded.a[3], a[3] = excluded.n, j['x'] = excluded.j['x'] returning a, c, j;
insert into t (id, a[2], a[3], c.number, c.street, j['x'], v[1]) values (8, 1, 3, 4, 's', '5', 'abc') on conflict (id) do nothing returning *;
insert into t (id, c.number, cs[2].street) select 9, 1, 'z' on conflict (id) do nothing returning *;
insert into t (id, v[1]) values (10, 'too long') on conflict do nothing;
insert into t (id, a[1]) values (11, default) on conflict do nothing;
insert into t (id, a[1], c.street, j['a']['b']) values (12, 3, 'plain', '1'), (13, 4, 'plain', '2') returning *;

-- Columns that were added, renamed and dropped
alter table t add column late int[] default '{1,2,3}';
update t set late[2] = 20 where id in (1, 2) returning late;
alter table t rename column late to later;
update t set later[1] = id where id in (1, 3) returning later;
alter table t drop column later, drop column cs;
update t set a = '{1,2}' where id = 1;
update t set a[1] = 0, c.number = 0 where id = 1 returning a, c;
create table odd ("A b" int[], "c""d" address, "e,{}\" int[]);
insert into odd values ('{1}', '(x,1,)', '{1}');
update odd set "A b"[2] = 2, "c""d".street = 'q', "e,{}\"[2] = 3 returning *;
alter table odd add check ("A b"[1] < 5);
update odd set "A b"[1] = 7;
create table point_table (id int, at point, name name);
insert into point_table values (1, '(1,2)', 'abc'), (2, null, null);
update point_table set at = '(1,3)', name = 'b' where id = 1 returning *;
select * from t order by id;

-- An extension's type with subscripts of its own
set client_min_messages = warning;
create extension if not exists hstore;
create table stores (id int primary key, h hstore, n hstore not null default '');
insert into stores (id, h['a'], h['b']) values (1, 'one', null), (2, 'x', 'y');
update stores set h['a'] = 'two', h['c d'] = '"q"', n['k'] = id::text where id = 1 returning *;
-- params: key, value, 2
update stores set h[$1] = $2 where id = $3 returning h, n;
update stores set h = null where id = 1;
update stores set h['again'] = 'yes' where id = 1 returning h;
insert into stores (id, h['z']) values (2, 'upsert') on conflict (id) do update set h['z'] = excluded.h -> 'z' returning *;
update stores set h[null] = 'x';
select id, h, h['a'], n -> 'k' from stores order by id;
drop table stores;
