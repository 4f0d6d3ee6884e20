-- A type of an extension's that prints by a setting of the session's
create extension cube;
set extra_float_digits = -10;
create table c (id int, c cube, a cube[]);
insert into c values (1, cube(1 / 3.0), array[cube(1 / 7.0)]), (2, null, null);
update c set c = cube(2 / 3.0) where id = 2;
reset extra_float_digits;
select * from c order by id;
create index on c using gist (c);
select id from c where c = cube(1 / 3.0);
drop extension cube;
drop extension cube cascade;
select * from c order by id;
