create table acc (id int primary key, owner text, balance int not null);
insert into acc values (1, 'a', 100), (2, 'b', 200), (3, 'c', 300);
select * from acc where id = 1 for update;
select * from acc order by id for no key update;
select * from acc order by id for share;
select * from acc order by id limit 1 for key share;
select id from acc order by id for update nowait;
select id from acc order by id for update skip locked;
select a.id from acc a join acc b on a.id = b.id order by 1 for update of a;
select a.id from acc a join acc b on a.id = b.id order by 1 for share of a, b;
select id from acc a order by id for update of acc;
select id from acc order by id for update of nope;
select count(*) from acc for update;
select distinct id from acc for update;
select id from acc union select id from acc for update;
with t as (select id from acc where id = 1 for update) select * from t;
update acc set balance = balance + 1 where id in (select id from acc order by id limit 1 for update skip locked) returning *;

-- Two sessions
begin;
select id from acc where id = 1 for update;
-- session: other
select id from acc order by id for update skip locked;
select id from acc where id = 1 for update nowait;
set lock_timeout = '50ms';
update acc set balance = 0 where id = 1;
delete from acc where id = 1;
update acc set balance = 222 where id = 2 returning *;
begin;
select id from acc where id = 3 for share;
-- session: main
select id from acc where id = 3 for key share nowait;
select id from acc where id = 3 for update nowait;
rollback;
-- session: other
commit;
-- session: main
select * from acc order by id;

-- What others see
begin;
insert into acc values (4, 'd', 400);
delete from acc where id = 1;
update acc set balance = -1 where id = 2;
-- session: other
select * from acc order by id;
-- session: main
commit;
-- session: other
select * from acc order by id;
begin isolation level repeatable read;
select count(*) from acc;
-- session: main
insert into acc values (5, 'e', 500);
update acc set balance = 7 where id = 3;
-- session: other
select count(*) from acc;
update acc set balance = 8 where id = 3;
rollback;
select count(*) from acc;
begin isolation level serializable read only;
insert into acc values (6, 'f', 1);
rollback;
lock table acc in share mode;
begin;
lock table acc in access exclusive mode;
lock acc;
commit;
