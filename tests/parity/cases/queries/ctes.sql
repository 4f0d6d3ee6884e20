create table tree (id int primary key, parent int, label text);
insert into tree values (1, null, 'root'), (2, 1, 'left'), (3, 1, 'right'), (4, 2, 'leaf'), (5, 3, 'leaf');
create table log (id serial, what text);

with t as (select * from tree) select * from t order by id;
with t as (select id, label from tree where parent is null), u as (select * from t union all select id, label from tree where id > 3) select * from u order by id;
with recursive down as (select id, label, 1 as depth from tree where parent is null union all select c.id, c.label, d.depth + 1 from tree c join down d on c.parent = d.id) select * from down order by id;
with recursive down (id, path) as (select id, array[label] from tree where parent is null union all select c.id, path || c.label from tree c join down d on c.parent = d.id) search depth first by id set ord select id, path, ord from down order by ord;
with recursive down as (select id, parent from tree where id = 1 union select c.id, c.parent from tree c, down where c.parent = down.id) cycle id set looped using path select id, looped, path from down order by id;
with tree as (select 99 as id, 'not the table' as label) select * from tree;
with tree as (select id from tree where id < 3) select * from tree order by id;
with recursive tree (n) as (select 1 union all select n + 1 from tree where n < 3) select * from tree order by n;
with t as materialized (select id from tree), u as not materialized (select id from tree) select count(*) from t join u using (id);
select * from tree where id in (with tree as (select 2 as id) select id from tree);
with a as (with tree as (select 7 as id) select * from tree) select a.id, t.id from a, tree t order by 2;
select (with t as (select max(id) m from tree) select m from t) as top, id from tree order by id;
with v (a, b) as (values (1, 'x'), (2, 'y')) select v.b, t.label from v join tree t on t.id = v.a order by a;

-- Data-modifying
with gone as (delete from tree where id = 5 returning *) select * from gone;
with moved as (update tree set label = upper(label) where parent = 1 returning id, label) select * from moved order by id;
with added as (insert into tree values (6, 1, 'new') returning *) insert into log (what) select label from added returning *;
with added as (insert into tree values (7, 6, 'x'), (8, 6, 'y') returning id) select count(*), (select count(*) from tree) before from added;
with gone as (delete from tree where parent = 6 returning id, label), noted as (insert into log (what) select 'gone ' || label from gone) select id from gone order by id;
with t as (select id from tree where label = 'new') update tree set label = 'newer' from t where tree.id = t.id returning tree.*;
with t as (select max(id) as id from tree) delete from tree using t where tree.id = t.id returning *;
with up as (insert into tree values (1, null, 'again') on conflict (id) do update set label = excluded.label returning *) select * from up;
with t as (select 9 as id, 'from cte' as label) insert into tree (id, label) select * from t returning *;
with nothing as (delete from tree where false returning 1) select count(*) from nothing;
select what from log order by id;
select * from tree order by id;

with t as (select * from nope) select 1;
with t as (select id from tree) select nope from t;
with t as (insert into tree values (1, 1, 'dup') returning id) select * from t;
with t as (delete from tree) select * from t;
with recursive r as (select id from r) select * from r;
with t as (select 1), t as (select 2) select * from t;
