-- Functions whose bodies are bound to tables

set client_min_messages = warning;
create table t (id int primary key, v text);
insert into t values (1, 'one'), (2, 'two');
create table other (id int primary key references t);
create function counted() returns bigint language sql begin atomic select count(*) from t; end;
select counted();
insert into t values (3, 'three');
select counted(), v from t order by id;
create function named(i int) returns text language sql return (select v from t where id = i);
select id, named(id) from t order by id;
create or replace procedure put(i int, w text) language sql begin atomic insert into t values (i, w); update t set v = v || '!' where id = i; delete from t where id = i - 1; end;
call put(4, 'four');
select * from t order by id;
alter table t rename column v to w;
select named(4);
drop table t;
drop function counted, named cascade;
drop procedure put;

-- Rows as arguments, and who makes them
create table kept (id int, v text);
insert into kept values (1, 'x');
create function label(k kept) returns text language sql return k.v || k.id;
create function plain(i int) returns int language sql return i + 1;
select label(kept), plain(id), kept.label from kept;
begin;
create function bound() returns setof kept language sql begin atomic select * from kept; end;
select * from bound();
rollback;
select * from kept;
create function wrong() returns int language sql return (select nope from kept);
grant select on kept to parity_writer;
grant create on schema public to parity_writer;
-- session: writer user=parity_writer
create function theirs() returns void language sql begin atomic delete from kept; end;
drop function theirs();
create function theirs() returns bigint language sql begin atomic select count(*) from kept; end;
select theirs();
drop function theirs();
-- session: main
select count(*) from kept;
create table behind (id int, v text);
insert into behind values (1, 'b');
create view over_it as select id, v from behind;
create function through() returns setof over_it language sql begin atomic select * from over_it; insert into behind values (2, 'c'); select * from over_it order by id; end;
select * from through();
