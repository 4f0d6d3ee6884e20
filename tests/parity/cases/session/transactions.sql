create table t (id int primary key, v int);
begin;
insert into t values (1, 1);
savepoint a;
insert into t values (2, 2);
savepoint b;
insert into t values (1, 9);
select * from t;
rollback to b;
select * from t order by id;
rollback to savepoint a;
insert into t values (3, 3);
release savepoint a;
commit;
select * from t order by id;
begin transaction isolation level serializable, read only, deferrable;
select * from t order by id;
insert into t values (4, 4);
end;
start transaction read write;
update t set v = v + 1;
abort;
select * from t order by id;
commit;
rollback;
savepoint x;
release x;
begin;
begin;
select count(*) from t;
commit and chain;
insert into t values (5, 5);
rollback and chain;
select count(*) from t;
commit;
begin;
rollback to nope;
select 1;
commit;
begin;
select nope from t;
select * from t;
insert into t values (9, 9);
rollback;
select * from t order by id;
begin;
set local statement_timeout = '5s';
show statement_timeout;
commit;
show statement_timeout;
set transaction isolation level repeatable read;
begin;
set transaction read only;
delete from t;
rollback;
set default_transaction_read_only = on;
insert into t values (6, 6);
select count(*) from t;
reset default_transaction_read_only;
insert into t values (6, 6) returning *;
begin;
insert into t values (7, 7);
prepare transaction 'nope';
rollback;

-- In a failed transaction nothing is looked at any more
begin;
select 1 / 0;
insert into t (nope) values (1);
update t set nope = 1;
merge into t using t s on t.id = s.id when matched then delete;
select * from nope;
create table nope (id int);
copy t from stdin;
selec;
rollback;

-- Several statements in one simple Query
-- batch
insert into t values (20, 1); insert into t values (21, 1); select count(*) from t where id >= 20;

-- batch
insert into t values (22, 1); insert into t values (22, 2); select 'not reached';

-- batch
select count(*) from t where id = 22;

-- batch
begin; insert into t values (23, 1); select nope; insert into t values (24, 1);

select 1;
rollback;
-- batch
insert into t values (25, 1); begin; insert into t values (26, 1); rollback;

select id from t where id > 22 order by id;
-- batch
insert into t values (27, 1); commit; insert into t values (28, 1); rollback; select count(*) from t;

-- batch
;

-- batch
;; select id from t where id = 1 ; ; -- the end

-- batch
-- nothing but a comment

-- batch
select 'a;b', "id", $$;$$ from t where id = 1; /* ; */ update t set v = 0 where id = 1; delete from t where id = 20; insert into t values (20, 9) returning *

-- batch
select 1; selec 2; select 3

-- batch
update t set v = 5 where id = 1; select v from t where id = 1; select 1 / 0

select v from t where id = 1;
-- batch
savepoint s; select 1

-- Pipelines
-- pipeline
insert into t values (40, 1);
select v from t where id = 40;
update t set v = 2 where id = 40;
select v from t where id = 40;

-- pipeline
insert into t values (41, 1);
insert into t values (41, 2);
select 'skipped';
-- sync
select count(*) from t where id = 41;

-- pipeline
begin;
insert into t values (42, 1);
-- sync
insert into t values (42, 2);
select 'skipped';
-- sync
select 'failed';
-- sync
rollback;
-- sync
select count(*) from t where id = 42;

-- pipeline
select * from nope;
select 1;
-- sync
select id from t where id = 1;
selec;
select 2;
-- sync
delete from t where id = 40 returning id, v;

-- pipeline
-- sync
-- sync
select 1;

-- A statement that might have changed names, and that PostgreSQL does not understand.
create table might (a int);
select set_config('search_path', nosuch, false) from might;
select 'still here';

-- lastval() is the client's own
create table counted (id serial, v int);
insert into counted (v) values (1), (2);
select lastval(), currval('counted_id_seq');
create table counted_too (id int);
create view counted_view as select id from counted;
alter table counted add column w text default 'x';
alter table counted_too alter id type bigint;
create index on counted (v);
select lastval(), currval('counted_id_seq');
begin;
create table counted_three (id int primary key);
rollback;
select lastval();
drop view counted_view;
drop table counted, counted_too;
select lastval();
