create table orders (id int primary key, label text);
insert into orders values (1, 'public');
create schema s2;
create table s2.orders (id int primary key, label text, extra int);
insert into s2.orders values (1, 's2', 7), (2, 's2 too', 8);
create table "Orders" ("Id" int primary key, "order" text, "sp ace" int, "quo""te" int);
insert into "Orders" values (1, 'quoted', 2, 3);
create table "select" (id int, "from" text);
insert into "select" values (1, 'keyword');
create table größe (id int, "naïve" text);
insert into größe values (1, 'ü');
create table a23456789012345678901234567890123456789012345678901234567890123456789 (id int);
insert into a23456789012345678901234567890123456789012345678901234567890123456789 values (1);
select * from a23456789012345678901234567890123456789012345678901234567890123;

select * from orders;
select * from ORDERS;
select * from "orders";
select * from "Orders";
select "Orders".*, "Orders"."Id", "Id", "order", "sp ace", "quo""te" from "Orders";
select * from public.orders;
select * from s2.orders order by id;
select * from "public"."orders", "s2"."orders" o2 where orders.id = o2.id;
select public.orders.id, s2.orders.label from public.orders join s2.orders on public.orders.id = s2.orders.id;
select orders.id from public.orders, s2.orders;
select s2.orders.* from s2.orders order by s2.orders.id;
select s2.orders from s2.orders order by 1;
select orders.label from s2.orders where s2.orders.id = 1 order by orders.extra;
select public.orders.label from s2.orders;
select * from "select";
select "select"."from" from "select";
select * from größe where "naïve" = 'ü';
select * from U&"gr\00f6\00dfe";
select * from "ORDERS";
select orders.orders from orders;
select orders from orders orders;
select o.label from orders o, orders where o.id = orders.id;

-- Aliases and CTEs in the way
select orders.id from s2.orders as orders order by id;
select orders.x from (values (5)) as orders (x);
select o2.label from s2.orders orders, orders o2 where orders.id = o2.id;
with orders as (select 'cte' as label) select * from orders;
with orders as (select 'cte' as label) select * from public.orders;
with o as (select * from orders) select * from o;
select * from orders where label in (with orders as (select 'public' as label) select label from orders);
select * from (select 'inner' as label) orders;
select * from orders, lateral (select orders.id + 1 as next) n;
select * from generate_series(1, 2) as orders order by 1;
select orders from generate_series(1, 2) as orders order by 1;

-- Three parts
select parity_none.public.orders.id from public.orders;
select * from parity_none.public.orders;

-- search_path
set search_path = s2, public;
select * from orders order by id;
select * from public.orders;
insert into orders values (3, 'into s2', 9) returning *;
update orders set extra = 0 where id = 3;
delete from orders where id = 3 returning label;
show search_path;
select current_schemas(true), current_schema();
set search_path = public;
select * from orders;
set search_path to default;
select count(*) from orders;
begin;
set local search_path = s2;
select * from orders order by id;
savepoint a;
set local search_path = public;
select * from orders;
rollback to a;
select * from orders order by id;
commit;
select * from orders;
begin;
set search_path = s2;
select count(*) from orders;
rollback;
select count(*) from orders;
select set_config('search_path', 's2', false);
select count(*) from orders;
select set_config('search_path', 'public', true);
select count(*) from orders;
begin;
select set_config('search_path', 'public', true);
select count(*) from orders;
commit;
select count(*) from orders;
set search_path = nowhere, s2;
select count(*) from orders;
set search_path = '';
select count(*) from orders;
select count(*) from s2.orders;
reset search_path;
select count(*) from orders;
set schema 's2';
select count(*) from orders;
discard all;
select count(*) from orders;
-- batch
set search_path = s2; select count(*) from orders; set search_path = public; select count(*) from orders; reset search_path;

-- pipeline
select count(*) from orders;
set search_path = s2;
select count(*) from orders;
reset search_path;
select count(*) from orders;

-- The schema of the user's own name comes first
create schema parity_owner;
create table parity_owner.orders (id int, mine bool);
insert into parity_owner.orders values (10, true);
select * from orders;
select * from public.orders;
drop table parity_owner.orders;
select * from orders;
grant usage on schema s2, public to parity_reader;
grant select on s2.orders, public.orders to parity_reader;
-- session: setter user=parity_reader
alter role parity_reader set search_path = s2;
-- session: reader user=parity_reader
show search_path;
select * from orders order by id;
-- session: setter
alter role parity_reader reset search_path;
-- session: main
set role parity_reader;
select * from orders;
reset role;
do $$ begin execute format('alter database %I set search_path = s2', current_database()); end $$;
-- session: database
select count(*) from orders;
do $$ begin execute format('alter database %I reset search_path', current_database()); end $$;
-- session: options search_path=s2
select count(*) from orders;
reset search_path;
select count(*) from orders;
-- session: main

-- Temporary tables and views in the way
create temp table orders (id int, label text, temp bool default true);
select * from orders;
insert into orders values (1, 'temp') returning *;
select * from orders;
select * from public.orders;
select * from pg_temp.orders;
select public.orders.label, pg_temp.orders.temp from public.orders, pg_temp.orders;
update orders set label = 'changed';
truncate orders;
select count(*) from orders;
drop table orders;
select * from orders;
begin;
create temp table orders (x int) on commit drop;
select * from orders;
commit;
select * from orders;
begin;
create temp table orders (y int);
select * from orders;
rollback;
select * from orders;
create view s2.shadow as select 'view' as label;
create table shadow (id int);
set search_path = s2, public;
select * from shadow;
set search_path = public, s2;
select * from shadow;
reset search_path;

-- Renames
alter table orders rename to purchases;
select * from orders;
select * from purchases;
select purchases.id, orders.id from purchases;
alter schema s2 rename to s3;
select count(*) from s2.orders;
select count(*) from s3.orders;
alter table s3.orders set schema public;
create table s3.movable (id int unique, label text);
insert into s3.movable values (1, 'moved');
alter table s3.movable set schema public;
select * from movable;
select count(*) from s3.movable;
alter table s3.orders rename constraint orders_pkey to moved_pkey;
alter table s3.orders set schema public;
alter table orders rename column label to "Label";
select "Label" from orders order by id;
select label from orders;
select * from orders order by id;
drop schema s3 cascade;
