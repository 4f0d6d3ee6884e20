-- ctid, xmin and the like: a shared entity's are those of the document that holds the row

create table t (id int primary key, v text, n int);
insert into t values (1, 'one', 10), (2, 'two', 20), (3, 'three', 30);
create table other (id int primary key, w text);
insert into other values (1, 'x'), (3, 'y');

select ctid, id from t order by id;
select id from t where ctid = '(0,2)';
select id from t where ctid in ('(0,1)', '(0,3)') order by ctid;
select *, ctid from t where id = 1;
select ctid, * from t where id = 1;
select ctid, t.* from t where id = 1;
select t.ctid, t from t where t.id = 1;
select t.ctid, x.* from t x, t where x.id = t.id and x.ctid < t.ctid;
select x.ctid, to_json(x) from t x where id = 2;
select tableoid::regclass, id from t where id = 1;
select tableoid = 't'::regclass as mine, tableoid::regclass, count(*) from t group by tableoid;
select pg_typeof(ctid), pg_typeof(xmin), pg_typeof(cmin), pg_typeof(xmax), pg_typeof(cmax), pg_typeof(tableoid) from t where id = 1;
select xmin::text = pg_current_xact_id()::text as now, xmax from t where id = 1;
select max(age(xmin)) < 1000000, count(*) from t;
select o.*, t.*, t.ctid from t left join other o on o.id = t.id order by t.id;
select o, o.ctid, t.id from t left join other o on o.id = t.id order by t.id;
select t.id, o.ctid is null from t left join other o using (id) order by id;
select ctid from t, other;
select c.relname, t.id from t join pg_class c on c.oid = t.tableoid order by t.id;
select id, (select s.id from t s where s.ctid = t.ctid) from t order by id;
select id from t where ctid = (select min(ctid) from t);
select ctid from t order by ctid for update;
select * from (select ctid as place, t.* from t) s order by place;
with w as (select ctid, * from t) select w.id, w.ctid from w order by 1;
select nope, ctid from t;
select ctid from t where xmin = 'x';
-- params: '(0,2)'
select id, ctid from t where ctid = $1;
create table copied as select ctid as place, * from t;
select * from copied order by id;

-- Of what is written
insert into t values (4, 'four', 40) returning ctid, tableoid::regclass, xmax;
insert into t (id, v) values (5, 'five') returning *, (xmax = 0) as inserted;
insert into t (id, v) select 6, 'six' returning t.ctid, t.*;
insert into t (id, v) values (6, 'again'), (7, 'seven') on conflict (id) do update set v = excluded.v returning id, v, (xmax = 0) as inserted;
insert into t (id, v) values (7, 'once more') on conflict (id) do nothing returning ctid;
-- params: 7, 'twice'
-- params: 8, 'eight'
insert into t (id, v) values ($1, $2) on conflict (id) do update set v = excluded.v returning (xmax::text::int > 0) as updated;
update t set n = 11 where ctid = '(0,1)' returning id, ctid;
update t set n = n + 1 where ctid = any (array(select ctid from t order by id limit 2)) returning id, n, ctid;
update t set v = o.w from other o where o.id = t.id and o.ctid = '(0,2)' returning t.*, o.ctid;
delete from t where ctid in (select ctid from t order by id desc limit 2 for update) returning *, tableoid::regclass;
delete from t using t d where t.v = d.v and t.ctid > d.ctid returning t.id;
-- only: 18
update t set n = 99 where id = 4 returning old.ctid, new.ctid, old.xmax = 0;
update t set ctid = '(0,1)';
insert into t (ctid) values ('(0,1)');
select id, v, n from t order by id;

-- Beside views, which have none
create view seen as select id, v from t where id < 5;
select ctid, seen.id from t join seen on seen.id = t.id order by t.id;
select * , t.ctid from seen join t on seen.id = t.id order by t.id;
select ctid from seen;
select seen.ctid from t, seen;
select t.ctid, seen, t from t, seen where t.id = seen.id order by t.id;
select count(*) from seen s, seen, t tablesample bernoulli (100) where t.ctid is not null;
update t set n = 0 from seen where t.id = seen.id and t.ctid is not null returning t.ctid is null, seen.*;

-- Under other names
create table na (id int primary key, "B b" text, c int);
insert into na values (1, 'one', 10), (2, 'two', 20);
-- ordered
select x.ctid is not null, * from na x (a, b) order by a;
select ctid is not null as p, a, b, "Q" from na as x (a, "Q", b) where "Q" = 'two';
-- ordered
select x, x.* from na x (a, b) where x.ctid is not null order by 1;
-- ordered
select x.ctid is not null, x from na x (a, x) order by 2;
-- ordered
select tableoid::regclass, * from na as na (a) order by a;
select ctid from na x (a, b, c, d);
-- ordered
select x.ctid is null, x.*, y.* from na x (a) left join na y (k) on y.k = x.a + 1 where x.xmin is not null order by a;
set client_min_messages = warning;
select count(*) from na x (a, ctid) where ctid is not null;
reset client_min_messages;
with q as (select ctid as place, * from na n (a, b)) select a, b, c from q order by a;
drop table na;

-- What depends on the key that is grouped by
create table grouped (id int primary key, region text, amount int);
insert into grouped values (1, 'n', 5), (2, 's', 6);
select id, region, ctid is not null, count(*) from grouped group by id order by id;
select g.*, xmin is null, sum(g.amount) from grouped g group by g.id having min(g.ctid) is not null order by g.id;
alter table grouped drop constraint grouped_pkey;
select id, region, ctid is not null from grouped group by id;
alter table grouped add primary key (region, id);
select id, region, tableoid::regclass, amount from grouped group by id, region order by id;
alter table grouped rename column region to area;
select amount, xmin is null from grouped group by area, id order by amount;
