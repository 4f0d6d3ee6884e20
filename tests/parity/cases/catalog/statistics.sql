-- What is told of relations by number: statistics, locks, dependencies.

create table customers (id int primary key, name text not null unique, city text);
create table orders (id int generated always as identity primary key, customer_id int not null references customers on delete cascade, note text);
create index customers_city on customers (city) where city is not null;
create view names as select name from customers;
create function touch() returns trigger language plpgsql as 'begin return new; end';
insert into customers select n, 'name ' || n, case when n % 2 = 0 then 'city ' || n end from generate_series(1, 100) n;
insert into orders (customer_id, note) select n, repeat('x', n) from generate_series(1, 40) n;
update customers set city = 'moved' where id <= 10;
delete from customers where id > 95;
analyze customers, orders;

-- Estimates, as planners and browsers read them
select relname, reltuples from pg_class where relname in ('customers', 'orders', 'customers_pkey', 'customers_name_key', 'customers_city') order by 1;
select relname, relpages > 0 as has_pages from pg_class where relname in ('customers', 'orders') order by 1;
select (reltuples / greatest(relpages, 1))::int > 0 from pg_class where oid = 'orders'::regclass;
select c.relname, c.reltuples::bigint from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'public' and c.relkind in ('r', 'v', 'S') order by 1;

-- Counters
select pg_stat_force_next_flush();
select relname, n_tup_ins, n_tup_upd, n_tup_del, n_live_tup, last_analyze is not null, analyze_count from pg_stat_user_tables where schemaname = 'public' order by 1;
select relname, n_live_tup from pg_stat_all_tables where relid = 'orders'::regclass;
select relname, n_live_tup from pg_catalog.pg_stat_sys_tables where relname = 'orders';
select relname, indexrelname from pg_stat_user_indexes where relid = 'customers'::regclass order by 2;
select count(*) from (select * from pg_stat_all_indexes where relid = 'customers'::regclass) x;
select relname, heap_blks_read >= 0, idx_blks_hit > 0 from pg_statio_user_tables where relname in ('customers', 'orders') order by 1;
select indexrelname, idx_blks_hit > 0 from pg_statio_user_indexes where relname = 'orders' order by 1;
begin;
insert into customers values (200, 'new');
select relname, n_tup_ins from pg_stat_xact_user_tables where relname = 'customers';
rollback;
select schemaname, relname from pg_stat_all_tables where relname ~ '^kdb_';
select count(*) from pg_stat_all_tables where schemaname = 'pg_toast' and relname in (select 'pg_toast_' || oid from pg_class where relnamespace = 'public'::regnamespace);

-- How large a table is, and how many rows the functions count
select pg_relation_size('customers') > 0, pg_relation_size('customers', 'main') = pg_relation_size('customers'), pg_catalog.pg_table_size('orders') >= pg_relation_size('orders');
select c.relname, pg_total_relation_size(c.oid) > pg_catalog.pg_relation_size(c.oid::regclass) as has_more, pg_indexes_size(c.oid) > 0 as has_indexes, pg_stat_get_live_tuples(c.oid) from pg_class c where relname in ('customers', 'orders') order by 1;
select pg_relation_size('customers_pkey') > 0, pg_relation_size('customers_city', 'fsm');
select count(*), pg_table_size('customers') > 0 from customers;
select relname from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r' order by pg_total_relation_size(oid) > 0, 1;
with s as materialized (select "pg_relation_size"('orders') as size) select size > 0 from s;
select pg_relation_size(null), pg_relation_size('pg_class') > 0, pg_relation_size(0);
select pg_relation_size('nothing');
select pg_relation_size('customers', 'nofork');
select pg_relation_size();
select pg_total_relation_size(1.5);
-- params: 'customers'
select pg_total_relation_size($1) > 0;

-- Indexes that are maintained by a call
create table maintained (a int, words text[]);
create index maintained_range on maintained using brin (a);
create index maintained_words on maintained using gin (words) with (fastupdate = on);
insert into maintained select n, array[n::text] from generate_series(1, 20) n;
select brin_summarize_range('maintained_range', 0), brin_summarize_range('maintained_range', 7);
select brin_desummarize_range('maintained_range', 0);
select brin_summarize_new_values('maintained_range');
select pg_catalog.brin_summarize_new_values('maintained_range'::regclass);
select brin_summarize_range('maintained_range', -1);
select brin_summarize_range('maintained_words', 0);
select brin_summarize_range('maintained', 0);
select gin_clean_pending_list('maintained_words') > 0 as was_pending;
select gin_clean_pending_list('maintained_words');
select gin_clean_pending_list('maintained_range');
select count(*) from maintained where words @> '{7}' and a between 5 and 8;
create table sizes as select 'customers' as name, 0::bigint as size;
insert into sizes select 'orders', pg_total_relation_size('orders');
update sizes set size = pg_total_relation_size(name::regclass) where name = 'customers';
select name, size > 0 from sizes order by 1;
select s.pg_relation_size from (select 1 as pg_relation_size) s;
create schema mine;
create function mine.pg_relation_size(text) returns bigint language sql as 'select -1::bigint';
select mine.pg_relation_size('customers'), pg_relation_size('customers') > 0;
set search_path = mine, pg_catalog, public;
select pg_relation_size('customers'::text);
reset search_path;
create view of_sizes as select pg_relation_size('customers') > 0 as filled;
select pg_get_viewdef('of_sizes');
drop schema mine cascade;

-- Toast relations: those of the tables that are shown
select count(*) from pg_class t where t.relkind = 't' and not exists (select from pg_class r where r.reltoastrelid = t.oid) and t.relname !~ '^pg_toast_\d{4}$';
select count(*) from pg_class t left join pg_index i on i.indexrelid = t.oid where t.relnamespace = 'pg_toast'::regnamespace and t.relkind = 'i' and i.indrelid not in (select oid from pg_class);

-- Locks
begin;
update customers set city = 'x' where id = 1;
select relation::regclass, mode, granted from pg_locks where pid = pg_backend_pid() and relation in ('customers'::regclass, 'orders'::regclass, 'customers_pkey'::regclass, 'names'::regclass) order by relation::regclass::text, mode;
lock table orders in share mode;
select relation::regclass, mode from pg_locks where pid = pg_backend_pid() and relation = 'orders'::regclass;
select count(*) from pg_locks l where pid = pg_backend_pid() and relation::regclass::text ~ 'kdb_';
commit;
begin;
alter table orders add column more int;
select count(*) from pg_locks where pid = pg_backend_pid() and relation = 'orders'::regclass and mode = 'AccessExclusiveLock';
rollback;
begin;
select count(*) from names;
select relation::regclass, mode from pg_locks where pid = pg_backend_pid() and relation in ('customers'::regclass, 'names'::regclass) order by relation::regclass::text;
rollback;
select locktype, mode, granted from pg_locks where pid = pg_backend_pid() and locktype = 'virtualxid';

-- Dependencies
select pg_describe_object(classid, objid, objsubid), deptype from pg_depend where refclassid = 'pg_class'::regclass and refobjid = 'customers'::regclass and pg_describe_object(classid, objid, objsubid) !~ 'toast' order by 1, 2;
select pg_describe_object(classid, objid, objsubid), deptype from pg_depend where refclassid = 'pg_class'::regclass and refobjid = 'orders'::regclass and refobjsubid > 0 order by 1, 2;
select pg_describe_object(refclassid, refobjid, refobjsubid), deptype from pg_depend where classid = 'pg_class'::regclass and objid = 'customers'::regclass order by 1;
select distinct classid::regclass from pg_depend d where refobjid = 'public'::regnamespace and refclassid = 'pg_namespace'::regclass order by 1;
select distinct v.relname from pg_depend d join pg_rewrite r on r.oid = d.objid join pg_class v on v.oid = r.ev_class where d.refobjid = 'customers'::regclass and d.classid = 'pg_rewrite'::regclass order by 1;

-- What a role owns and may do: a browser's list of what hangs on it
grant select, insert on customers to parity_reader;
grant select on names to parity_reader;
select d.classid::regclass, case d.classid when 'pg_class'::regclass then d.objid::regclass::text end, d.objsubid, d.deptype from pg_shdepend d join pg_database b on b.oid = d.dbid and b.datname = current_database() where d.refclassid = 'pg_authid'::regclass and d.refobjid = 'parity_reader'::regrole order by 1, 2;
select count(*) from pg_shdepend d where d.dbid = (select oid from pg_database where datname = current_database()) and d.classid = 'pg_class'::regclass and d.objid not in (select oid from pg_class where relkind <> 't');
select s.seqrelid::regclass, s.seqtypid::regtype, s.seqincrement from pg_sequence s where s.seqrelid::regclass::text ~ 'orders|kdb_' order by 1;
select partrelid::regclass from pg_partitioned_table;
revoke all on customers, names from parity_reader;

-- Triggers of every kind
select tgname !~ 'RI_' from pg_trigger where tgrelid = 'customers'::regclass order by 1;
select t.tgrelid::regclass, count(*) from pg_trigger t where t.tgisinternal and t.tgrelid in ('customers'::regclass, 'orders'::regclass) group by 1 order by 1;
select evtname from pg_event_trigger;
set client_min_messages = warning;
create table audited (id int);
create trigger touched before insert on audited for each row execute function touch();
select tgname, tgrelid::regclass from pg_trigger where not tgisinternal;
select relname, relhassubclass, relhastriggers from pg_class where relname in ('audited', 'customers', 'orders') order by 1;

-- The standard's views
select domain_name, table_name, column_name from information_schema.column_domain_usage where table_schema not in ('pg_catalog', 'information_schema');
select column_name, dependent_column from information_schema.column_column_usage where table_schema <> 'public';
select udt_name, attribute_name from information_schema.attributes where udt_schema not in ('pg_catalog', 'information_schema') and udt_schema <> 'public';
select object_schema, object_name from information_schema.element_types where object_schema not in ('pg_catalog', 'information_schema', 'public');
select routine_name from information_schema.routine_privileges where routine_schema not in ('pg_catalog', 'information_schema') and routine_schema <> 'kameleon' order by 1;
select specific_schema from information_schema.routine_table_usage union select specific_schema from information_schema.routine_column_usage union select specific_schema from information_schema.routine_sequence_usage;
select table_name from information_schema.view_routine_usage where table_schema not in ('pg_catalog', 'information_schema');
select udt_name from information_schema.udt_privileges where udt_schema not in ('pg_catalog', 'information_schema', 'kameleon') order by 1;
select schemaname, tablename, rulename from pg_rules where schemaname not in ('pg_catalog', 'kameleon');
select schemaname, sequencename from pg_sequences order by 2;
