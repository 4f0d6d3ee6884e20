create table t (id int primary key, name varchar(10) not null default 'none', n numeric(6,2) default 1.5, at timestamp, tags text[], c int check (c < 100), uq int unique);
create table o (id int primary key, t_id int, label text);
insert into t (id, name, n, at, tags, c, uq) values (1, 'a', 1, '2024-01-01', '{x,y}', 1, 10), (2, 'b', 2, null, null, 2, 20), (3, 'c', null, '2024-03-03', '{}', 3, 30);
insert into o values (1, 1, 'first'), (2, 1, 'second'), (3, 2, 'third');
update t set n = 5 where id = 1;
update t set n = n + 1;
update t set name = 'all' || id, at = '2024-06-06' where n > 2;
update t set n = default, name = default where id = 2;
update t set tags = tags || array['z'], at = null where id = 1 returning *;
update t set (name, n) = ('pair', 7) where id = 3 returning id, name, n;
update t set (name, n) = row('row', 8) where id = 3 returning id, name, n;
update t set (name, n) = (select label, 9 from o where id = 1) where id = 3 returning id, name, n;
update t set (n) = (select max(c) from t) where id = 3 returning n;
update t set (name, n) = (default, default) where id = 3 returning name, n;
update t set n = (select count(*) from o where t_id = t.id) returning id, n;
update t set name = o.label from o where o.t_id = t.id and o.id in (1, 3) returning t.id, t.name, o.id;
update t set name = s.label from (select t_id, min(label) label from o group by t_id) s where s.t_id = t.id returning t.*, s.label;
update t as x set name = 'alias' where x.id = 1 returning x.id, x.name;
update t x set name = y.name from t y where x.id = 1 and y.id = 2 returning x.name, y.name;
update t set name = 'only' from o join o o2 on o.id = o2.id where o.t_id = t.id and t.id = 2 returning t.name, o.*;
update t set name = 'cross' from o, o o2 where o.t_id = t.id and o2.id = 1 and t.id = 2 returning *;
update t set name = 'lat' from lateral (select 2 as k) l where l.k = t.id returning *;
update only t set c = 50 where id = 1;
update public.t set c = 51 where public.t.id = 1 returning public.t.c;
update t * set c = 52 where id = 1;
update "t" set "c" = 53 where "t"."id" = 1;
UPDATE T SET C = 54 WHERE ID = 1 RETURNING ID, C;
update t set id = id + 10 where id = 3 returning id;
update t set id = 3 where id = 13;
update t set n = n where false returning *;
update t set n = 1 where id = 999;
update t set uq = uq + 1 where id = 1 returning t;
update t set n = 2 where id = 1 returning t.*, n * 2 as dbl, (select max(id) from o), row_to_json(t);
update t set n = 3 where id in (select t_id from o) returning id;
update t set n = 4 where exists (select 1 from o where t_id = t.id and label = 'third') returning id;
with x as (select 1 as id) update t set n = 5 from x where x.id = t.id returning t.id, t.n;
update t set n = case id when 1 then 10 else 20 end, c = least(c, 5), at = at + interval '1 day' returning id, n, c, at;
-- only: 18
update t set n = n + 1 where id = 1 returning old.n, new.n, old.*;
select * from t order by id;

-- Swapping and shifting unique values
update t set uq = uq + 100;
update t set id = id + 100;
update t set id = id - 100;

-- Errors
update t set id = 2 where id = 1;
update t set uq = 120 where id = 1;
update t set name = null where id = 1;
update t set name = 'much too long' where id = 1;
update t set n = 10000 where id = 1;
update t set n = 'x' where id = 1;
update t set c = 100 where id = 1;
update t set c = c + 1000;
update t set at = 'x';
update t set at = 5;
update t set nope = 1;
update t set n = nope;
update t set nope = 1 where nope2 = 1;
update t set nope = 1 from nope3;
update t set nope = 1 returning nope2;
update t set t.n = 1;
update t set n = 1, n = 2;
update t set (n, name) = (1);
update t set (n, name) = (select 1, 'a', 2);
update t set n = (select id from t);
update t set n = 1 / 0;
update t set n = sum(n);
update nope set n = 1;
update t x set n = 1 where t.id = 1;
update t set n = 1 from t;
update t set n = 1 returning nope;
update t set n 1;
update t n = 1;
update t set n = 'ü', name = nope;
update t set n = o.nope from o;
update t set name = 1.5 where id = 1 returning name;

-- params: 1, 'p'
-- params: 2, 'q'
-- params: 2, null
-- params: 2, 'much too long'
update t set name = $2 where id = $1 returning id, name;
-- params: 5, 1
update t set n = n + $1 where id = $2 returning n;
-- params: '{a,b}', 1
update t set tags = $1 where id = $2 returning tags;
-- params: 'p', 3, 1
update t set (name, n) = ($1, $2) where id = $3 returning name, n;
-- params: '2024-01-01', 1
update t set at = $1 where id = $2 returning at;
-- params: 'first'
update t set name = o.label from o where o.t_id = t.id and o.label = $1 returning t.id, t.name;
-- params: 'x'
update t set c = $1 where id = 1;
