-- Each expression is evaluated once for each row
create sequence counter;
create table log (n int, what text);
create function tick() returns int language plpgsql volatile as $$ begin return nextval('counter'); end $$;
create table t (id int primary key default nextval('counter'), a int, b text, c int default tick());
insert into t (id, a) values (tick(), tick()) returning *;
insert into t (a) values (tick()), (tick()) returning *;
insert into t (id, a, b) select tick(), tick(), 'x' || tick() from generate_series(1, 3) returning *;
insert into t values (tick(), (select tick()), coalesce(null, 'z' || tick()), default) returning id, a, b, c, tick() as again;
select currval('counter');
update t set a = tick() where id < 5 returning id, a;
update t set (a, b) = (tick(), tick()::text) where id = 1 returning a, b;
update t set a = tick(), c = default where id = 1 returning a, c;
select currval('counter');
insert into t (id, a) values (1, tick()) on conflict (id) do update set a = excluded.a + tick() returning *;
insert into t (id, a) values (1, tick()) on conflict (id) do nothing returning *;
insert into t (id) values (tick()) on conflict do nothing returning *;
select currval('counter');
with w as (select tick() as k) insert into t (id, a) select k, k from w returning *;
delete from t where a = tick() returning *;
select currval('counter');
insert into t (id, a) values (tick(), 1 / 0);
select currval('counter');
insert into t (a) values (1 / 0);
select currval('counter');
-- params: 5
insert into t (id, a) values (tick(), $1 + tick()) returning *;
-- copy: 900
-- copy: 901
copy t (id) from stdin;
select id, c from t where id >= 900 order by id;
select currval('counter');
select * from t order by id;

-- A row sees what was there when the statement began
insert into t (id, a) select id + 1000, (select count(*) from t) from t where id < 4 order by id returning id, a;
update t set a = (select count(*) from t where a is null) where id > 1000 returning id, a;
insert into t (id, a) values (2000, (select max(id) from t)), (2001, (select max(id) from t)) returning id, a;
delete from t where id > (select avg(id) from t) returning id;
with d as (delete from t returning id) select (select count(*) from t) = (select count(*) from d);

-- Rows that change twice in one statement
create table twice (id int primary key, n int default 0);
insert into twice values (1), (2);
update twice set n = n + 1 from (values (1), (1), (2)) v (id) where v.id = twice.id;
select * from twice order by id;
with a as (update twice set n = 10 where id = 1 returning *), b as (update twice set n = 20 where id = 1 returning *) select count(*) from a;
with a as (update twice set n = 30 where id = 2), b as (delete from twice where id = 1) select count(*) from twice;
select * from twice order by id;
