-- settings: default, dmy, german

create table nums (id int primary key, n numeric, np numeric(10,2), nn numeric(3,-2), r real, d double precision, m money);
insert into nums values (1, 0, 0, 0, 0, 0, 0);
insert into nums values (2, 'NaN', 'NaN', 'NaN', 'NaN', 'NaN', null);
insert into nums values (3, 'Infinity', null, null, 'Infinity', 'Infinity', '92233720368547758.07');
insert into nums values (4, '-Infinity', null, null, '-Infinity', '-Infinity', '-92233720368547758.08');
insert into nums values (5, null, null, null, null, null, null);
insert into nums values (6, '-0', -0.0, 0, '-0', '-0', '-0');
-- Scale is part of a numeric
insert into nums (id, n) values (7, 1.10), (8, 1.1), (9, 1.100000000000000000000), (10, 1e20), (11, 1e-20), (12, 100), (13, 0.00);
insert into nums (id, n) values (14, 123456789012345678901234567890.123456789012345678901234567890);
insert into nums (id, n) select 15, (repeat('9', 1000) || '.' || repeat('1', 500))::numeric;
insert into nums (id, np) values (16, 1.005), (17, 99999999.99), (18, -99999999.994), (19, 7);
insert into nums (id, nn) values (20, 12345), (21, 99949), (22, 50), (23, 49);
insert into nums (id, r) values (24, 3.4028235e38), (25, 1.17549435e-38), (26, 1e-45), (27, 0.1), (28, 16777217);
insert into nums (id, d) values (29, 1.7976931348623157e308), (30, 2.2250738585072014e-308), (31, 5e-324), (32, 0.1), (33, 1.0/3), (34, 9007199254740993);
insert into nums (id, d) values (35, 123456789.123456789), (36, 0.30000000000000004), (37, 1e15), (38, 1e16), (39, 100000);
insert into nums (id, m) values (40, '12.345'), (41, '$1,234.56'), (42, '(1.00)'), (43, 12.34), (44, 5), (45, '-0.01');
select * from nums order by id;
select id, n from nums order by n, id;
select id, d, r from nums order by d desc nulls last, r, id;
select id, n::text, np::text, d::text, r::text, m::text from nums order by id;
select id, scale(n), n = 1.1 from nums where n is not null order by id;
select sum(np), avg(np), min(np), max(np), count(np) from nums where np <> 'NaN';
select sum(m), min(m), max(m) from nums where id > 4;
select id, m::numeric, m * 2, m / 3 from nums where id between 40 and 45 order by id;
select id, d = '-0', 1 / nullif(d, 0) from nums where id = 6;
select id, n, n = 'NaN' from nums where n = 'NaN' or n = 'Infinity' order by id;
select id, round(n, 2), trunc(n), ceil(n), n % 7 from nums where id between 7 and 14 order by id;
select distinct n from nums where id in (7, 8, 9);
select n, count(*) from nums where id between 7 and 13 group by n order by n;
select id, np * 1.5, np / 3, np + 1, np::int from nums where id in (17, 19) order by id;

-- Errors
insert into nums (id, np) values (50, 100000000);
insert into nums (id, np) values (50, 'Infinity');
insert into nums (id, nn) values (50, 99950);
insert into nums (id, n) values (50, 'abc');
insert into nums (id, n) values (50, '1.2.3');
insert into nums (id, r) values (50, 1e39);
insert into nums (id, r) values (50, '1e-50');
insert into nums (id, d) values (50, '1e400');
insert into nums (id, m) values (50, 'x');
insert into nums (id, m) values (50, '92233720368547758.08');
update nums set np = np * 10 where id = 17;
select n / 0 from nums where id = 7;
select d / 0 from nums where id = 32;
select sqrt(-d) from nums where id = 35;
select ln(n) from nums where id = 1;
select n::int from nums where id = 2;

-- params: 60, 1.50, 1.555, 12300, 0.1, 0.1, 3.50
-- params: 61, 'NaN', 'NaN', 'NaN', 'NaN', 'NaN', null
-- params: 62, '-Infinity', null, null, '-Infinity', 'Infinity', 0
-- params: 63, 0.000, -0.00, 0, '-0', '-0', '-1.01'
insert into nums values ($1, $2, $3, $4, $5, $6, $7) returning *;
-- params: 1.1
select id from nums where n = $1 order by id;
-- params: 0.1
select id from nums where d = $1 order by id;
-- params: 0.1
select id from nums where r = $1 order by id;
-- params: 12.35
select id from nums where m = $1;
