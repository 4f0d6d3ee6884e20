-- Queries of system catalogs that are kept in the database: in views, materialized views and routines in standard SQL

create schema kept;
create table kept.items (id int primary key, note text, price numeric check (price > 0));
create index items_note on kept.items (note);
insert into kept.items values (1, 'a', 2), (2, 'b', 3);
create view kept.relations as select c.oid as number, c.relname, c.relkind, c.oid::regclass as named, 'pg_class'::regclass as of, c.relhastriggers from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'kept' or c.relname ~ '^kdb';
select relname, relkind, named, of, relhastriggers from kept.relations order by relname;

-- Over them, and over tables besides
create view kept.over as select r.relname, i.note from kept.relations r left join kept.items i on i.id = length(r.relname) - 4;
select * from kept.over order by relname, note;
create view kept.constrained as select conname, conrelid::regclass as of, pg_get_constraintdef(k.oid) as said, (select count(*) from kept.items where price > 2) as dear from pg_catalog.pg_constraint k where conrelid::regclass::text ~ '(^kept|kdb_)' and contype <> 'n';
select * from kept.constrained order by conname;
update kept.items set price = price * 2;
select dear from kept.constrained limit 1;
select view_definition from information_schema.views where table_schema = 'kept' order by table_name;
select pg_get_viewdef('kept.relations'::regclass, true);
select definition from pg_views where viewname = 'over';

-- By names alone; the catalog's own name; USING, NATURAL, LATERAL, sub-selects, set operations, CTEs, ONLY
create view kept.plain as select relname from pg_class where pg_class.relname ~ '^(kdb_|items)';
select * from kept.plain order by 1;
create view kept.mixed as with own as (select schemaname, tablename from pg_tables where schemaname in ('kept', 'kameleon') and tablename <> 'x') select tablename from own natural join pg_catalog.pg_tables union select viewname from only pg_views v where schemaname = 'kept' and exists (select from pg_class x where x.relname = v.viewname);
select * from kept.mixed order by 1;
create view kept.lateral_ones as select t.tablename, i.indexname, i.indexdef from pg_tables t cross join lateral (select indexname, indexdef from pg_indexes x where x.tablename = t.tablename and x.schemaname = t.schemaname) i where t.schemaname in ('kept', 'kameleon') and t.tablename <> 'settings';
select * from kept.lateral_ones order by 1, 2;
create view kept.columns_of (t, c, d) as select table_name, column_name, data_type from information_schema.columns where table_schema in ('kept', 'kameleon') and table_name in ('items', 'plain', 'kdb_entity_definitions', 'kdb_records');
select * from kept.columns_of order by 1, 2;
create view kept.typed as select typname from pg_type where typname ~ '(kdb_|^items)';
select * from kept.typed order by 1;

-- Whole rows, system columns, the relation of a row; grouped by a key
create view kept.whole as select c from pg_class c where relname ~ '^(kdb_|items_)';
select (c).relname, pg_typeof(c) from kept.whole order by 1;
create view kept.rows_of as select (c.*)::text ~ 'items' as found, c.tableoid::regclass as of, c.xmin is null as unknown, c.ctid is null as nowhere from pg_class c where relname ~ '^(kdb_|items)';
select found, of, unknown, nowhere from kept.rows_of;
create view kept.grouped as select c.oid as number, c.relname, count(a.attnum) as columns from pg_class c left join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 where c.relname ~ '^(kdb_|items)' group by c.oid;
select relname, columns from kept.grouped order by 1;

-- Catalogs that are read, by name, to print a view or a routine's body
create view kept.rules as select ev_class::regclass::text as of, r.rulename from pg_rewrite r where ev_class::regclass::text ~ '(kdb_|^kept.(plain|rules)$)';
select * from kept.rules order by 1;
create view kept.all_of_them as select n.nspname, c.relname, r.rulename, r.ctid is null as nowhere, t.typname, 'pg_rewrite'::regclass as named from pg_rewrite r join pg_class c on c.oid = r.ev_class join pg_namespace n on n.oid = c.relnamespace join pg_type t on t.oid = c.reltype where c.relname ~ '^(kdb_|plain|rules)' and n.nspname in ('kept', 'kameleon');
select * from kept.all_of_them order by 1, 2;
create or replace view kept.rules as select ev_class::regclass::text as of, r.rulename from pg_rewrite r where ev_class::regclass::text ~ '(kdb_|^kept.(plain|all_of_them)$)';
select * from kept.rules order by 1;
select pg_get_viewdef('kept.rules'::regclass), pg_get_ruledef(oid) from pg_rewrite where ev_class = 'kept.all_of_them'::regclass;

-- Statistics
create view kept.counted as select relname, n_tup_ins >= 0 as inserted from pg_stat_user_tables where schemaname in ('kept', 'kameleon') and relname <> 'settings';
select * from kept.counted order by 1;

-- Not to be had of a view: of the catalog itself
create view kept.sampled as select relname from pg_class tablesample system (100) where relname in ('items', 'pg_class');
select * from kept.sampled order by 1;

-- Changed, renamed, dropped
create or replace view kept.plain as select relname from pg_class where pg_class.relname ~ '^(kdb_|items|plain)' and relkind <> 'i';
select * from kept.plain order by 1;
alter view kept.plain rename to plainer;
select * from kept.plainer order by 1;
alter view kept.plainer set (security_barrier);
grant select on kept.plainer to public;
select * from kept.plainer order by 1;
create or replace view kept.plainer as select 'items'::name as relname;
select * from kept.plainer;
drop view kept.plainer;
select * from kept.plainer;
create view kept.plainer as select conname from pg_constraint where conname ~ '^(kdb_|items)' and contype <> 'n';
begin;
create or replace view kept.plainer as select conname from pg_constraint where conname ~ '^(kdb_|items_p)' and contype <> 'n';
select * from kept.plainer order by 1;
rollback;
select * from kept.plainer order by 1;

-- Temporary ones, and materialized ones
create temp view of_now as select relname from pg_class where relname ~ '^(kdb_|items)';
select * from of_now order by 1;
select relname from pg_class where relnamespace = pg_my_temp_schema() order by 1;
select viewname from pg_views where schemaname like 'pg\_temp\_%';
select table_name, column_name from information_schema.columns where table_schema like 'pg\_temp\_%';
select typname from pg_type where typnamespace = pg_my_temp_schema() order by 1;
create materialized view kept.then as select relname from pg_class where relname ~ '^(kdb_|items)';
select * from kept.then order by 1;
create table kept.items_too (id int);
select * from kept.then order by 1;
refresh materialized view kept.then;
select * from kept.then order by 1;
create materialized view kept.later as select tablename from pg_tables where tablename ~ '^(kdb_|items)' with no data;
select * from kept.later;
refresh materialized view kept.later;
select * from kept.later order by 1;
create unique index on kept.later (tablename);
drop table kept.items_too;
refresh materialized view concurrently kept.later;
select * from kept.later order by 1;

-- Routines in standard SQL
create function kept.names() returns setof name stable begin atomic select relname from pg_class where relname ~ '^(kdb_|items)' order by 1; end;
select * from kept.names();
create function kept.count_of(pattern text) returns bigint return (select count(*) from pg_class where relname ~ pattern);
select kept.count_of('^kdb_'), kept.count_of('^items$');
create function kept.procedures() returns setof text begin atomic select proname || ' of ' || nspname from pg_proc p join pg_namespace n on n.oid = pronamespace where proname in ('names', 'query_over') or proname ~ '^kdb_'; end;
select * from kept.procedures() order by 1;
create function kept.calls_itself(n int) returns bigint return (select case n when 0 then count(*) else kept.calls_itself(n - 1) end from pg_proc where proname ~ '^kdb_');
select kept.calls_itself(2);
create function kept.ruled() returns bigint return (select count(*) from pg_rewrite where ev_class::regclass::text ~ 'kdb_');
select kept.ruled();
create view kept.called as select kept.count_of('^kdb_') as n, relname from kept.relations;
select * from kept.called order by relname;
create procedure kept.note_down() begin atomic insert into kept.items select 10 + count(*), max(relname), 1 from pg_class where relname ~ '^kdb_' or relname = 'items'; delete from kept.items where id = (select count(*) from pg_tables where tablename ~ '^(kdb_|items)'); end;
call kept.note_down();
table kept.items order by id;
select pg_get_functiondef('kept.names'::regproc);
create or replace function kept.names() returns setof name stable begin atomic select relname from pg_class where relname ~ '^(kdb_|items)' and relkind = 'r' order by 1; end;
select * from kept.names();
drop function kept.names();

-- Functions that tell of a relation's storage, and of what a routine runs
create table kept.large (id int, t text);
insert into kept.large select n, repeat('x', 100) from generate_series(1, 2000) as n;
create view kept.sizes as select relname, pg_total_relation_size(c.oid) > 100000 as is_large, s.size > 100000 as again, pg_catalog.pg_relation_size(c.oid, 'main') > 100000 as mainly from pg_class c, lateral pg_table_size(c.oid) as s (size) where c.oid in ('kept.items'::regclass, 'kept.large'::regclass);
select * from kept.sizes order by 1;
create view kept.unnamed as select relname, pg_relation_size > 100000 as is_large from pg_class c, pg_relation_size(c.oid) where c.oid in ('kept.items'::regclass, 'kept.large'::regclass);
select * from kept.unnamed order by 1;
create view kept.texts as select proname, pg_get_functiondef(p.oid) as said, pg_get_function_sqlbody(p.oid) as body from pg_proc p where pronamespace = 'kept'::regnamespace and prosqlbody is not null and proname in ('count_of', 'ruled');
select * from kept.texts order by 1;
create function kept.size_of(name) returns boolean return (select pg_table_size(oid) > 100000 from pg_class where relname = $1 and relnamespace = 'kept'::regnamespace);
select kept.size_of('large'), kept.size_of('items');
create materialized view kept.sizes_then as select * from kept.sizes;
select * from kept.sizes_then order by 1;

-- Their schema by another name, with views over tables that are not in it
create schema kept_views;
create view kept_views.plain as select relname from pg_class where relname ~ '^(kdb_|items)';
create view kept_views.of_items as select id, note from kept.items;
create materialized view kept_views.then as select relname from pg_class where relname ~ '^(kdb_|items)';
alter schema kept_views rename to kept_ones;
select * from kept_ones.plain order by 1;
select * from kept_ones.of_items order by id;
update kept_ones.of_items set note = note where id = 1;
refresh materialized view kept_ones.then;
select * from kept_ones.then order by 1;
drop schema kept_ones cascade;

-- Kept as rows
-- shape
explain (analyze, costs off, timing off, summary off) create table kept.explained as select relname from pg_class where relname ~ '^(kdb_|items)';
select * from kept.explained order by 1;
-- shape
explain analyze insert into kept.explained select tablename from pg_tables where tablename ~ '^(kdb_|items)';
select * from kept.explained order by 1;

-- Who may read it may not read more
create view kept.secrets as select passwd is null as hidden from pg_shadow limit 1;
grant usage on schema kept to parity_reader;
grant select on kept.relations, kept.then to parity_reader;
set role parity_reader;
select relname from kept.relations order by 1;
select * from kept.then order by 1;
select * from kept.over;
select * from kept.secrets;
reset role;
drop schema kept cascade;
