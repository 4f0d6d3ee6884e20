create table customers (id int primary key, name varchar(40) not null, city text, credit numeric(10,2) default 0);
create table orders (id serial primary key, customer_id int, placed date not null, total numeric(8,2), note text);
create table items (order_id int not null, line int not null, sku char(6), qty smallint check (qty > 0), primary key (order_id, line));
insert into customers values (1, 'Ann', 'Oslo', 100), (2, 'Bob', null, 0), (3, 'Cyd', 'Rome', -5.5), (4, 'Dee', 'Oslo', null);
insert into orders (customer_id, placed, total, note) values (1, '2024-01-01', 10.50, 'a'), (1, '2024-02-01', 20, null), (2, '2024-01-15', null, ''), (null, '2024-03-01', 7, 'orphan'), (9, '2024-04-01', 1, 'gone');
insert into items values (1, 1, 'AAA111', 1), (1, 2, 'BBB222', 2), (2, 1, 'AAA111', 5), (3, 1, null, null);

-- Column names, types and origins
select * from customers order by id;
select c.*, c.id as again, c.name as "Name", upper(name) from customers c order by 1;
select customers.id, customers.name, public.customers.city from customers order by id;
select public.customers.* from public.customers order by id;
select id, id + 1, id::text, -id, id = 1, id is null, case when id > 1 then name end, coalesce(city, '?'), nullif(id, 2) from customers order by id;
select (select count(*) from orders), exists (select from items), array(select name from customers order by id), now() > '2000-01-01' as past;
select name as select_me, city "from" from customers order by "from" nulls first, select_me;
select 1 as one, 'x' as x, null as n, 1.5, true, '{}'::int[] from customers where id = 1;
select count(*), count(city), count(distinct city), sum(credit), avg(credit), min(name), max(credit) from customers;
select name || ' of ' || city as label, length(name), substring(name from 1 for 2), name like 'A%' from customers order by id;
select distinct city from customers order by city;
select distinct on (city) city, name from customers order by city, name desc;
select all id from customers order by id;
select from customers;
table customers;
table orders order by id limit 2;
table public.items;
select id, name from customers where id in (1, 3) order by id desc;
select name from customers where city is null or city not in ('Oslo') order by id;
select id from customers where (id, name) = (1, 'Ann');
select id from customers where (id, name) in (select id, name from customers where credit > 0);
select id from customers where name between 'B' and 'D' order by id;
select * from customers order by city desc nulls last, id limit 2 offset 1;
select * from customers order by id fetch first 2 rows only;
select id from customers order by credit fetch next 1 row with ties;
select id from customers order by 1 limit null offset null;
select id from customers order by id limit 0;
select id from customers where false;
select id, credit from customers order by credit using >, id;
select id from orders where placed > date '2024-01-10' and total is not null order by placed;
select extract(month from placed) m, sum(total) from orders group by m order by m;
select id, placed + 1, to_char(placed, 'Mon'), age(placed, '2023-01-01') from orders order by id;
select current_schema, current_user = session_user, pg_typeof(total) from orders where id = 1;
select pg_typeof(id), pg_typeof(name), pg_typeof(credit), pg_typeof(customers) from customers where id = 1;
select cast(total as int), total::money::numeric, total::text from orders where total is not null order by id;
select * from customers where name = 'O''Brien' or name = $$x$$ or name = E'\x41nn';
select id -- comment with orders in it
from /* customers */ orders /* nested /* orders */ */ where note = 'customers' or id = 1;
select 'from customers', "name" from customers where id = 1;

-- Joins
select c.name, o.id, o.total from customers c join orders o on o.customer_id = c.id order by o.id;
select c.name, o.id from customers c left join orders o on o.customer_id = c.id order by c.id, o.id;
select c.name, o.id from customers c right outer join orders o on o.customer_id = c.id order by o.id;
select c.name, o.id from customers c full join orders o on o.customer_id = c.id order by c.id, o.id;
select count(*) from customers cross join orders;
select count(*) from customers, orders, items;
select c.name, o.id from customers c, orders o where c.id = o.customer_id and o.total > 15 order by 2;
select * from customers join orders using (id) order by id;
select * from customers natural join orders order by id;
select id, j.total from customers join orders using (id) as j order by id;
select * from orders o left join items i on i.order_id = o.id and i.qty > 1 order by o.id, i.line;
select a.id, b.id from customers a join customers b on a.city = b.city and a.id < b.id order by 1, 2;
select o.id, i.sku from customers c join (orders o join items i on i.order_id = o.id) on c.id = o.customer_id order by 1, 2;
select * from (customers join orders on customers.id = customer_id) as j (cid, name, city) order by cid, id;
select x.cid, x.label from customers as x (cid, label) order by cid;
select c.id, o.n from customers c left join lateral (select count(*) n, max(total) from orders where customer_id = c.id) o on true order by c.id;
select c.id, o.id from customers c, lateral (select id from orders where customer_id = c.id order by id desc limit 1) o order by 1;
select c.id, g from customers c, generate_series(1, c.id) g order by 1, 2;
select * from only customers order by id;
select * from customers * order by id;
select count(*) from only (orders);

-- Subqueries
select name from customers c where exists (select 1 from orders o where o.customer_id = c.id) order by name;
select name from customers c where not exists (select 1 from orders where customer_id = c.id) order by name;
select name from customers where id in (select customer_id from orders) order by name;
select name from customers where id not in (select customer_id from orders where customer_id is not null) order by name;
select name from customers where id = any (select customer_id from orders) order by name;
select name from customers where credit >= all (select credit from customers where credit is not null);
select id, (select name from customers where id = customer_id), (select max(qty) from items where order_id = orders.id) from orders order by id;
select s.city, s.n from (select city, count(*) n from customers group by city) s order by n desc, city;
select * from (select * from (select * from customers) a) b order by id;
select * from (values (1, 'x'), (2, 'y')) v (id, label) join customers using (id) order by id;
values (1), ((select max(id) from customers));
select array_agg(name order by name) from (select name from customers where city = 'Oslo') q;
select id from customers where id = (select id from customers where name = 'Ann') or city = (select 'Rome');
select (select c from customers c where id = 1);
select row(c.*), row(c.id, c.name) from customers c where id = 1;

-- Set operations
select id from customers union select customer_id from orders order by 1;
select id, 'c' from customers union all select id, 'o' from orders order by 1, 2;
select id from customers intersect select customer_id from orders order by id;
select id from customers except all select customer_id from orders order by id;
(select id from customers order by id desc limit 1) union all (select id from orders order by id limit 1) order by 1;
select name from customers union select note from orders order by 1 nulls first;
table customers union all table customers order by id limit 3;
select credit from customers union select total from orders order by 1;

-- Errors
select nope from customers;
select customers.nope from customers;
select c.id, customers.name from customers c;
select id from customers, orders;
select * from nope;
select * from public.nope;
select * from nope.customers;
select id, count(*) from customers;
select city from customers group by name;
select * from customers where name = 5;
select * from customers where id = 'x';
select sum(name) from customers;
select nope(id) from customers;
select id from customers where count(*) > 1;
select id from customers order by nope;
select id from customers order by 5;
select id from customers limit -1;
select id from customers limit 'x';
select id, name from customers union select id from orders;
select id from customers union select name from customers;
select (select id from customers) from orders;
select (select id, name from customers where id = 1);
select distinct id from customers order by name;
select * from customers c join orders c on true;
select * from customers join orders using (nope);
select * from customers natural join items natural join nope;
select id from customers where id in (select id, name from customers);
select 1 / (id - 1) from customers order by id;
select name::int from customers where id = 1;
selec * from customers;
select * from customers where;
select * customers;
select * from customers order id;
select "ID" from customers;
select * from "Customers";
select id from customers where name = "Ann";
select 'unterminated from customers;
select id from customers);
select Näme, größe from customers;
select '日本', nope from customers;
select id from customers where name = 'ü' and nope = 1;
select
  id,
  'ä' as umlaut,
  nope
from customers;
