-- What those who look at a whole database are shown: nothing that a table's storage is made of.

create schema shop;
create table shop.customers (id serial primary key, name text not null check (name <> ''), mail text unique);
create table orders (id int generated always as identity primary key, customer_id int references shop.customers, note text, day date default current_date);
create index orders_note on orders (lower(note)) where note is not null;
create type size as enum ('s', 'm');
create function double(int) returns int language sql immutable return $1 * 2;

select n.nspname, c.relname, c.relkind, c.relhassubclass, c.relhastriggers, c.relhasrules from pg_catalog.pg_class c join pg_catalog.pg_namespace n on n.oid = c.relnamespace where n.nspname !~ '^(pg_.*|information_schema)$' and (n.nspname <> 'kameleon' or c.relkind <> 'v' or c.relname ~ '^kdb_') order by 1, 2;
select relname from pg_class where relname ~ '^kdb_';
select t.typname, t.typtype from pg_type t join pg_namespace n on n.oid = t.typnamespace where n.nspname in ('public', 'shop') or t.typname ~ 'kdb_' order by 1;
select n.nspname, p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname not in ('pg_catalog', 'information_schema') and p.prokind = 'f' and (n.nspname <> 'kameleon' or obj_description(p.oid, 'pg_proc') is null) order by 1, 2;
select conname, contype from pg_constraint c join pg_namespace n on n.oid = connamespace where n.nspname not in ('pg_catalog', 'information_schema', 'kameleon') and contype <> 'n' order by 1;
select conname from pg_constraint where conname ~ 'kdb_' and conname !~ '^kdb_records_(?!bucket)';
select conrelid::regclass, count(*) from pg_constraint where contype = 'f' and connamespace <> coalesce(to_regnamespace('kameleon')::oid, 0) group by 1 order by 1;
select castsource::regtype from pg_cast where castsource::regtype::text ~ 'kdb_|orders|customers';
select stxname from pg_statistic_ext;
select r.rulename, r.ev_class::regclass from pg_rewrite r join pg_class c on c.oid = r.ev_class where c.relname ~ '^kdb_';

-- A key lets the other columns be selected; system columns; whole rows; stars
select c.oid = 'orders'::regclass, c.relname, count(*) from pg_class c join pg_attribute a on a.attrelid = c.oid where c.relname = 'orders' and a.attnum > 0 group by c.oid;
select c.tableoid::regclass, c.relname, c.xmin is not null from pg_class c where relname in ('orders', 'customers') order by 2;
select tableoid::regclass, nspname from pg_namespace where nspname = 'shop';
select (n).nspname, n is null from (select n from pg_namespace n where nspname = 'shop') s;
select count(*) from (select * from pg_class where relname = 'orders') x;
select relname from only pg_class where relname = 'orders';
table pg_nothing;
select relnope from pg_class;
select count(*) from pg_class tablesample system (100) where relname = 'orders';
select pg_class.relname from pg_catalog.pg_class natural join (select 'orders'::name as relname) s;
with k as (select oid, relname from pg_class where relkind = 'r') select relname from k where relname in ('orders', 'customers') order by 1;
select relname, (select nspname from pg_namespace where oid = relnamespace) from pg_class where relname = 'customers' and exists (select from pg_attribute where attrelid = pg_class.oid and attname = 'mail');
create view of_catalog as select relname from pg_class where relname = 'orders';
select pg_get_viewdef('of_catalog'::regclass);
select * from of_catalog;
create temp table pg_tables (tablename text);
insert into pg_tables values ('mine');
select * from pg_tables;
select count(*) from pg_catalog.pg_tables where tablename in ('orders', 'customers');
drop table pg_tables;

-- The standard's views, and the statistics views
select table_schema, table_name, table_type from information_schema.tables where table_schema not in ('pg_catalog', 'information_schema') and (table_schema <> 'kameleon' or table_type <> 'VIEW' or table_name ~ '^kdb_') order by 1, 2;
select table_name from information_schema.tables where table_name ~ '^kdb_';
select table_name, column_name from information_schema.columns where table_schema in ('public', 'shop') and table_name <> 'of_catalog' or table_name ~ '^kdb_' order by 1, ordinal_position;
select table_name from information_schema.views where table_schema not in ('pg_catalog', 'information_schema', 'kameleon');
select constraint_schema, constraint_name from information_schema.check_constraints where constraint_schema not in ('pg_catalog', 'information_schema') and constraint_name !~ 'not_null' order by 2;
select constraint_name, unique_constraint_name from information_schema.referential_constraints;
select tc.table_name, tc.constraint_name, tc.constraint_type from information_schema.table_constraints tc where tc.table_schema not in ('pg_catalog', 'information_schema', 'kameleon') and tc.constraint_name !~ 'not_null' order by 1, 2;
select table_name, column_name from information_schema.key_column_usage where table_schema <> 'kameleon' order by 1, 2;
select routine_schema, routine_name from information_schema.routines where routine_schema not in ('pg_catalog', 'information_schema') and routine_type = 'FUNCTION' and routine_schema <> 'kameleon' order by 2;
select schemaname, tablename from pg_tables where schemaname not in ('pg_catalog', 'information_schema', 'kameleon') order by 2;
select schemaname, viewname from pg_views where schemaname not in ('pg_catalog', 'information_schema', 'kameleon') order by 2;
select schemaname, tablename, indexname, indexdef from pg_indexes where schemaname not in ('pg_catalog', 'kameleon') order by 3;
select schemaname, relname from pg_stat_user_tables where schemaname <> 'kameleon' order by 2;
select relname from pg_stat_all_tables where relname ~ '^kdb_';
select relname, indexrelname from pg_stat_user_indexes where schemaname <> 'kameleon' order by 2;
select a.relname, b.relname from pg_class a left join pg_class b on b.oid = a.reltoastrelid and false where a.relname in ('orders', 'customers') order by 1;
select name, setting from pg_settings where name = 'server_encoding';
-- What tools take for tables that are in no model, and would drop.
select schemaname, tablename from pg_catalog.pg_tables where schemaname !~ '^pg_' and schemaname <> 'information_schema' order by 1, 2;
select schemaname, relname from pg_stat_user_tables order by 1, 2;

-- What is kept of a catalog's rows
create table kept_relations as select relname, relkind from pg_class where relkind in ('r', 'v', 'i') and relnamespace::regnamespace::text not in ('pg_catalog', 'information_schema', 'pg_toast', 'kameleon');
select * from kept_relations where relname like 'kdb%' or relname like '%kept%' order by 1;
insert into kept_relations select relname, relkind from pg_class where relname like 'kdb%' or relname = 'kept_relations';
select * from kept_relations where relname like 'kdb%' or relname like '%kept%' order by 1;
create temp table kept_names as select tablename from pg_tables where schemaname in ('kameleon', 'public') and tablename like '%k%d%b%';
select * from kept_names order by 1;
update kept_relations set relkind = 'x' where (select count(*) from pg_class where relname like 'kdb%') > 0 returning *;
delete from kept_relations where exists (select from pg_class c where c.relname like 'kdb%') returning *;
drop table kept_relations, kept_names;
