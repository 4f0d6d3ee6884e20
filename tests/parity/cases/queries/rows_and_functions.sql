create table pets (id int primary key, name text, born date, tags text[], info jsonb, weight real);
insert into pets values (1, 'Rex', '2020-05-05', '{dog,big}', '{"a": 1}', 20.5), (2, 'Tom', null, null, 'null', null), (3, null, null, '{}', null, 'NaN');

-- Whole rows
select pets from pets order by id;
select p from pets p order by id;
select p.* from pets p order by id;
select (p).* from pets p order by id;
select (pets).name, (p2).id from pets join pets p2 using (id) order by id;
select row_to_json(p) from pets p order by id;
select to_jsonb(pets) from pets order by id;
select json_agg(p order by id) from pets p;
select jsonb_agg(pets order by id) -> 0 ->> 'name' from pets;
select row_to_json(x) from (select id, name from pets) x order by x.id;
select array_agg(p order by id) from pets p;
select p is null, p is not null, p = p, p::text from pets p order by id;
select count(p), count(distinct p) from pets p;
select p from pets p where p = row(1, 'Rex', '2020-05-05', array['dog', 'big'], '{"a": 1}', 20.5)::pets;
select pg_typeof(p), pg_typeof(row(p.*)) from pets p where id = 1;
select name(p), (p).name, p.name from pets p where id = 1;
select json_populate_record(null::pets, '{"id": 9, "name": "Json", "tags": ["x"]}');
select * from jsonb_populate_recordset(null::pets, '[{"id": 9}, {"id": 10, "weight": 1.5}]') order by id;
select * from json_to_recordset('[{"id": 1}]') as x (id int) join pets using (id);
select null::pets, row(1, 'x', null, null, null, null)::pets, array[null::pets];
select (row(4, 'cast', null, '{}', '{}', 1)::pets).name;
select coalesce(p, row(0, 'none', null, null, null, null)::pets) from pets p order by id;
select q.r, (q.r).id from (select p as r from pets p) q order by 2;
select p.nope from pets p;
select (p).nope from pets p;

-- Functions over the table's row type
create function label(p pets) returns text language sql immutable as $$ select p.id || ':' || coalesce(p.name, '-') $$;
select label(p), p.label, label(pets.*) from pets, pets p where p.id = pets.id order by 1;
create function pet_count() returns bigint language sql stable as $$ select count(*) from generate_series(1, 3) $$;
select pet_count(), id from pets order by id;
create function make_pet(int) returns pets language sql as $$ select row($1, 'made', null, null, null, null)::pets $$;
select make_pet(5), (make_pet(6)).name;
select * from make_pet(7);
insert into pets select * from make_pet(8) returning *;
insert into pets select (make_pet(9)).* returning id, name;

-- Functions with sets
select id, unnest(tags) from pets order by id, 2;
select id, jsonb_each_text(info) from pets where jsonb_typeof(info) = 'object';
select id, t.* from pets cross join lateral unnest(tags) with ordinality t (tag, n) order by id, n;
select * from generate_series(1, (select max(id) from pets where id < 4)) g order by g;
select id, n from pets, rows from (generate_series(1, 2), generate_series(5, 7)) as r (n, m) where id = 1 order by m;
select * from json_table('[{"a": 1}]', '$[*]' columns (a int)) j join pets on pets.id = j.a;

-- Names of system functions and syntax that looks like functions
select current_date = current_date, current_timestamp(3) is not null, localtime is not null, current_catalog, current_role, user from pets where id = 1;
select extract(year from born), position('e' in name), overlay(name placing 'x' from 1), trim(both 'R' from name), substring(name from '^.'), substring(name similar 'R#"e#"x' escape '#') from pets where id = 1;
select born at time zone 'UTC', (born, born) overlaps (born, interval '1 day'), cast(weight as numeric(5,1)), greatest(id, 2), least(id, 2) from pets where id = 1;
select grouping(), 1 from pets;
select normalize(name, nfc), name is normalized, weight is distinct from 5, name is not distinct from null from pets order by id;
select tags[1:1], tags[1], array[id, id], info['a'], info #> '{a}', (array_agg(name) over ())[1] from pets order by id;
select name collate "C", name like any (array['R%']), name ~* 're', name !~~ 'x', weight between symmetric 30 and 10 from pets where id = 1;
select 5 operator(pg_catalog.+) id, @ -id, id !~~ 'x' from pets where id = 1;
select 5 operator(pg_catalog.+) id, @ -id, |/ id::float8, id # 3, id ^ 2 from pets where id = 1;
select interval '1' year + born, date 'epoch', time '10:00', timestamp with time zone '2024-01-01 00:00+00', int '5', bit varying '101', float8 'NaN' from pets where id = 1;
select U&"n\0061me", U&'\0041', B'101', X'1F', N'nchar', 1_000, 0b11, 0o17, 0xff, 1e2, .5, 5. from pets where id = 1;
select json_object('a': id), json_array(name, id), json_exists(info, '$.a'), json_value(info, '$.a'), info is json from pets where id = 1;
select num_nulls(name, born, tags), pg_column_size(id), pg_collation_for(name) from pets order by id;

-- Tables made of whole rows
create table kept as select p, array_agg(p) as all_of_them, count(*) from pets p where id < 3 group by p;
select p, all_of_them, pg_typeof(p), pg_typeof(all_of_them) from kept order by (p).id;
select attname, format_type(atttypid, atttypmod) from pg_attribute where attrelid = 'kept'::regclass and attnum > 0 order by attnum;
select p as pet into temp kept_here from pets p where id = 1;
select attname, format_type(atttypid, atttypmod) from pg_attribute where attrelid = 'kept_here'::regclass and attnum > 0 order by attnum;
select (pet).name, pg_typeof(pet) from kept_here;
create view pet_view as select id, name from pets;
create table kept_of_view as select v from pet_view v where id = 1;
select v, pg_typeof(v), (v).name from kept_of_view;
select pg_typeof(v), pg_typeof(array_agg(v)) from pet_view v group by v order by 1 limit 1;
drop table pets;
drop table kept, kept_here, kept_of_view;
