-- settings: default, dmy, german

create table ints (id int primary key, s smallint, i integer, b bigint, o oid);
insert into ints values (1, 0, 0, 0, 0), (2, 32767, 2147483647, 9223372036854775807, 4294967295);
insert into ints values (3, -32768, -2147483648, -9223372036854775808, 1), (4, null, null, null, null);
-- Beyond 2^53, where a JSON number read as a double would lose digits
insert into ints (id, b) values (5, 9007199254740993), (6, -9007199254740993);
insert into ints values (7, '12', '  13 ', '0x1F'::text::bigint, '7');
insert into ints (id, i) values (8, 1e3), (9, 2.5), (10, 3.5), (11, -2.5);
select * from ints order by id;
select sum(s), sum(i), sum(b), avg(b), max(o) from ints;
select id, b + 1 from ints where id in (5, 6) order by id;
select id, i / 2, i % 7, -s::int, abs(b / 3), b & 255, b << 2 from ints where id <> 3 order by id;

-- Errors of assignment
insert into ints (id, s) values (20, 32768);
insert into ints (id, s) values (20, 70000);
insert into ints (id, i) values (20, 2147483648);
insert into ints (id, b) values (20, 9223372036854775808);
insert into ints (id, s) values (20, 'abc');
insert into ints (id, i) values (20, '1.5');
insert into ints (id, i) values (20, '');
insert into ints (id, b) values (20, true);
insert into ints (id, o) values (20, -1);
update ints set s = s + 1 where id = 2;
update ints set i = i + 1 where id = 2;
update ints set b = b + 1 where id = 2;
update ints set s = 'x' where id = 1;
select i / 0 from ints;
select s / (s - s) from ints where id = 2;
select i::smallint from ints where id = 2;

-- params: 30, 1, 2, 3, 4
-- params: 31, -32768, -2147483648, -9223372036854775808, 4294967295
-- params: 32, null, null, null, null
insert into ints values ($1, $2, $3, $4, $5) returning *;
-- params: 40, 40000
insert into ints (id, s) values ($1, $2);
-- params: 40, 'x'
insert into ints (id, s) values ($1, $2);
-- params: 9007199254740993
select id, b from ints where b = $1;
-- params: 32767
select id from ints where s = $1;
-- params: 1, 5
select id, i from ints where id between $1 and $2 order by id;
-- params: '{1,2,3}'
select id from ints where id = any($1) order by id;
-- params: 5
select id + $1 from ints order by id limit 3;
