-- settings: default, dmy, german

create table docs (id int primary key, j json, b jsonb, p jsonpath);
insert into docs values (1, 'null', 'null', '$'), (2, null, null, null), (3, '{}', '{}', '$.a[*] ? (@ > 1)'), (4, '[]', '[]', 'strict $.a');
-- json keeps its text: duplicates, order, white space, number formats
insert into docs (id, j, b) values (5, '{"b": 1, "a": 2, "b": 3}', '{"b": 1, "a": 2, "b": 3}');
insert into docs (id, j, b) values (6, '  { "a" :  [ 1 , 2.50 , 1e3, -0, -0.0 ] }  ', '  { "a" :  [ 1 , 2.50 , 1e3, -0, -0.0 ] }  ');
insert into docs (id, j, b) values (7, '"text \u00e9 \n \"quoted\""', '"text \u00e9 \n \"quoted\""'), (8, '12345678901234567890.123456789', '12345678901234567890.123456789');
insert into docs (id, j, b) values (9, 'true', 'false'), (10, '""', '""'), (11, '"null"', '"null"'), (12, '{"a": null}', '{"a": null}'), (13, '[null]', '[null]');
insert into docs (id, j) values (14, '"\u0000"'), (15, E'{\n  "pretty": [\n    1\n  ]\n}'), (16, '1E400');
insert into docs (id, b) select 17, jsonb_object_agg('key' || n, n) from generate_series(1, 50) n;
insert into docs (id, b) values (18, '{"deep": {"deeper": [{"deepest": [1, [2, [3]]]}]}}'), (19, '{"": 1, " ": 2, "ключ": "значение", "🦎": []}');
select * from docs order by id;
select id, j::text, b::text, length(j::text) from docs order by id;
select id, j is null, b is null, b = 'null', json_typeof(j), jsonb_typeof(b) from docs order by id;
select id, b->'a', b->>'a', b#>'{a,0}', b#>>'{a,1}', j->'b', j->>'b' from docs where id in (3, 5, 6, 12) order by id;
select id from docs where b @> '{"a": null}' or b ? 'b' or b ?| array['deep'] order by id;
select id, b || '{"z": 1}', b - 'a', b #- '{a,0}' from docs where jsonb_typeof(b) = 'object' and id < 17 order by id;
select id, key, value from docs, jsonb_each(b) where id in (5, 6, 12, 19) order by id, key;
select id, e from docs cross join lateral json_array_elements(j->'a') e where id = 6;
select id, jsonb_path_query(b, '$.a[*]') from docs where id in (5, 6) order by 1, 2;
select id, jsonb_path_exists(b, p) from docs where p is not null order by id;
select id, jsonb_path_query_array(b, p, '{}', true) from docs where p is not null order by id;
select b from docs where b is not null order by b, id;
select count(distinct b), max(b::text) from docs;
select jsonb_agg(b order by id), json_agg(j order by id) from docs where id < 6;
select id, jsonb_pretty(b) from docs where id = 5;
select b['a'], b['a'][1] from docs where id = 6;
update docs set b = jsonb_set(b, '{a}', '[9]') where id = 6 returning id, b;
update docs set b = null, j = 'null' where id = 12 returning *;
update docs set b = 'null' where id = 12 returning b, b is null;
update docs set b = b || jsonb_build_object('n', id) where jsonb_typeof(b) = 'object' and id < 6 returning id, b;

insert into docs (id, j) values (50, '{a: 1}');
insert into docs (id, b) values (50, '{"a": 1');
insert into docs (id, b) values (50, '');
insert into docs (id, b) values (50, '"\u0000"');
insert into docs (id, j) values (50, '[1,]');
insert into docs (id, p) values (50, '$.[');
insert into docs (id, b) values (50, 1);
select j = j from docs;
select distinct j from docs;
select j from docs order by j;

-- params: 60, '{"x":  1}', '{"x":  1}', '$.x'
-- params: 61, 'null', 'null', null
-- params: 62, null, null, null
insert into docs values ($1, $2, $3, $4) returning *;
-- params: '{"x": 1}'
select id from docs where b = $1;
-- params: '{"x": 1}'
select id from docs where b @> $1 order by id;
-- params: 'x'
select id, b->>$1, b->$1 from docs where id = 60;
-- params: 63, '{broken'
insert into docs (id, b) values ($1, $2);
