-- SET CONSTRAINTS by name: of the client's own, in DO blocks and in functions.
create table parent (id int primary key);
create table child (id int primary key,
    a int constraint firm references parent,
    b int constraint late references parent deferrable initially deferred,
    c int constraint maybe references parent deferrable,
    d int constraint "Odd ""name""" references parent on delete cascade deferrable initially deferred);
insert into parent values (1), (2);
create function deferring() returns void language plpgsql as $$ begin set constraints maybe deferred; end $$;
create function checking() returns void language plpgsql as $$ begin set constraints late, "Odd ""name""" immediate; end $$;
create function in_sql() returns void language sql as 'set constraints public.maybe deferred';
create procedure by_call() language plpgsql as $$ begin set constraints maybe deferred; end $$;
create function caught() returns text language plpgsql as $$
declare
    named int;
begin
    select count(*) into named from pg_constraint where conname = 'late';
    set constraints late immediate;
    return 'none of ' || named;
exception when foreign_key_violation then
    raise warning '%', sqlerrm;
    return 'one of ' || named;
end $$;

-- In a DO block.
begin;
do $$ begin set constraints maybe deferred; end $$;
insert into child values (1, 1, 1, 7, 1);
insert into parent values (7);
commit;
begin;
do $$ begin set constraints maybe deferred; end $$;
insert into child values (2, 1, 1, 8, 1);
commit;
begin;
do $$ begin set constraints late immediate; end $$;
insert into child values (2, 1, 8, 1, 1);
rollback;
begin;
insert into child values (2, 1, 8, 1, 1);
do $$ begin set constraints late immediate; end $$;
rollback;
begin;
do $$ begin set constraints maybe, public.late, "Odd ""name""" immediate; end $$;
insert into child values (2, 1, 1, 1, 8);
rollback;
begin;
do $$ begin execute 'set constraints maybe deferred'; end $$;
insert into child values (2, 1, 1, 8, 1);
set constraints maybe immediate;
rollback;

-- In functions and procedures.
begin;
select deferring();
insert into child values (2, 1, 1, 8, 1);
insert into parent values (8);
select checking();
commit;
begin;
insert into child values (3, 1, 1, 1, 9);
select checking();
rollback;
begin;
insert into child values (3, 1, 9, 1, 1);
select checking();
rollback;
begin;
select in_sql();
insert into child values (3, 1, 1, 9, 1);
delete from parent where id = 8;
set constraints public.maybe immediate;
rollback;
begin;
call by_call();
insert into child values (3, 1, 1, 9, 1);
insert into parent values (9);
commit;
begin;
select caught();
insert into child values (4, 1, 10, 1, 1);
select caught();
rollback;
select * from child order by id;

-- What there is none of, and what cannot be deferred.
begin;
do $$ begin set constraints firm deferred; end $$;
rollback;
begin;
set constraints firm deferred;
rollback;
begin;
set constraints public.firm immediate;
insert into child values (4, 10, 1, 1, 1);
rollback;
begin;
set constraints maybe, firm deferred;
rollback;
begin;
do $$ begin set constraints nonesuch deferred; end $$;
rollback;
begin;
set constraints nonesuch immediate;
rollback;
begin;
set constraints elsewhere.maybe deferred;
rollback;
begin;
set constraints maybe, nonesuch deferred;
rollback;
do $$ begin set constraints maybe deferred; end $$;
set constraints maybe deferred;
insert into child values (4, 1, 1, 10, 1);

-- Savepoints take it back.
begin;
savepoint s;
do $$ begin set constraints maybe deferred; end $$;
rollback to s;
insert into child values (4, 1, 1, 10, 1);
rollback;
begin;
do $$ begin
    begin
        set constraints maybe deferred;
        raise exception 'no';
    exception when raise_exception then null;
    end;
end $$;
insert into child values (4, 1, 1, 10, 1);
rollback;

-- After a constraint got another name.
alter table child rename constraint maybe to "Surely so";
alter table child rename constraint late to maybe;
begin;
do $$ begin set constraints "Surely so" deferred; end $$;
insert into child values (4, 1, 1, 10, 1);
set constraints "Surely so" immediate;
rollback;
begin;
do $$ begin set constraints maybe immediate; end $$;
insert into child values (4, 1, 10, 1, 1);
rollback;
begin;
do $$ begin set constraints late immediate; end $$;
rollback;
insert into child values (4, 1, 10, 1, 1);
insert into child values (4, 1, 1, 10, 1);
alter table child rename constraint "Surely so" to late;
begin;
alter table child rename constraint late to soon;
set constraints soon deferred;
insert into child values (4, 1, 1, 10, 1);
rollback;
begin;
set constraints late deferred;
insert into child values (4, 1, 1, 10, 1);
insert into parent values (10);
commit;

-- After ALTER CONSTRAINT.
alter table child alter constraint late not deferrable;
begin;
do $$ begin set constraints late deferred; end $$;
rollback;
alter table child alter constraint firm deferrable;
begin;
do $$ begin set constraints firm deferred; end $$;
insert into child values (5, 11, 1, 1, 1);
insert into parent values (11);
commit;
alter table child alter constraint firm initially deferred;
begin;
do $$ begin set constraints firm immediate; end $$;
insert into child values (6, 12, 1, 1, 1);
rollback;
alter table child alter constraint firm not deferrable;
alter table child alter constraint late deferrable;

-- DDL in the transaction leaves it as it was set.
begin;
set constraints late deferred;
alter table child add e int constraint more references parent deferrable;
alter table parent add f int unique;
alter table child rename a to aa;
insert into child values (6, 1, 1, 12, 1, 12);
rollback;
begin;
set constraints late deferred;
alter table child add e int;
alter table parent add f int;
create index on child (e);
insert into child values (6, 1, 1, 12, 1, 12);
set constraints late immediate;
rollback;
begin;
set constraints late deferred;
alter table child rename constraint late to later;
insert into child values (6, 1, 1, 12, 1);
set constraints later immediate;
rollback;
begin;
set constraints late deferred;
alter table child alter constraint late deferrable initially deferred;
alter table child alter constraint late deferrable initially immediate;
insert into child values (6, 1, 1, 12, 1);
rollback;

-- Two schemas.
create schema other;
create table other.parent (id int primary key);
create table other.child (id int constraint late references other.parent deferrable,
    up int constraint alone references other.parent deferrable);
insert into other.parent values (1);
begin;
do $$ begin set constraints other.late deferred; end $$;
insert into other.child values (9, 1);
insert into child values (7, 1, 1, 12, 1);
rollback;
begin;
do $$ begin set constraints late deferred; end $$;
insert into child values (7, 1, 1, 12, 1);
insert into other.child values (9, 1);
rollback;
begin;
do $$ begin set constraints alone deferred; end $$;
rollback;
set search_path = other, public;
begin;
do $$ begin set constraints late, alone deferred; end $$;
insert into other.child values (9, 9);
insert into public.child values (7, 1, 1, 12, 1);
rollback;
begin;
do $$ begin set constraints maybe immediate; end $$;
insert into public.child values (7, 1, 12, 1, 1);
rollback;
reset search_path;
create function there() returns void language plpgsql set search_path = other as $$ begin set constraints late deferred; end $$;
begin;
select there();
insert into other.child values (9, 1);
insert into child values (7, 1, 1, 12, 1);
rollback;

-- Two tables of one schema, whose constraints have the same name; and a table that refers to itself.
create table second (id int primary key constraint late references second deferrable, up int constraint maybe references parent);
begin;
do $$ begin set constraints late deferred; end $$;
insert into second values (1, 1);
insert into child values (7, 1, 1, 12, 1);
set constraints late immediate;
rollback;
begin;
do $$ begin set constraints maybe deferred; end $$;
rollback;
begin;
do $$ begin set constraints maybe immediate; end $$;
insert into child values (7, 1, 12, 1, 1);
rollback;
drop table second;

-- An index of the same name, over other columns.
create index late on child (a, d);
create index maybe on child (id);
begin;
insert into child values (7, 1, 12, 1, 1);
set constraints maybe immediate;
rollback;
insert into child values (7, 1, 1, 12, 1);
delete from parent where id = 7;
insert into child values (1, 1, 1, 1, 1);
drop index late, maybe;

-- SET SCHEMA takes the name along, and ALTER SCHEMA.
create schema third;
create table third.parent (id int primary key);
create table third.node (id int, up int constraint upwards references third.parent deferrable);
alter table third.node set schema other;
begin;
do $$ begin set constraints third.upwards deferred; end $$;
rollback;
begin;
do $$ begin set constraints other.upwards deferred; end $$;
insert into other.node values (1, 1);
set constraints other.upwards immediate;
rollback;
alter schema other rename to another;
begin;
do $$ begin set constraints another.upwards deferred; end $$;
insert into another.node values (1, 1);
insert into third.parent values (1);
commit;
begin;
do $$ begin set constraints other.upwards deferred; end $$;
rollback;
insert into another.node values (2, 2);

-- A key that is dropped and made again, also in the transaction.
begin;
alter table another.node drop constraint upwards;
do $$ begin set constraints another.upwards deferred; end $$;
rollback;
begin;
alter table another.node drop constraint upwards;
alter table another.node add constraint upwards foreign key (up) references third.parent deferrable;
do $$ begin set constraints another.upwards deferred; end $$;
insert into another.node values (2, 2);
set constraints all immediate;
rollback;
begin;
do $$ begin set constraints another.upwards deferred; end $$;
insert into another.node values (2, 2);
insert into third.parent values (2);
delete from third.parent where id = 1;
set constraints another.upwards immediate;
rollback;
alter table another.node alter up type bigint;
begin;
do $$ begin set constraints another.upwards deferred; end $$;
insert into another.node values (2, 2);
set constraints another.upwards immediate;
rollback;
select conname, connamespace::regnamespace::text, conrelid::regclass::text, condeferrable, conparentid from pg_constraint where conname = 'upwards';
select constraint_schema, table_schema, table_name, constraint_name, is_deferrable from information_schema.table_constraints where constraint_name = 'upwards';
select constraint_schema, constraint_name, unique_constraint_name from information_schema.referential_constraints where constraint_name = 'upwards';
select table_schema, table_name, column_name, constraint_name from information_schema.constraint_column_usage where constraint_name = 'upwards';
select table_schema, table_name, column_name, constraint_name from information_schema.key_column_usage where constraint_name = 'upwards';
select table_schema, table_name, constraint_name from information_schema.constraint_table_usage where constraint_name = 'upwards';

-- A key that is not enforced.
-- only: 18
alter table another.node alter constraint upwards not enforced;
-- only: 18
begin;
-- only: 18
do $$ begin set constraints another.upwards deferred; end $$;
-- only: 18
insert into another.node values (2, 2);
-- only: 18
rollback;
-- only: 18
alter table another.node alter constraint upwards enforced;
-- only: 18
begin;
-- only: 18
do $$ begin set constraints another.upwards deferred; end $$;
-- only: 18
insert into another.node values (2, 2);
-- only: 18
set constraints another.upwards immediate;
-- only: 18
rollback;

-- A key of temporary tables.
create temporary table here (id int primary key, up int constraint upwards references here deferrable);
begin;
do $$ begin set constraints upwards deferred; end $$;
insert into here values (1, 5);
set constraints upwards immediate;
rollback;

-- Those of earlier sessions.
-- session: fresh
begin;
do $$ begin set constraints another.upwards deferred; end $$;
insert into another.node values (2, 2);
insert into third.parent values (2);
commit;

-- Beside keys of dedicated tables, one of which becomes a partition.
set client_min_messages = warning;
create table whole (id int, up int constraint upwards references third.parent deferrable) partition by list (id);
create table part (id int, up int constraint "Upwards" references third.parent deferrable);
begin;
do $$ begin set constraints another.upwards, "Upwards" deferred; end $$;
insert into another.node values (3, 3);
insert into part values (1, 3);
insert into whole values (1, 3);
rollback;
alter table whole attach partition part for values in (1);
begin;
do $$ begin set constraints upwards deferred; end $$;
insert into whole values (1, 3);
set constraints upwards immediate;
rollback;
begin;
do $$ begin set constraints another.upwards deferred; end $$;
insert into another.node values (3, 3);
set constraints another.upwards immediate;
rollback;
drop table whole;
reset client_min_messages;
