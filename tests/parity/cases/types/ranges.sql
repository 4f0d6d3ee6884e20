-- settings: default, dmy, german

create table rngs (id int primary key, i int4range, b int8range, n numrange, ts tsrange, tz tstzrange, d daterange, mi int4multirange, md datemultirange, mn nummultirange, mt tstzmultirange);
insert into rngs (id) values (1);
insert into rngs values (2, 'empty', 'empty', 'empty', 'empty', 'empty', 'empty', '{}', '{}', '{}', '{}');
insert into rngs values (3, '[1,10]', '(1,10)', '[1.5,2.50)', '[2024-01-01 10:00,2024-01-01 12:00)', '[2024-01-01 10:00+00,2024-01-01 12:00+00)', '[2024-01-01,2024-01-31]', '{[1,3),[5,7)}', '{[2024-01-01,2024-01-05)}', '{[1.1,2.2],(3.3,4.4)}', '{[2024-01-01 10:00+00,2024-01-01 12:00+00)}');
insert into rngs values (4, '(,)', '[5,)', '(,5]', '(,infinity]', '[-infinity,)', '[2024-01-01,infinity]', '{(,)}', '{(,2024-01-01)}', '{(,1),(2,)}', '{}');
insert into rngs (id, i, n, d) values (5, int4range(1, 5), numrange(1, 5, '[]'), daterange('2024-01-01', null)), (6, '[3,3]', '(3,3)', '(2024-01-01,2024-01-02)');
insert into rngs (id, tz) values (7, '[0044-03-15 00:00+00 BC,)'), (8, '["2024-06-01 00:00 Europe/Berlin","2024-06-02 00:00 Europe/Berlin")');
insert into rngs (id, mi) values (9, '{[1,5),[3,8),[8,9)}'), (10, int4multirange(int4range(1, 2), int4range(2, 3)));
select * from rngs order by id;
select id, i::text, n::text, ts::text, tz::text, d::text, mi::text, md::text from rngs order by id;
select id, lower(i), upper(i), isempty(i), lower_inc(n), upper_inf(d), lower(tz), upper(d) from rngs order by id;
select id, i @> 3, n && numrange(1, 2), d << '[2025-01-01,2025-02-01)', i -|- '[11,12)' from rngs where i is not null order by id;
select id, i * '[2,6)', i + '[1,11)', mi - '{[2,6)}', mi @> 5 from rngs where id in (2, 3) order by id;
select range_agg(i order by id), range_intersect_agg(n) from rngs where id in (3, 5);
select id, i from rngs order by i nulls last, id;
select id, unnest(mi) from rngs where id in (3, 9) order by 1, 2;
select id from rngs where tz @> '2024-01-01 11:00+00'::timestamptz order by id;

insert into rngs (id, i) values (50, '[5,1]');
insert into rngs (id, i) values (50, '[1,2');
insert into rngs (id, i) values (50, '[a,b]');
insert into rngs (id, d) values (50, '[2024-02-30,)');
insert into rngs (id, i) values (50, '[1,2147483647]');
insert into rngs (id, mi) values (50, '{[1,2)');
insert into rngs (id, n) values (50, int4range(1, 2));
update rngs set i = int4range(10, 1) where id = 3;

-- params: 60, '[1,2]', '[1,2]', '(1.1,2.2]', '[2024-01-01 00:00,)', '[2024-01-01 00:00+00,)', '[2024-01-01,2024-01-02]', '{[1,2]}'
-- params: 61, 'empty', '(,)', null, 'empty', null, '(,)', '{}'
insert into rngs (id, i, b, n, ts, tz, d, mi) values ($1, $2, $3, $4, $5, $6, $7, $8) returning *;
-- params: '[1,3)'
select id from rngs where i = $1 order by id;
-- params: 2
select id from rngs where i @> $1 order by id;
-- Types of the user's own
create type floats as range (subtype = float8, subtype_diff = float8mi);
create table own (id int, r floats, m multirange_of_none);
create table own (id int, r floats, rs floats[]);
insert into own values (1, '[1.5,2.5)', '{"[1,2]","empty",NULL}'), (2, 'empty', '{}'), (3, null, null), (4, '[-Infinity,NaN]', null);
select * from own order by id;
select id, lower(r), r @> 2.0::float8 from own order by id;
