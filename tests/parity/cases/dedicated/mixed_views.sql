-- Views over a table that keeps its own rows, which read documents besides: they are written through to the table.

set client_min_messages = warning;
create table wanted (id int primary key, note text);
insert into wanted values (1, 'one'), (2, 'two'), (5, 'five');
set kameleon.default_storage = dedicated;
create table kept (id int primary key, v text default 'table', n int generated always as identity, tags text[]);
set kameleon.default_storage = shared;
insert into kept (id, v) values (1, 'a'), (2, 'b'), (3, 'c');

create view some as select id, v, tags from kept k where exists (select from wanted w where w.id = k.id);
create view checked as select id, v from some where id < 100 with check option;
create view named (x, y, twice) as select v, id, id * 2 from kept where id in (select id from wanted) with local check option;
alter view some alter column v set default 'view';
select * from some order by id;
insert into some (id) values (5) returning *;
insert into some values (6, 'not seen', '{x}');
insert into checked values (7, 'no');
insert into checked (id) values (4);
update some set v = v || '!' where id = 1 returning *, some;
update some set tags[2] = 'second' where id = 2 returning tags;
update checked set id = 3 where id = 1;
update checked set v = upper(v) from wanted w where w.id = checked.id returning checked.*, w.note;
update public.some as s set v = default where public.some.id = 1;
update some as s set v = default where s.id = 1 returning s.v;
insert into some (id, v) values (1, 'again') on conflict (id) do update set v = excluded.v || '?' returning *;
insert into some (id, v) values (1, 'again') on conflict do nothing;
insert into named (y, x) values (50, 'no');
insert into named (twice) values (1);
update named set x = 'named', y = 2 where twice = 4 returning named, twice;
update named set twice = 1;
-- only: 17
merge into some using (values (1), (8)) m (id) on some.id = m.id when matched then update set v = 'merged' when not matched then insert (id, v) values (m.id, 'new') returning merge_action(), some.*;
-- only: 18
update some set v = 'o' where id = 2 returning old, new, old.v, (select new);
with gone as (delete from some where id = 5 returning id, v) select * from gone;
delete from some using wanted where wanted.id = some.id and some.id = 2 returning some.*;
prepare add (int, text) as insert into some (id, v) values ($1, $2) returning id, v;
execute add (20, 'prepared');
-- params: 21, 'bound'
insert into some (id, v) values ($1, $2) returning id;
begin;
declare c cursor for select * from some for update;
fetch 1 from c;
rollback;
explain (costs off) delete from named where false;
copy some (id) from stdin;
alter table kept rename column v to w;
update some set v = 'renamed' where id = 1 returning *;
alter table wanted add column more int;
insert into some (id) values (30) returning id;
select * from kept order by id;

-- Partitions
create table parts (a int, b int) partition by list (a);
create table part_1 partition of parts for values in (1);
create table part_2 partition of parts for values in (2);
create table highest (b int);
insert into highest values (10);
create view lower as select * from parts where b < (select max(b) from highest) with check option;
insert into lower values (1, 5), (2, 6);
insert into lower values (1, 50);
update lower set a = 2 where a = 1 returning *, tableoid::regclass;
update lower set b = 11;
delete from lower where b = 6;
select tableoid::regclass, * from parts order by b;

-- Who may do what
grant select, update on some to parity_reader;
set role parity_reader;
update some set v = 'by another' where id = 1 returning *;
delete from some;
insert into some values (9);
update named set x = 'no';
reset role;

-- Temporary ones
create temp view mine as select id, w from kept where id in (select id from wanted);
update mine set w = 'mine' returning *;
drop view mine;
drop table wanted cascade;
select * from kept order by id;
