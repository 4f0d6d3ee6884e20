-- Two relations of one name in one FROM, told apart by their schemas

create table orders (id int primary key, label text);
insert into orders values (1, 'public'), (2, 'public too');
create schema s2;
create table s2.orders (id int primary key, label text, extra int);
insert into s2.orders values (1, 's2', 7), (3, 's2 too', 8);

select public.orders.id, s2.orders.label from public.orders join s2.orders on public.orders.id = s2.orders.id;
select * from public.orders, s2.orders order by 1, 3;
select * from public.orders full join s2.orders using (id) order by id;
select * from public.orders natural join s2.orders;
select s2.orders.*, public.orders.* from orders, s2.orders where public.orders.id = s2.orders.id;
select count(s2.orders.*), to_json(public.orders.*) from public.orders, s2.orders group by public.orders.*, public.orders.id order by public.orders.id;
select extra from public.orders, s2.orders where extra = 7 order by public.orders.id;
select public.orders.id + s2.orders.id as total, sum(s2.orders.extra) over (order by public.orders.id, s2.orders.id) from public.orders, s2.orders order by public.orders.id, s2.orders.id;
select public.orders.nope from public.orders, s2.orders;
select orders.id from public.orders, s2.orders;
select orders.* from public.orders, s2.orders;
select id from public.orders, s2.orders;
select 1 from public.orders, s2.orders, public.orders;
select 1 from public.orders, s2.orders, generate_series(1, 2) orders;

-- A nearer relation of the name
select id from public.orders where exists (select from s2.orders where public.orders.id = orders.id) order by orders.id;
select orders.id, (select orders.label from s2.orders where orders.id = public.orders.id) from public.orders order by orders.id;
select id from orders where id in (select orders.id from s2.orders where public.orders.label <> orders.label);
select orders.id from s2.orders where exists (select from (values (1)) orders (id) where orders.id = s2.orders.id);

-- Beside a table that is no entity
create temporary table orders (id int, temp text);
insert into pg_temp.orders values (1, 'temporary'), (9, 'temporary too');
select public.orders.label, pg_temp.orders.temp from public.orders, pg_temp.orders order by 1, 2;
select public.orders.label, temp from public.orders join orders on public.orders.id = pg_temp.orders.id;
select orders.temp from public.orders, pg_temp.orders;
select * from s2.orders, orders, public.orders where s2.orders.id = pg_temp.orders.id and s2.orders.id = public.orders.id;
drop table pg_temp.orders;

-- Targets
update public.orders set label = s2.orders.label || '!' from s2.orders where public.orders.id = s2.orders.id returning public.orders.*, s2.orders.extra;
update public.orders set label = 'in s2' where exists (select from s2.orders where public.orders.id = orders.id) returning orders.label;
delete from s2.orders using public.orders where s2.orders.id = public.orders.id returning *;
delete from public.orders where not exists (select from s2.orders where s2.orders.id = public.orders.id) returning public.orders.id;
insert into public.orders select s2.orders.id, s2.orders.label from s2.orders returning public.orders.label;
with gone as (delete from s2.orders returning s2.orders.id) select public.orders.id, gone.id from public.orders, gone;
