-- PostgreSQL merges into views, as which documents are written, since 17

-- only: 17
create table t (id int primary key, v varchar(10), n int default 7, tags int[], check (n < 1000));
-- only: 17
insert into t values (1, 'one', 10), (2, 'two', 20), (3, 'three', 30);
-- only: 17
create table s (id int, w text, delta int);
-- only: 17
insert into s values (2, 'TWO', 5), (3, 'THREE', -5), (4, 'FOUR', 1);

-- only: 17
merge into t using s on t.id = s.id when matched then update set v = s.w, n = n + s.delta when not matched then insert (id, v) values (s.id, s.w);
-- only: 17
select * from t order by id;
-- only: 17
merge into t using s on t.id = s.id when matched and s.delta < 0 then delete when matched then do nothing;
-- only: 17
merge into t as x using (select id + 10 as id, w from s) y (id, w) on x.id = y.id when not matched then insert values (y.id, y.w, default, array[y.id]);
-- only: 17
merge into t using (values (1, 'again')) y (id, w) on t.id = y.id when matched then update set (v, n) = (y.w, default), tags = '{1,2}' when not matched then do nothing;
-- only: 17
merge into only public.t using s on public.t.id = s.id when matched then update set v = public.t.v || '!', n = (select max(n) from t);
-- only: 17
with y as (select * from s where id > 2) merge into t using y on t.id = y.id when not matched and y.id = 3 then insert (id, v, n) values (y.id, lower(y.w), y.delta) when matched then update set n = 0;
-- only: 17
select * from t order by id;
-- only: 17
merge into t using t y on t.id = y.id + 1 when matched then update set v = y.v;
-- only: 17
merge into t using s join t j on j.id = s.id on t.id = j.id when matched and case when s.id = 2 then true end then update set v = case when true then 'case' end;
-- only: 17
-- params: 5, 'param'
-- params: 5, 'twice'
merge into t using (select $1::int as id) y on t.id = y.id when matched then update set v = $2 when not matched then insert (id, v) values (y.id, $2);
-- only: 17
merge into t using s on false when not matched then insert default values;
-- only: 17
merge into t using s on t.id = s.id when matched then update set n = 5000;
-- only: 17
merge into t using s on t.id = s.id when matched then update set v = 'far too long for it';
-- only: 17
merge into t using s on true when matched then update set n = 1;
-- only: 17
merge into t using s on t.id = s.id + 100 when not matched then insert (id, v) values (1, 'dup');
-- only: 17
merge into t using s on t.id = s.id when matched then update set nope = 1;
-- only: 17
merge into t using s on t.id = s.id when matched then update set n = nope;
-- only: 17
merge into t using s on t.id = s.id when not matched then insert (id, v) values (s.id);
-- only: 17
merge into t using s on t.id = s.id when not matched then insert (id, v) values (t.id, s.w);
-- only: 17
merge into t using t on true when matched then delete;
-- only: 17
merge into t using nope on true when matched then delete;
-- only: 17
merge into nope using t on true when matched then delete;
-- only: 17
merge into t using s on t.id = s.id;
-- only: 17
merge into t using s on t.id = s.id when matched then insert values (1);
-- only: 17
begin;
-- only: 17
merge into t using s on t.id = s.id when matched then delete;
-- only: 17
select count(*) from t;
-- only: 17
rollback;
-- only: 17
select id, v, n, tags from t order by id;

-- Into another table, out of an entity
-- only: 17
create temporary table plain (id int primary key, v text);
-- only: 17
merge into plain using t on plain.id = t.id when not matched then insert values (t.id, t.v);
-- only: 17
select count(*) from plain;

-- Identity, defaults, generated columns
-- only: 17
create table g (id int generated always as identity primary key, k text unique, twice int generated always as (id * 2) stored, at date default '2024-01-01');
-- only: 17
merge into g using (values ('a'), ('b')) s (k) on g.k = s.k when not matched then insert (k) values (s.k);
-- only: 17
merge into g using (values ('b'), ('c')) s (k) on g.k = s.k when matched then update set at = default, twice = default when not matched then insert (k, at) values (s.k, '2024-02-02');
-- only: 17
merge into g using (values (9)) s (id) on g.id = s.id when not matched then insert (id) values (s.id);
-- only: 17
merge into g using (values (9)) s (id) on g.id = s.id when not matched then insert (id, k) overriding system value values (s.id, 'nine');
-- only: 17
merge into g using (values (8)) s (id) on g.id = s.id when not matched then insert (id, k) overriding user value values (s.id, 'user');
-- only: 17
merge into g using (values (9)) s (id) on g.id = s.id when matched then update set id = 10;
-- only: 17
merge into g using (values (9)) s (id) on g.id = s.id when matched then update set twice = 10;
-- only: 17
merge into g using (values (9)) s (id) on g.id = s.id when not matched then insert (twice) values (1);
-- only: 17
select * from g order by id;

-- What 17 added
-- only: 17
merge into t using s on t.id = s.id when matched then update set n = 1 when not matched by target then insert (id, v) values (s.id, s.w) when not matched by source and t.id > 10 then delete when not matched by source then update set v = 'lonely' returning merge_action(), t.id, s.w, t.v;
-- only: 17
merge into t using s on t.id = s.id when matched then update set n = t.n + 1 returning *;
-- only: 17
merge into t x using s y on x.id = y.id when matched then delete returning merge_action() as did, x.*, y.id, x;
-- only: 17
merge into t using s on t.id = s.id when not matched then insert values (s.id, s.w, 1) returning t.ctid is null, t.tableoid::regclass, t::text;
-- only: 17
with m as (merge into t using s on t.id = s.id when matched then update set n = 2 returning t.id, t.n) select sum(n), count(*) from m;
-- only: 17
select id, v, n from t order by id;
-- only: 17
-- shape
explain (costs off) merge into t using s on t.id = s.id when matched then do nothing;

-- Who may
-- only: 17
create table mine (id int primary key, v text);
-- only: 17
insert into mine values (1, 'x');
-- only: 17
grant select, update on mine to parity_writer;
-- only: 17
grant select on s to parity_writer;
-- only: 17
-- session: writer user=parity_writer
merge into mine using s on mine.id = s.id when matched then update set v = 'y';
-- only: 17
merge into mine using s on mine.id = s.id when matched then delete;
-- only: 17
merge into mine using s on mine.id = s.id when not matched then insert values (s.id);
