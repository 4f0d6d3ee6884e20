-- What is rarely done through a view: parts of columns, upserts, MERGE, cursors, COPY

create table t (id int primary key, v text default 'dv', a int[], c point);
insert into t values (1, 'one', '{1,2}'), (2, 'two', '{3}');
create view w as select id, v, a from t;
create view renamed (k, val) as select id, v from t where id > 0 with check option;
create materialized view mv as select * from t;
select count(*) from mv tablesample system (100);
select ctid is null, tableoid::regclass, id from mv order by id;
update w set a[1] = 10 where id = 1 returning *;
update w set a[5] = 10, v = 'x' where id = 2 returning a;
insert into w (id, a[2]) values (3, 7) returning *;
insert into w (id, a[2]) values (3, 7) on conflict (id) do update set a[3] = excluded.a[2], v = 'up' returning *;
insert into w (id, v) overriding user value select 9, 'nine';
-- only: 17
merge into w using (values (1), (7)) s (id) on w.id = s.id when matched then update set v = 'merged', a[2] = 22 when not matched then insert (id, v) values (s.id, 'new') returning merge_action(), w.*;
-- only: 17
merge into renamed r using (values (1), (8)) s (id) on r.k = s.id when matched then update set val = 'via' when not matched then insert values (s.id, default);
-- only: 17
merge into renamed r using (values (1), (8)) s (id) on r.k = s.id when matched then delete;
begin;
declare c cursor for select * from w for update;
fetch 1 from c;
update w set v = 'cur' where current of c;
rollback;
copy w (id, v) to stdout;
-- Otherwise both Syncs that a driver sends around such a COPY are answered, one of them into the next statement.
-- modes: simple
-- copy: 20	via copy
copy w (id, v) from stdin;
copy (select * from w where id = 20) to stdout;
select * from t order by id;
update w set v = 'a' from w w2 where w.id = w2.id and w.id = 1 returning *;
delete from w using t where t.id = w.id and t.id = 20 returning w, t.id;
-- only: 18
update w set v = 'b' where id = 1 returning old.*, new.v;
-- only: 18
update w set v = 'c' where id = 1 returning old, new, (select old), old is null, (select x.v from (select new.*) x);
-- only: 18
insert into w (id, v) values (30, 'z') returning old, new, (select new.v), to_json(old);
-- only: 18
merge into renamed r using (values (1), (31)) s (id) on r.k = s.id when matched then update set val = 'both' when not matched then insert values (s.id, 'fresh') returning merge_action(), old, new, old.*, new.*, (select old), r.*;
-- only: 18
delete from renamed where k > 29 returning old, new, (select new);
select * from t order by id;

-- A view that shows system columns, and expressions, among columns of the table
create table placed (a int primary key, b text default 'none', n int);
create view around as select ctid, n * 2 as twice, a, tableoid::regclass as home, b from placed;
create view beyond (x, y, z) as select b, a, ctid is null from around where a > 0;
insert into around (a) values (1);
insert into around (b, a) values ('two', 2) returning a, b, twice, home;
insert into around (ctid, a) values ('(0,1)', 3);
insert into around values (null, 1, 3);
update around set b = 'more' where a = 1 returning b, home, ctid is null;
update around set ctid = null where a = 1;
update around set twice = 1;
insert into around (a, b) values (2, 'again') on conflict (a) do update set b = excluded.b || '!' returning a, b;
insert into beyond (y) values (7) returning x, y, z;
update beyond set x = 'seven' where y = 7 returning *;
insert into beyond (z) values (true);
-- only: 17
merge into around t using (values (1), (9)) s (k) on t.a = s.k when matched then update set b = 'merged' when not matched then insert (a, b) values (s.k, 'new');
-- only: 17
merge into around t using (values (1)) s (k) on t.a = s.k when matched then update set ctid = null;
delete from around where a = 2 returning a, b, home;
select * from placed order by a;
