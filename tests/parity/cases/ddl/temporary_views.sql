-- Temporary views of one session over tables that another one alters and drops.

set client_min_messages = warning;
create table base (id int primary key, v text);
insert into base values (1, 'x'), (2, 'y');
create view pv as select * from base;
-- session: other
create temp table tt (t int);
insert into tt values (7);
create temp view tv as select * from base;
create temp view mixed as select pv.*, t from pv, tt;
create temp view over_mixed as select * from mixed where id > 1;
create temp view written as select id, v from pv where id < 100;
select * from tv order by id;
-- session: main
alter table base add column w int default 3;
create trigger nothing before update on base for each row execute function suppress_redundant_updates_trigger();
-- session: other
select * from tv order by id;
select * from over_mixed;
update written set v = 'new' where id = 1 returning *;
-- session: main
drop trigger nothing on base;
alter view pv rename to pw;
alter table base alter w set not null, drop constraint base_pkey, add unique (id);
create index on base (v);
-- session: other
insert into tv values (3, 'z') returning *;
-- session: main
alter table base rename to renamed;
-- session: other
select * from tv order by id;
update written set v = 'newer' where id = 1 returning *;
create temp view tx as table over_mixed;
table tx order by id;
-- session: main
drop view pw;
drop view pw cascade;
-- session: other
select * from tx;
select * from written;
select * from tv order by id;
insert into tv values (4, 'later');
-- session: main
drop table renamed;
drop table renamed cascade;
-- session: other
select * from tv;
create temp view tv as select 1 as id;
select * from tv;
-- session: main
create table base (id int);
select * from base;

-- Those of the session itself, over others that go, too
insert into base values (1);
create view below as select id from base;
create temp view above as select id + 1 as next from below;
create temp view further as table above;
select * from further;
drop view below cascade;
select * from further;
create view below as select id from base;
create temp view above as select id + 1 as next from below;
create temp view beside as table base;
-- session: other
create temp view above as select id + 2 as next from below;
select * from above;
-- session: main
drop table base cascade;
select * from above;
-- session: other
select * from above;
