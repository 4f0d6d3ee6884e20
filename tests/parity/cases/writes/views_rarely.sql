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
select * from t order by id;
