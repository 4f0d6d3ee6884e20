-- settings: default, dmy, german

create table spans (id int primary key, i interval, ym interval year to month, ds interval day to second(2), h interval hour, i3 interval(3));
insert into spans (id, i) values (1, '0'), (2, null), (3, '1 year 2 months 3 days 4 hours 5 minutes 6.789 seconds'), (4, '-1 year -2 months +3 days -04:05:06.789');
insert into spans (id, i) values (5, '1 mon -1 day'), (6, '30 days'), (7, '720:00:00'), (8, '1 month'), (9, '00:00:00.000001'), (10, '-00:00:00.5');
insert into spans (id, i) values (11, 'P1Y2M3DT4H5M6.7S'), (12, '1-2 3 4:05:06'), (13, '2 weeks'), (14, '1 millennium 2 centuries 3 decades'), (15, 'P-1Y2M'), (16, '@ 1 minute ago');
insert into spans (id, i) values (17, '178000000 years'), (18, '-178000000 years'), (19, '2147483647 days'), (20, '-2147483648 days 2147483647 months');
insert into spans (id, i) values (21, '1.5 months'), (22, '0.1 day'), (23, '1.5 years -0.25 months');
-- only: 17
insert into spans (id, i) values (24, 'infinity'), (25, '-infinity');
insert into spans values (26, '1 day', '14 months 5 days', '3 days 04:05:06.789', '5:59:59', '1.23456 seconds'), (27, '1 day', '-5 months', '-0.005 seconds', '-90 minutes', '-0.0005 seconds');
insert into spans (id, h) values (28, '3'), (29, interval '2 days 3 hours');
select * from spans order by id;
select id, i::text from spans order by i, id;
select id, extract(epoch from i), extract(month from i), extract(day from i) from spans where id between 3 and 16 order by id;
select id, i = '1 month', i * 2, i / 3, -i, justify_interval(i) from spans where id in (5, 6, 7, 8) order by id;
select i, count(*) from spans where id in (6, 7, 8) group by i;
select sum(i), avg(i), min(i), max(i) from spans where id between 3 and 13;
select timestamp '2024-01-31' + i from spans where id in (3, 4, 5, 8) order by id;
select json_build_object('i', i) from spans where id in (3, 4) order by id;

insert into spans (id, i) values (50, 'a while');
insert into spans (id, i) values (50, '1e30 years');
insert into spans (id, i) values (50, 5);
insert into spans (id, ym) values (50, '1 fortnight');
update spans set i = i * 100 where id = 17;

begin;
set local intervalstyle = postgres_verbose;
select id, i from spans where id between 1 and 16 order by id;
set local intervalstyle = sql_standard;
insert into spans (id, i) values (60, '-1 days -04:00'), (61, '-1 04:00:00'), (62, '-1-2 +3 -4:05:06') returning *;
commit;
select id, i from spans where id >= 60 order by id;

-- params: 70, '1 mon 2 days 03:04:05.678', '3 mons', '4 days 05:06:07.899', '8:59', '9.87654 s'
-- params: 71, '-1 mon', null, null, null, null
insert into spans values ($1, $2, $3, $4, $5, $6) returning *;
-- params: '30 days'
select id from spans where i = $1 order by id;
