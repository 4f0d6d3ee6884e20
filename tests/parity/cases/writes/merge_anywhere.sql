-- MERGE of every PostgreSQL version: where documents cannot be merged into, the table becomes dedicated.

set client_min_messages = warning;
create table t (id int primary key, v varchar(10), n int default 7, check (n < 1000));
insert into t values (1, 'one', 10), (2, 'two', 20), (3, 'three', 30);
create table s (id int references t, w text);
insert into s values (2, 'TWO'), (3, 'THREE');
merge into t using s on t.id = s.id when matched and s.id = 2 then update set v = s.w when matched then delete;
select * from t order by id;
delete from s;
-- params: 2, 'zwei'
merge into t using (values ($1::int, $2::text), (9, 'nine')) y (id, w) on t.id = y.id when matched then update set v = y.w, n = default when not matched then insert (id, v) values (y.id, y.w);
select * from t order by id;
merge into t using (values (1)) y (id) on t.id = y.id when matched then update set n = 5000;
merge into t using (values (1)) y (id) on t.nope = y.id when matched then delete;
begin;
merge into t using (values (1), (2)) y (id) on t.id = y.id when matched then delete;
select count(*) from t;
rollback;
select * from t order by id;
