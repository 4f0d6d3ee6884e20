-- user: postgres

-- Foreign tables that inherit from a table: its rows are not all that there is to it.
set client_min_messages = warning;
create foreign data wrapper nowhere;
create server afar foreign data wrapper nowhere;
create table parent (a int, b text);
insert into parent values (1, 'one');
create foreign table heir () inherits (parent) server afar;
select * from parent;
select * from only parent;
update parent set b = 'two';
delete from parent;
select * from only parent;
select inhrelid::regclass from pg_inherits where inhparent = 'parent'::regclass;
drop foreign table heir;
select * from parent;

create table adopting (a int, b text);
insert into adopting values (1, 'one');
create foreign table adopted (a int, b text) server afar;
alter foreign table adopted inherit adopting;
select * from adopting;
update adopting set b = 'two';
select * from only adopting;
alter foreign table adopted no inherit adopting;
select * from adopting;
create table adopting_too (a int, b text);
insert into adopting_too values (1, 'one');
alter table adopted inherit adopting_too;
select * from adopting_too;
create view all_of_it as select a from adopting_too;
select * from all_of_it;
create table adopting_late (a int, b text);
insert into adopting_late values (1, 'one');
create view late_view as select a from adopting_late;
alter foreign table adopted inherit adopting_late;
select * from late_view;
alter foreign table adopted no inherit adopting_too, no inherit adopting_late;
select * from adopting_too;
select * from late_view;
drop server afar cascade;
drop foreign data wrapper nowhere;
