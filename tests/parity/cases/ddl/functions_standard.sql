-- Functions and procedures with bodies in standard SQL that read tables: whoever calls them, whatever becomes of the tables

create table t (id int primary key, v text, n numeric(8,2) default 1.5);
create table u (id int primary key, t_id int references t, note varchar(20));
insert into t values (1, 'one'), (2, 'two'), (3, 'three');
insert into u values (10, 1, 'a'), (11, 1, 'b'), (12, 3, 'c');

-- Results of every kind
create function counted() returns bigint language sql stable begin atomic select count(*) from t; end;
create function named(i int) returns text language sql return (select v from t where id = i);
create function ambiguous(id int) returns text language sql return (select t.v from t where t.id = ambiguous.id);
create function whole() returns setof t language sql begin atomic select * from t order by id; end;
create function whole_row(i int) returns t language sql return (select t from t where id = i);
create function listed(from_id int, out id int, out label text) returns setof record language sql begin atomic select t.id, v || '!' from t where t.id >= from_id order by 1; end;
create function tabled() returns table (a int, "b c" text) language sql stable begin atomic select u.id, t.v from u join t on t.id = u.t_id order by 1; end;
create function columns_of(variadic ids int[]) returns text[] language sql return array(select v from t where id = any (ids) order by id);
create function last_of_many() returns text language sql begin atomic select 'first' from t; with w as (select v, row_number() over (order by id) as r from t) select string_agg(w.v || r, ',' order by r) from w where exists (select from u where u.t_id = w.r); end;
create function as_json() returns json language sql return (select json_agg(row_to_json(x) order by x.id) from t as x);
create function places() returns boolean language sql return (select bool_and(ctid is not null and xmin is not null) from t);
create function oids() returns bigint language sql return (select count(distinct tableoid) from t);
create function of_rows() returns text language sql return (select string_agg(t::text, ';' order by id) from t where t is not null);
create procedure told(inout i int, out w text) language sql begin atomic select id, v from t where id = i; end;
create procedure quiet() language sql begin atomic select * from t; end;
create function only_t() returns bigint language sql return (select count(*) from only t);
select counted(), named(2), ambiguous(3), only_t(), as_json(), places(), oids(), of_rows();
select * from whole();
select whole();
select (whole_row(2)).*, whole_row(3), whole_row(9);
select * from whole_row(1);
select * from listed(2);
select * from tabled();
select columns_of(1, 3), last_of_many();
call told(2, null);
call quiet();
-- params: 1
-- params: 3
select named($1), (select count(*) from listed($1)) as c from t where id = $1;
select w.id, u.note from whole() as w left join u on u.t_id = w.id order by 1, 2;
insert into t values (4, 'four', 4);
update t set v = upper(v) where id = 1;
select counted(), named(1), named(4), only_t() from t where id = 4;
begin;
delete from t where id = 4;
select counted(), named(4);
rollback;
select counted(), named(4);
explain (costs off) select named(1);

-- Who is called by what
create function twice() returns bigint language sql return counted() + (select count(*) from u) + counted();
create table defaulted (id int primary key, how_many bigint default counted(), check (named(1) is not null), w text);
insert into defaulted (id, w) values (1, named(2)) returning *;
create view over_it as select id, named(id) as name, counted() as c from t;
create view of_it as select * from tabled();
select * from over_it order by id;
select * from of_it;
create materialized view kept as select * from whole();
insert into t values (5, 'five');
select id, v from kept order by id;
refresh materialized view kept;
select id, v from kept order by id;
select twice();
create function by_text(i int) returns text language sql as 'select named(i)';
create function by_plpgsql(i int) returns text language plpgsql as $$ begin return named(i) || counted(); end $$;
select by_text(5), by_plpgsql(5);
do $$ begin if counted() <> 5 then raise exception 'counted %', counted(); end if; end $$;

-- Over views, and views over those
create view v1 as select id, v, n from t where id > 1;
create view v2 as select v1.id, upper(v) as up, note from v1 left join u on u.t_id = v1.id;
create function over_views() returns setof v2 language sql begin atomic select * from v2 order by id, note; end;
create function mixed() returns bigint language sql return (select count(*) from v1 join t using (id) join v2 using (id));
select * from over_views();
select mixed();
create or replace view v1 as select id, v || '?' as v, n from t where id > 2;
select * from over_views();
select mixed();
alter view v1 rename to v3;
select * from over_views();
alter view v3 rename column n to number;
select mixed();
drop view v3;
create view w as select * from over_views();
select * from w;

-- Shown as it was written
select pg_get_functiondef('named'::regproc);
select pg_get_functiondef(oid) from pg_proc where proname in ('counted', 'ambiguous', 'whole', 'whole_row', 'listed', 'tabled', 'columns_of', 'last_of_many', 'as_json', 'places', 'of_rows', 'told', 'only_t', 'over_views', 'twice') order by proname;
select proname, pg_get_function_sqlbody(oid), pg_catalog.pg_get_function_sqlbody(oid) = pg_get_function_sqlbody(oid) as same from pg_proc where proname in ('named', 'mixed', 'by_text') order by proname;
select proname, prosqlbody is null as is_null, prosqlbody::text ~ ('relid ' || 't'::regclass::oid || ' ') as reads_t from pg_proc where pronamespace = 'public'::regnamespace order by proname;
select routine_name, routine_type, data_type, routine_body, routine_definition, external_language from information_schema.routines where specific_schema = 'public' order by 1;
select routine_name, table_name from information_schema.routine_table_usage where routine_schema = 'public' order by 1, 2;
select count(*) from pg_proc where proname like 'kdb%' or pronamespace not in (select oid from pg_namespace);
select pg_describe_object(classid, objid, objsubid), pg_describe_object(refclassid, refobjid, refobjsubid), deptype from pg_depend where refobjid in ('t'::regclass, 'named'::regproc) and classid = 'pg_proc'::regclass order by 1, 2;
select count(*) from pg_depend d join pg_proc p on d.refobjid = p.oid and d.refclassid = 'pg_proc'::regclass where p.proname = 'whole_row';

-- The tables altered
alter table t add column extra date default '2020-02-02';
select * from whole();
alter table t add column spare int;
alter table t drop column spare;
select * from whole();
select counted(), named(2);
create or replace function named(i int) returns text language sql return (select v || extra from t where id = i);
select named(2);
alter table t rename column v to vv;
select counted(), named(2), last_of_many();
select pg_get_functiondef('named'::regproc);
alter table u alter column note type text;
select * from tabled();
alter table t drop column vv;
alter table t drop column n;
alter table u add column spare int;
alter table u drop column spare;
select * from tabled();
alter table t rename to tt;
select counted(), named(2);
create schema s;
alter table tt set schema s;
select counted(), named(2), twice();
select pg_get_function_sqlbody('counted'::regproc);
set search_path = s, public;
select pg_get_function_sqlbody('public.counted'::regproc);
reset search_path;
alter table s.tt set schema public;
alter table tt rename to t;
alter table t add check (id > 0);
truncate u;
select * from tabled();
insert into u values (20, 2, 'z');
select * from tabled();
create index on t (extra);
select counted();
vacuum analyze t;
select counted(), * from whole() where id = 1;

create table shape (id int, a text, b numeric, c date, "d.*" int);
insert into shape values (1, 'a1', 1.5, '2020-01-01', 7), (2, 'a2', 2.5, '2020-01-02', 8);
create function of_a() returns text language sql stable return (select string_agg(a, ',' order by id) from shape);
create function rows_of_a() returns table (a text, d int) language sql stable begin atomic select a, "d.*" from shape where ctid is not null; end;
create function of_json() returns text language sql stable return (select json_agg(s order by id)::text from (select * from shape) as s);
create function of_whole() returns text language sql stable return (select json_agg(shape order by id)::text from shape where xmin is not null);
prepare a as select of_a();
prepare b as select * from rows_of_a() order by 1;
execute a;
execute b;
select of_a(), of_json(), of_whole();
alter table shape add column e int default 5;
execute a;
execute b;
select of_a(), of_json(), of_whole();
drop function of_json(), of_whole();
alter table shape drop column b;
execute a;
execute b;
alter table shape alter column c type timestamp;
execute a;
execute b;
alter table shape rename column a to aa;
execute a;
execute b;
alter table shape rename column e to a;
execute a;
execute b;
insert into shape (id, aa) values (3, 'a3');
execute a;
execute b;
alter table shape drop column c, drop column a;
execute a;
execute b;
select pg_get_functiondef('of_a'::regproc), pg_get_functiondef('rows_of_a'::regproc);
alter table shape drop column "d.*";
alter table shape drop column "d.*" cascade;
execute b;
execute a;
alter table shape drop column aa cascade;
execute a;
deallocate all;

-- The routines altered
alter function named(int) rename to called;
select called(2);
select pg_get_functiondef('called'::regproc);
alter function called(int) set schema s;
select s.called(3);
alter function s.called(int) cost 10 stable;
alter function s.called(int) set work_mem = '4MB';
alter function s.called(int) owner to parity_owner;
select pg_get_functiondef('s.called'::regproc);
select s.called(3);
comment on function s.called(int) is 'calls';
select obj_description('s.called'::regproc), s.called(1);
create or replace function counted() returns bigint language sql return (select count(*) * 100 from u);
select counted(), twice();
create or replace function counted() returns bigint language sql as 'select 5::bigint';
select counted(), twice();
select pg_get_function_sqlbody('counted'::regproc), prosrc from pg_proc where proname = 'counted';
create or replace function counted() returns bigint language sql return (select count(*) from t);
select counted(), twice();
create function "Fac""torial"(k int) returns int language sql return null;
create or replace function "Fac""torial"(k int) returns int language sql return (select case when k <= 1 then 1 else k * "Fac""torial"(k - 1) end from t where id = 1 and k > 0);
select "Fac""torial"(5);
select pg_get_functiondef('"Fac""torial"'::regproc);
alter table t add column later int;
select "Fac""torial"(4);
alter table t drop column later;
select "Fac""torial"(3);
begin;
create or replace function counted() returns bigint language sql return (select sum(id) from t);
select counted();
rollback;
select counted();
begin;
create function gone() returns bigint language sql return (select sum(id) from t);
select gone();
savepoint a;
alter table t add column more int default 3;
select gone();
rollback to a;
select gone();
rollback;
select gone();

-- Errors
create function wrong() returns int language sql return (select nope from t);
create function wrong() returns int language sql return (select v from t where id = 1);
create function wrong(i int) returns int language sql return (select nope(id) from t);
create function division() returns int language sql return (select id / 0 from t limit 1);
select division();
create function too_many() returns int language sql return (select id from t);
select too_many();
create function cast_it(w text) returns int language sql return (select w::int from t limit 1);
select cast_it('x');
drop table t;
drop view v2;
alter table u drop column note;
drop function counted();
drop function s.called(int), division(), too_many(), cast_it(text);
select s.called(1);

-- Rights
grant create, usage on schema public to parity_writer;
grant usage on schema s to parity_reader;
create function rights() returns bigint language sql return (select count(*) from u);
create function definer() returns bigint language sql security definer return (select count(*) from u);
-- session: reader user=parity_reader
select rights();
select definer();
select * from tabled();
-- session: writer user=parity_writer
create function theirs() returns bigint language sql return (select count(*) from u);
select theirs();
-- session: main
grant select on u to parity_writer;
-- session: writer
select theirs(), rights(), definer();
select * from tabled();
-- session: main
revoke select on u from parity_writer;
revoke execute on function rights() from public;
-- session: writer
select theirs();
select rights();
drop function theirs();
-- session: main

-- Temporary ones
create function pg_temp.passing() returns bigint language sql return (select count(*) from t);
select pg_temp.passing();
create temp view passing as select id from t;
create function pg_temp.over_temporary() returns bigint language sql return (select sum(id) from passing);
select pg_temp.over_temporary();
alter table t add column again int;
select pg_temp.passing(), pg_temp.over_temporary();
drop function pg_temp.passing();

-- Everything goes
drop table u cascade;
select tabled();
drop table t cascade;
select counted();
select twice();
select proname from pg_proc where pronamespace = 'public'::regnamespace and prosqlbody is not null order by 1;

-- A body that writes to one table and reads another
create table source (id int, v text);
create table log (id int, v text);
insert into source values (1, 'x'), (2, 'y');
create procedure logged(i int) language sql begin atomic insert into log select * from source where id = i; update log set v = v || (select count(*) from source) where id = i; end;
call logged(1);
call logged(2);
select * from log order by id;
insert into source values (3, 'z');
alter table source rename column v to value;
call logged(3);
select * from log order by id;
create function locking() returns setof source language sql begin atomic select * from source where id = 1 for update; end;
select * from locking();
-- What documents cannot give: the table keeps its rows itself
set client_min_messages = warning;
create table sampled (id int);
insert into sampled values (1), (2);
create function sample() returns bigint language sql return (select count(*) from sampled tablesample bernoulli (100));
select sample();
select pg_get_functiondef('sample'::regproc);

-- One routine depends on each column: of several PostgreSQL tells any.
create table typed (id int primary key, v text, n numeric(8,2));
create function of_v() returns text language sql return (select max(typed.v) from typed);
create function of_n() returns numeric language sql return (select sum(typed.n) from typed);
insert into typed values (1, 'a', 1.5);
alter table typed alter column v type varchar(50);
alter table typed alter column n type numeric(10,3);
alter table typed alter column id type bigint;
select of_v(), of_n(), * from typed;
