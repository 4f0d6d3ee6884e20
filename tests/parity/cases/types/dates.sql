-- settings: default, dmy, german

create table dates (id int primary key, d date, t time, tz timetz, ts timestamp, tstz timestamptz, ts3 timestamp(3), t0 time(0), tstz1 timestamptz(1));
insert into dates values (1, '2024-02-29', '12:34:56.789', '12:34:56.789+05:30', '2024-02-29 12:34:56.789012', '2024-02-29 12:34:56.789012+02', '2024-02-29 12:34:56.7895', '12:34:56.5', '2024-02-29 12:34:56.789012+00');
insert into dates values (2, 'infinity', '00:00', '00:00+00', 'infinity', 'infinity', 'infinity', '00:00', 'infinity');
insert into dates values (3, '-infinity', '24:00', '24:00-12', '-infinity', '-infinity', '-infinity', '23:59:59.9', '-infinity');
insert into dates (id) values (4);
insert into dates (id, d, ts, tstz) values (5, '0044-03-15 BC', '0044-03-15 12:00:00 BC', '0044-03-15 12:00:00+00 BC'), (6, '0001-01-01', '0001-01-01', '0001-01-01 00:00+00'), (7, '0001-12-31 BC', '0001-12-31 23:59:59.999999 BC', '0001-12-31 23:59:59.999999+00 BC');
insert into dates (id, d, ts, tstz) values (8, '4713-11-24 BC', '4713-11-24 00:00:00 BC', '4713-11-24 12:00:00+00 BC'), (9, '5874897-12-31', '294276-12-31 23:59:59.999999', '294276-12-31 23:59:59.999999+00');
insert into dates (id, d, ts) values (10, '10000-01-01', '10000-01-01 00:00:00'), (11, '1970-01-01', 'epoch'), (12, '2000-01-01', '2000-01-01 00:00:00.000001');
insert into dates (id, tstz) values (13, '2024-03-31 01:30:00 Europe/Berlin'), (14, '2024-11-03 05:59:59+00'), (15, '2024-11-03 06:00:00+00'), (16, '1883-11-18 17:00:00+00'), (17, '2024-03-10 02:30:00 America/New_York');
insert into dates (id, tz) values (18, '10:00:00.000001-15:59:59'), (19, '10:00+15:59'), (20, '04:05:06 PST');
insert into dates (id, t) values (21, '23:59:59.999999'), (22, '12:00 PM'), (23, '235959'), (24, '23:59:60');
insert into dates (id, d) values (25, 'January 8, 1999'), (26, '20240131'), (27, 'J2451187');
select * from dates order by id;
select id, d::text, t::text, tz::text, ts::text, tstz::text from dates order by id;
select id, extract(epoch from tstz), extract(year from ts), extract(dow from d), extract(timezone from tz) from dates where id not in (2, 3) order by id;
select id, isfinite(d), isfinite(ts), d = 'infinity' from dates where d is not null order by id;
select id, d + 1, d - date '2000-01-01', ts + interval '1 month', tstz - interval '1 day', t + interval '13 hours' from dates where id in (1, 5, 11) order by id;
select id, tstz at time zone 'UTC', ts at time zone 'Asia/Tokyo', date_trunc('hour', tstz), tstz::date, tstz::time, tstz::timetz from dates where id in (1, 5, 13, 14, 15) order by id;
select id, to_char(d, 'YYYY-MM-DD BC Day'), to_char(tstz, 'YYYY-MM-DD HH24:MI:SS.US TZ OF') from dates where id in (1, 5, 8) order by id;
select id, ts - '2000-01-01', age(ts, '2000-01-01'), justify_days(ts - '2000-01-01') from dates where id in (1, 5, 10) order by id;
select min(d), max(d), min(ts), max(tstz), max(t), min(tz) from dates;
select id from dates where ts < '1900-01-01' order by ts, id;
select id from dates where tstz between '2024-01-01 UTC' and '2024-12-31 UTC' order by tstz desc;
select d from dates where d > '2024-01-01' order by d;
select count(distinct tz), count(distinct t) from dates;
select json_agg(dates order by id) from dates where id in (1, 2, 5, 10);

-- Read with the setting of the session, whatever the row was written under
insert into dates (id, d, ts, tstz) values (30, '03/04/2024', '03/04/2024 10:00', '03/04/2024 10:00') returning *;
insert into dates (id, d, ts, tstz) values (31, '1.2.2024', '1.2.2024 10:00', '1.2.2024 10:00') returning *;
insert into dates (id, d) values (32, '25/12/2024');
insert into dates (id, d) values (33, '12/25/2024');

begin;
set local timezone = 'Pacific/Chatham';
set local datestyle = 'ISO, YMD';
insert into dates (id, tstz, tz) values (34, '2024-06-01 12:00', '12:00') returning *;
select id, tstz, tz from dates where id in (1, 34) order by id;
commit;
select id, tstz, tz from dates where id in (1, 34) order by id;
set timezone = 'Africa/Monrovia';
select id, tstz from dates where id in (1, 16, 34) order by id;
reset timezone;

-- Errors
insert into dates (id, d) values (50, '2024-02-30');
insert into dates (id, d) values (50, 'yesterday-ish');
insert into dates (id, d) values (50, '5874898-01-01');
insert into dates (id, ts) values (50, '294277-01-01');
insert into dates (id, tstz) values (50, '2024-01-01 00:00 Mars/Base');
insert into dates (id, t) values (50, '25:00');
insert into dates (id, tz) values (50, '10:00+17');
insert into dates (id, d) values (50, 20240101);
insert into dates (id, d) values (50, now()::time);
update dates set ts = ts + interval '300000 years' where id = 1;
select d + 2147483647 from dates where id = 1;

-- params: 60, '2024-05-06', '07:08:09', '07:08:09+01', '2024-05-06 07:08:09.5', '2024-05-06 07:08:09.5+01', '2024-05-06 07:08:09.55555', '07:08:09.5', '2024-05-06 07:08:09.55+01'
-- params: 61, 'infinity', null, null, '-infinity', 'infinity', null, null, null
-- params: 62, '0044-03-15 BC', null, null, '0044-03-15 00:00 BC', '0044-03-15 00:00+00 BC', null, null, null
insert into dates values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning *;
-- params: '2024-05-06'
select id from dates where d = $1;
-- params: '2024-05-06 07:08:09.5+01'
select id from dates where tstz = $1;
-- params: '1 day'
select id, ts + $1 from dates where id = 60;
-- params: 'not a date'
select id from dates where d = $1;
