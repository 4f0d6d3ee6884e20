-- What is rolled back leaves nothing
begin;
create table t (id int primary key, v text);
insert into t values (1, 'a');
select * from t;
rollback;
select * from t;
begin;
create table t (id int primary key, v text);
insert into t values (1, 'a'), (2, 'b');
savepoint one;
alter table t add column w int default 5;
select * from t order by id;
savepoint two;
alter table t rename column v to x;
insert into t values (3, 'c', 6) returning *;
rollback to two;
select * from t order by id;
rollback to one;
select * from t order by id;
release one;
insert into t values (3, 'c') returning *;
commit;
select * from t order by id;
begin;
drop table t;
select * from t;
rollback;
select * from t order by id;
begin;
alter table t drop column v;
insert into t values (4) returning *;
rollback;
insert into t values (4, 'd') returning *;
begin;
alter table t rename to u;
select count(*) from u;
select count(*) from t;
rollback;
select count(*) from t;
begin;
drop table t;
create table t (other numeric);
insert into t values (1.5) returning *;
rollback;
select * from t order by id;
begin;
create table t2 as select * from t;
create index on t2 (v);
truncate t;
insert into t select * from t2 where id < 3;
commit;
select * from t order by id;
select * from t2 order by id;
begin;
alter table t add constraint v_len check (length(v) < 2);
insert into t values (9, 'long');
rollback;
insert into t values (9, 'long');
begin;
savepoint a;
create table sp (id int);
rollback to a;
create table sp (id text);
insert into sp values ('text') returning *;
commit;
select * from sp;

-- In one simple Query, and pipelined
-- batch
create table b1 (id int primary key, v text); insert into b1 values (1, 'x'); select * from b1; update b1 set v = 'y' returning *; select count(*) from b1;

-- batch
create table b2 (id int); insert into b2 values (1); select 1 / 0; insert into b2 values (2);

select * from b2;
-- batch
begin; create table b3 (id int); insert into b3 values (7); commit; select * from b3;

-- batch
alter table b1 add column w int default 3; select * from b1; alter table b1 rename to b4; select * from b4; drop table b4; select * from b4;

select * from b1;
-- batch
drop table if exists b1; create table b1 (z date); select * from b1; insert into b1 values ('2024-01-01') returning z;

-- pipeline
create table p1 (id int primary key);
insert into p1 values (1), (2);
select * from p1 order by id;
alter table p1 add column v text default 'x';
select * from p1 order by id;
-- sync
insert into p1 values (3, 'y') returning *;
drop table p1;
select * from p1;
-- sync
select 1;

-- pipeline
begin;
create table p2 (id int);
insert into p2 values (1);
select * from p2;
rollback;
-- sync
select * from p2;

-- Other sessions
begin;
create table hidden (id int);
insert into hidden values (1);
-- session: other
select * from hidden;
-- session: main
commit;
-- session: other
select * from hidden;
-- session: main
alter table hidden add column v text default 'seen';
-- session: other
select * from hidden;
insert into hidden values (2, 'o') returning *;
-- session: main
alter table hidden rename to shown;
-- session: other
select * from shown order by id;
select * from hidden;
-- session: main
drop table shown;
create table shown (x bool);
-- session: other
insert into shown values (true) returning *;
select * from shown;

-- What is wrong with a statement is told in PostgreSQL's words, also of a table that the transaction has made and used
begin;
create table fresh (a int primary key, b text);
-- copy: 1	x
copy fresh from stdin;
savepoint s;
insert into fresh as f values (1, 'y') on conflict (a) do update set b = fresh.b;
rollback to s;
insert into fresh values (1, 'y') on conflict (a) do update set fresh.b = 'z';
rollback to s;
update fresh f set f.b = 'z';
rollback to s;
alter table fresh add column c int;
update fresh f set c = fresh.a;
rollback to s;
update fresh set c = 1;
rollback to s;
-- only: 17
merge into fresh f using (values (1)) v (a) on f.a = v.a when matched then update set f.b = 'z';
rollback;
