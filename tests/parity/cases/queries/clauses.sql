-- Whatever else a query may have: samples, cursors, locks, grouping sets, row sources, WITH, EXPLAIN

create table t (id int primary key, v text, n int, tags int[], j jsonb, x text);
insert into t select i, 'v' || i, i % 3, array[i, i + 1], jsonb_build_object('a', i, 'b', jsonb_build_array(1, 2)), null from generate_series(1, 9) as i;
create table o (id int primary key, t_id int, w text);
insert into o select i, i % 4 + 1, 'w' || i from generate_series(1, 6) i;

table t order by id limit 2;
table only t order by id offset 7;
select * from only (t) order by id limit 1;
select id from t * order by id limit 1;
select id, l.w from t, lateral (select w from o where o.t_id = t.id order by id limit 1) l order by id;
select id, u from t, unnest(t.tags) with ordinality as u (u, o) where o = 1 order by id limit 3;
select id, e.* from t cross join lateral jsonb_to_record(j) as e (a int, b jsonb) order by id limit 2;
-- only: 17
select id, jt.* from t, json_table(t.j, '$' columns (a int path '$.a', nested path '$.b[*]' columns (b int path '$'))) jt where id < 3 order by id, b;
-- only: 17
select id, json_value(j, '$.a' returning int), json_exists(j, '$.b[*] ? (@ > 1)'), json_query(j, '$.b' with wrapper) from t where id = 1;
select n, count(*), grouping(n, v) from t where id < 4 group by grouping sets ((n), (v), ()) order by 1, 2, 3;
select n, id % 2, sum(id), grouping(n, id % 2) from t group by cube (n, id % 2) order by 1, 2, 3;
select n, v, count(*) from t where id < 3 group by rollup (n, v) order by 1, 2;
select id, sum(n) over w, rank() over (w rows between 1 preceding and current row exclude ties), first_value(v) over (partition by n order by id desc) from t window w as (order by id) order by id limit 4;
select distinct on (n) n, id from t order by n, id desc;
select n, array_agg(id order by id) filter (where id > 2), string_agg(distinct v, ',' order by v), percentile_cont(0.5) within group (order by id) from t group by n order by n;
select id from t order by id fetch first 2 rows with ties;
select id from t where (id, n) in (select id, n from t where id < 3) order by id;
select id from t where row(id, n) < row(2, 9) order by id;
select * from (values (1, 'a')) as x (id, v) natural join (select id from t) y;
select t.id, o.id from t full join o on o.t_id = t.id and o.id > 4 order by 1, 2;
select id, n into temp picked from t where id < 3;
select * from picked order by id;
select id, v into kept from t where id < 4;
select * from kept order by id;
create table ctas as select * from t where id < 3;
create table ctas2 (a, b) as table o with no data;
create table if not exists ctas as select 1;
select * from ctas order by id;
insert into ctas2 values (1, 2, 'x');
create table like_all (like t including all, extra int);
insert into like_all (id, v, extra) values (1, 'x', 3);
select * from like_all;
create table like_defaults (like o including defaults excluding constraints);
insert into like_defaults values (1, 1, 'y') returning *;
create materialized view mv as select n, count(*) from t group by n;
select * from mv order by n;
insert into t (id, n) values (10, 1);
refresh materialized view mv;
select * from mv order by n;
drop materialized view mv;

-- Locks
begin;
select id from t where id = 1 for update nowait;
select t.id from t join o on o.t_id = t.id where t.id = 2 order by 1 for update of t skip locked;
select t.id, o.id from t join o on o.t_id = t.id where t.id = 2 order by 2 for share of o, t nowait;
select id from t where id = 1 for no key update;
select id from t where id = 1 for key share;
select x.id from t x where id = 1 for update of x;
select x.id from t x where id = 1 for update of t;
rollback;
begin;
select id from t where id < 3 order by id for update;
-- session: other
select id from t where id = 1 for update nowait;
select id from t where id < 5 order by id for update skip locked;
select id from t where id < 5 order by id for share of t skip locked;
-- session: main
commit;
select count(*) from t for update;
select n from t group by n for update;
with c as (select id from t for update) select count(*) from c;

-- Cursors
begin;
declare c scroll cursor for select id, v from t order by id;
fetch 2 from c;
fetch last from c;
fetch prior from c;
fetch absolute 3 from c;
fetch relative -1 from c;
move 3 in c;
fetch backward 2 from c;
close c;
declare c binary cursor for select id from t order by id;
fetch 1 from c;
declare h insensitive cursor with hold for select id from t order by id desc;
commit;
fetch 2 from h;
fetch all from h;
close h;
begin;
declare u cursor for select * from t where id < 4 order by id for update;
fetch 1 from u;
update t set v = 'current' where current of u returning id, v;
fetch 1 from u;
delete from t where current of u returning id;
fetch 1 from u;
update t set v = 'moved' where current of u;
close u;
update t set v = 'x' where current of nope;
rollback;
begin;
declare p cursor for select * from t;
fetch 1 from p;
update t set v = 'plain' where current of p returning id;
rollback;

-- Samples
select count(*) from t tablesample bernoulli (100);
select count(*) from t tablesample system (100) where id < 4;
select pct, count(id) from (values (0), (100)) v (pct), lateral (select * from t tablesample bernoulli (pct)) ss group by pct order by pct;
select count(*) between 0 and 10 from t x tablesample bernoulli (50) repeatable (7);
select a.c = b.c from (select count(*) c from t tablesample bernoulli (40) repeatable (3)) a, (select count(*) c from t tablesample bernoulli (40) repeatable (3)) b;
select count(*) from t tablesample bernoulli (0);
select count(*) from t tablesample bernoulli (200);
select count(*) from t tablesample nope (1);

-- DML in WITH
with d as (delete from t where id = 9 returning *), i as (insert into o select id, 1, v from d returning id), u as (update t set n = 100 where id = 8 returning id, n) select d.id, i.id, u.* from d, i, u;
with recursive r as (select id, n from t where id = 1 union all select t.id, t.n from t join r on t.id = r.id + 1 where t.id < 4) select * from r order by id;
with recursive r (id) as (select id from t where id = 1 union all select t.id from t, r where t.id = r.id + 1 and t.id < 4) search depth first by id set seq cycle id set cyc using path select id, cyc from r order by seq;
with a as materialized (select * from t), b as not materialized (select * from a) select count(*) from b;

-- EXPLAIN
-- shape
explain select * from t;
-- shape
explain (analyze, verbose, costs off, buffers, timing off, summary off, format json) select * from t where id = 1;
-- shape
explain (format xml) update t set n = 1;
-- shape
explain (format yaml, settings, wal, analyze) delete from t where id = 8;
-- shape
explain verbose insert into t (id) values (50) on conflict do nothing;
-- shape
explain analyze verbose table t;
-- only: 16
-- shape
explain (generic_plan) select * from t where id = $1;
-- only: 17
-- shape
explain (memory, serialize text, analyze) select * from t;
-- shape
explain create table e as select * from t;
-- shape
explain (costs off) declare c cursor for select * from t;
explain (nope) select * from t;
explain select nope from t;
select count(*) from t;
