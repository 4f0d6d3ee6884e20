create table t (id int primary key, name text);
insert into t values (1, 'one'), (2, 'two');
create materialized view m as select id, name from t;
select * from m order by id;
create materialized view if not exists m as select 1;
create materialized view m as select id from t;
create materialized view empty as select id from t with no data;
select * from empty;
refresh materialized view empty;
select * from empty order by 1;
insert into t values (3, 'three');
select count(*) from m;
refresh materialized view m;
select count(*) from m;
create unique index on m (id);
update t set name = 'ONE' where id = 1;
refresh materialized view concurrently m;
select * from m order by id;
refresh materialized view concurrently empty;
refresh materialized view empty with no data;
select * from empty;
create view over as select m.id, m.name as old, t.name as new from m join t using (id);
update t set name = 'zwei' where id = 2;
select * from over order by id;
create materialized view counted (n) as select count(*) from over with data;
select * from counted;
create materialized view failing as select 1 / (id - id) from t;
create materialized view failing as select nope from t;
refresh materialized view nope;
refresh materialized view over;
select pg_get_viewdef('m'::regclass), pg_get_viewdef('counted'::regclass);
select matviewname, hasindexes, ispopulated, definition from pg_matviews where schemaname = 'public' order by 1;
alter table t drop column name;
alter table t alter column name type varchar(20);
alter table t rename column name to label;
refresh materialized view m;
select * from m order by id;
alter materialized view m rename to mm;
alter materialized view mm rename column name to n2;
refresh materialized view mm;
select * from mm order by id;
begin;
insert into t values (4, 'four');
refresh materialized view mm;
select count(*) from mm;
rollback;
select count(*) from mm;
begin;
create materialized view mt as select id from t;
select * from mt order by 1;
refresh materialized view mt;
rollback;
select * from mt;
insert into mm values (1);
-- session: reader user=parity_reader
refresh materialized view mm;
-- session: main
grant select on mm to parity_reader;
-- session: reader user=parity_reader
select count(*) from mm;
-- session: main
analyze mm;
cluster mm using m_id_idx;
drop materialized view mm;
drop table t;
drop table t cascade;

-- What is explained
create table e (id int);
-- shape
explain (costs off) create materialized view em as select id from e;
select * from em;
drop materialized view em;
set client_min_messages = warning;
-- shape
explain (analyze, costs off, timing off, summary off) create materialized view em as select id from e;
reset client_min_messages;
insert into e values (1);
refresh materialized view em;
select * from em;

-- one that has no rows yet, and a table of the same name; pg_class says it of no table
create schema other;
create table other.orders_seen (id int);
create materialized view orders_seen as select 1 as id with no data;
create function seen() returns bigint language sql as 'select count(*) from orders_seen';
create function seen_only() returns bigint language sql as 'select count(*) from only orders_seen';
select * from orders_seen;
select seen();
select seen_only();
select relname, relkind, relispopulated from pg_class where relname = 'orders_seen' order by 2;
refresh materialized view orders_seen;
select seen_only();
select relname, relkind, relispopulated from pg_class where relname = 'orders_seen' order by 2;
