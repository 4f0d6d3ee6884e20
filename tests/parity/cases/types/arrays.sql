-- settings: default, dmy, german

create table arrs (id int primary key, i int[], t text[], m int[][], n numeric(5,2)[], b bool[], d date[], ts timestamptz[], v varchar(3)[], c char(3)[], j jsonb[], y bytea[], f float8[], iv interval[], limited int[3], u uuid[], bx box[]);
insert into arrs (id) values (1);
insert into arrs values (2, '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}');
insert into arrs values (3, '{1,NULL,3}', '{a,NULL,"NULL","",",","\"","\\"," sp "}', '{{1,2},{3,4}}', '{1.005,NULL,-0}', '{t,f,NULL}', '{2024-01-02,infinity,NULL,0044-03-15 BC}', '{2024-01-02 03:04:05+00,-infinity}', '{a,ab,abc}', '{a,ab,abc}', '{"1","null",NULL,"{\"a\": [1]}"}', '{"\\xdead","\\x",NULL}', '{0.1,NaN,Infinity,-0,NULL}', '{1 day,"-1 mon +2:00:00"}', '{1,2,3,4}', '{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}', '{(1,1),(0,0);(2,2),(1,1)}');
insert into arrs (id, i, m) values (4, '[2:4]={1,2,3}', '[0:1][-1:0]={{1,2},{3,NULL}}'), (5, array[1,2,3], array[[1],[2]]), (6, array[]::int[], array[array[1,2],array[3,4]]);
insert into arrs (id, t) values (7, array['it''s', E'tab\t', 'grüße', '{}', 'null']), (8, string_to_array('a,b,,c', ',')), (9, '{"{nested}"}'), (10, array[null]);
insert into arrs (id, m) values (11, '{{{1,2},{3,4}},{{5,6},{7,8}}}');
select * from arrs order by id;
select id, i::text, t::text, m::text, d::text, ts::text, f::text, y::text, iv::text from arrs order by id;
select id, i[1], i[2:3], m[1][1], m[1:1], array_dims(i), array_lower(m, 2), array_length(t, 1), cardinality(m), t[8] from arrs order by id;
select id, e, o from arrs, unnest(t) with ordinality as u(e, o) where id in (3, 7) order by id, o;
select id, i || 4, array_append(t, 'x'), array_cat(i, i), array_remove(i, null), array_position(t, 'NULL') from arrs where id in (2, 3, 4) order by id;
select id from arrs where 3 = any(i) order by id;
select id from arrs where i @> '{1}' and i && '{2,3}' or t <@ '{a,b,c,""}' order by id;
select id, i, i = '{1,2,3}', i < '{2}' from arrs where i is not null order by i, id;
select array_agg(i order by id) from arrs where id in (5);
select array_agg(id order by id), array_agg(d order by id) from arrs where id = 3;
select array(select id from arrs order by id desc);
select id, array_to_string(t, '|', '?'), array_to_json(m), to_jsonb(d) from arrs where id in (3, 6, 11) order by id;
update arrs set i = i || 100, t = array_prepend('first', t) where id = 5 returning id, i, t;
update arrs set m = '{{9}}', n = array[1.234, null] where id = 5 returning id, m, n;

insert into arrs (id, i) values (50, '{1,2');
insert into arrs (id, i) values (50, '1,2');
insert into arrs (id, i) values (50, '{a}');
insert into arrs (id, m) values (50, '{{1,2},{3}}');
insert into arrs (id, i) values (50, array['a']);
insert into arrs (id, v) values (50, '{abcd}');
insert into arrs (id, v) values (50, array['abcd']);
insert into arrs (id, c) values (50, '{abcd}');
insert into arrs (id, n) values (50, '{1000}');
insert into arrs (id, i) values (50, '[1:2]={1,2,3}');
insert into arrs (id, i) values (50, 1);
select i[1] / 0 from arrs where id = 5;

-- params: 60, '{1,NULL}', '{"a b",NULL}', '{{1},{2}}'
-- params: 61, '{}', '{""}', null
insert into arrs (id, i, t, m) values ($1, $2, $3, $4) returning id, i, t, m;
-- params: '{1,NULL}'
select id from arrs where i = $1;
-- params: 'abc'
select id from arrs where $1 = any(v);
-- params: '{1,2,3}', '{a}'
select id from arrs where i && $1 or t @> $2 order by id;
