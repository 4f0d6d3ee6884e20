-- System columns and parts of columns, in each other's company and in that of the rest

create table t (id int primary key, a int[], j jsonb);
insert into t values (1, '{1,2,3}', '{}'), (2, '{4}', null);
create table u (id int, v text);
insert into u values (1, 'x');
update t set (a[1], j) = (select 5, '{"k": 1}'::jsonb) where id = 1 returning a, j;
update t set (a[1], j['z']) = row(6, '7') where id = 1 returning a, j;
insert into t as x (id, a[1]) values (1, 7) on conflict (id) do update set a[1] = x.a[1] + excluded.a[1], j['n'] = to_jsonb(cardinality(x.a)) returning *;
-- only: 17
merge into t using u on t.id = u.id when matched then update set (a[1], j) = row(1, '{}') when not matched then insert (id, a[2]) values (u.id, 3);
-- only: 17
merge into t using (values (9)) s (id) on t.id = s.id when not matched then insert (id, a[2], j['q']) values (s.id, 3, '4') returning t.*;
select count(ctid) from t group by ctid having ctid is not null;
with x as (select ctid c from t where id = 2) update t set a[1] = 0 from x where t.ctid = x.c returning t.id, a;
select id, (select t2.id from t t2 where t2.ctid = t.ctid) from t order by id;
select t.* from t where exists (select 1 from t t2 where t2.xmin = t.xmin and t2.id = t.id) order by id;
select * from t where (ctid, id) in (select ctid, id from t) order by id;
insert into t select * from t where ctid is not null and id = 1 on conflict (id) do update set j = '{"up": 1}' returning *, xmax <> 0 as updated;
delete from t where tableoid = 't'::regclass and id = 9 returning id;
select ctid is null, * from only t order by id for update skip locked;
copy (select ctid is null, * from t order by id) to stdout;
create table z as select tableoid::regclass::text as c, * from t;
select * from z order by id;
select t.ctid is null, o.* from t left join lateral (select * from t t2 where t2.ctid = t.ctid) o on true order by o.id;
select ctid is null as n, count(*) over () from t;
select t.id, t.ctid = t.ctid from t union all select id, null from u order by 1, 2;
select x from (select t.ctid is null as b, t as x from t) s order by (x).id;
select array_agg(t order by id) from t where ctid is not null;
select row_to_json(t) from t where ctid is not null order by id;
select t is null, t is not distinct from t from t where ctid is not null order by id;
select u.id, t from u left join t on t.id = u.id + 100 and t.ctid is not null;
select coalesce(t.id, u.id), t.ctid is null from t full join u on t.id = u.id order by 1;
select distinct t.tableoid = u.tableoid from t, u;
prepare p (tid) as select id from t where ctid = $1 or id = 2;
execute p ('(0,1000)');
explain (costs off, format json) select 1 where false;
begin;
declare c cursor for select ctid is null, * from t order by id;
fetch all from c;
commit;
update t set a[1:2] = array[id, id], a[4] = 4 where ctid in (select ctid from t) returning id, a;
update u set v = t.a[1]::text from t where t.id = u.id and u.ctid is not null returning u.*, t.a[1:2], u.tableoid::regclass;
select id from t where ctid >= '(0,0)' and ctid < '(1000,0)' order by id;
select max(ctid) is null, min(xmin::text::bigint) > 0 from t;
insert into u (id) select id from t where ctid is not null returning u.ctid is null, id;
with ins as (insert into t (id) values (30) returning ctid, t) select ins.ctid is null, (ins.t).id from ins;
with up as (update t set j = null where id = 30 returning t) select (up.t).id, up.t from up;
table t order by id;
