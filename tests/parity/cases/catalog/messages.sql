-- What depends on what: ours is not among it.

create schema gone;
create table gone.a (id int primary key, t text);
create table gone.b (id int primary key, a int references gone.a);
create view gone.v as select * from gone.a;
create table gone.c (x int);
create table outside (id int, a int references gone.a);
insert into gone.a values (1, 'x');
drop table gone.a;
drop schema gone;
drop schema gone cascade;
drop table outside;

create collation c from "C";
create domain d as int;
create type e as enum ('x');
create function f(int) returns int language sql immutable as 'select $1';
create table uses_c (id int primary key, t text collate c);
create table uses_d (id int primary key, v d, w d[]);
create table uses_e (id int primary key, v e default 'x');
create view uses_v as select v from uses_e;
create table uses_f (id int primary key check (f(id) > 0));
create index on uses_f (f(id));
drop collation c;
drop domain d;
drop type e;
drop function f(int);
drop collation c cascade;
drop domain d cascade;
drop type e cascade;
drop function f(int) cascade;
select c.relname, a.attname from pg_class c join pg_attribute a on a.attrelid = c.oid where c.relname like 'uses%' and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped order by 1, a.attnum;
drop table uses_c, uses_d, uses_e, uses_f;

-- All a driver wants to know of types, in one message
-- batch
select version() is not null; -- it's here
select n.nspname, t.typname, t.typtype, e.typname as element from pg_type t left join pg_class c on c.oid = t.typrelid left join pg_proc p on p.oid = t.typreceive left join pg_range r on r.rngtypid = t.oid left join pg_type e on e.oid = case when p.proname = 'array_recv' then t.typelem when t.typtype = 'r' then r.rngsubtype when t.typtype = 'd' then t.typbasetype end join pg_namespace n on n.oid = t.typnamespace where (t.typtype in ('b', 'r', 'm', 'e', 'd') or t.typtype = 'c' and c.relkind = 'c') and n.nspname <> 'kameleon' order by 1, 2;
select t.typname, a.attname from pg_type t join pg_class c on c.oid = t.typrelid join pg_attribute a on a.attrelid = t.typrelid where t.typtype = 'c' and c.relkind = 'c' and a.attnum > 0 order by 1, a.attnum;
select t.typname, enumlabel from pg_enum join pg_type t on t.oid = enumtypid order by 1, enumsortorder;

select count(*) from pg_type t where t.typnamespace = 'public'::regnamespace;
