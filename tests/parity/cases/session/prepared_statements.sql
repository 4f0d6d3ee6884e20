-- Prepared statements that live on while the table changes under them
create table t (id int primary key, v text);
insert into t values (1, 'a'), (2, 'b');
-- prepare: by_id
select * from t where id = $1;
-- prepare: add
insert into t (id, v) values ($1, $2) returning id, v;
-- prepare: change
update t set v = $2 where id = $1;
-- prepare: remove
delete from t where id = $1 returning id;
-- prepare: total
select count(*) from t;
-- prepare: named
select id, v from t where v = $1 order by id;
-- execute: by_id
-- params: 1
-- params: 2
by_id;
-- execute: add
-- params: 3, 'c'
-- params: 3, 'dup'
add;
-- execute: change
-- params: 3, 'cc'
change;
-- prepare: by_id
select 'the name is taken';

-- A change that keeps the result's shape
create index t_v on t (v);
-- execute: by_id
-- params: 3
by_id;
alter table t alter v set default 'dflt';
-- execute: named
-- params: 'cc'
named;

-- A change of the result's shape: what selects * must be prepared again, the rest goes on
alter table t add column w int default 7;
-- execute: named
-- params: 'cc'
named;
-- execute: add
-- params: 4, 'd'
add;
-- execute: change
-- params: 4, 'dd'
change;
-- execute: remove
-- params: 4
remove;
-- execute: total
total;
-- execute: by_id
-- params: 3
by_id;
select * from t order by id;
alter table t drop column w;
-- execute: by_id
-- params: 3
by_id;
alter table t rename column v to vv;
-- execute: total
total;
-- execute: named
-- params: 'cc'
named;
-- execute: add
-- params: 5, 'e'
add;
alter table t rename column vv to v;
-- execute: named
-- params: 'cc'
named;
-- execute: add
-- params: 5, 'e'
add;
alter table t rename to u;
-- execute: total
total;
alter table u rename to t;
-- execute: total
total;
begin;
drop table t;
-- execute: total
total;
rollback;
-- execute: total
total;
begin;
alter table t add column z int;
-- execute: add
-- params: 6, 'f'
add;
rollback;
-- execute: add
-- params: 6, 'f'
add;
drop table t;
-- execute: total
total;
create table t (id bigint, v text, extra date);
insert into t values (1, 'new', '2024-01-01');
-- execute: total
total;
-- execute: named
-- params: 'new'
named;
-- execute: change
-- params: 1, 'x'
change;
select * from t;
deallocate all;
-- execute: total
total;

-- The same in SQL
create table s (id int primary key, v text);
insert into s values (1, 'a');
prepare all_of_it as select * from s;
prepare one_v as select v from s where id = $1;
prepare ins as insert into s values ($1, $2);
execute all_of_it;
alter table s add column w int default 1;
execute all_of_it;
execute one_v (1);
execute ins (2, 'b');
select * from s order by id;
execute ins (2, 'dup');

-- search_path at Parse time is what counts, until the statement must be planned again
create schema other;
create table other.s (id int, v text);
insert into other.s values (1, 'other');
-- prepare: path
select v from s where id = $1;
-- execute: path
-- params: 1
path;
set search_path = other, public;
-- execute: path
-- params: 1
path;
execute one_v (1);
reset search_path;
-- execute: path
-- params: 1
path;
-- session: second
-- execute: path
-- params: 1
path;

-- What the client wrote is shown, however it came
create table texts (id int primary key, v text default 'it''s 5$ \ "');
insert into texts values (1, 'a');
prepare shown as select * from texts where id = $1 and v <> 'it''s 5$ \ "';
prepare other as select 1;
-- prepare: of_protocol
select v from texts where id = $1
select name, statement, parameter_types, from_sql from pg_prepared_statements where name in ('shown', 'other', 'of_protocol') order by name;
select count(*), min(statement) from pg_catalog.pg_prepared_statements p where name = 'shown';
alter table texts add column w int default 5;
execute shown (1);
select statement from pg_prepared_statements where name = 'shown';
begin;
declare cursor_of_texts cursor for select * from texts where v <> 'x''y';
declare "Other" scroll cursor with hold for select 1;
select name, statement, is_holdable, is_scrollable from pg_cursors where name in ('cursor_of_texts', 'Other') order by name;
fetch cursor_of_texts;
commit;
select name, statement from pg_cursors where name <> '' order by name;
close "Other";
deallocate shown;
select name, statement from pg_prepared_statements where name in ('shown', 'other') order by name;
-- batch
prepare again as select id from texts; select name from pg_prepared_statements where name = 'again'; deallocate again;

select name ~ 'kameleon', statement ~ 'kdb_' from pg_prepared_statements where statement ~ 'kdb_[a-z]+_\d' or name ~ 'kameleon';
deallocate all;
drop table texts;
