create table t (id int primary key, name varchar(10) not null default 'none', n numeric(6,2) default 1.5, at date default '2024-01-01', flag bool);
insert into t values (1, 'a', 2, '2024-05-05', true);
insert into t values (2, 'b');
insert into t (id) values (3);
insert into t (flag, id, name) values (false, 4, 'd');
insert into t values (5, default, default, default, default), (6, 'f', default, null, null);
insert into t (id, name, n) values (7, 'g', 1), (8, default, null), (9, 'i', default);
insert into t (id, n) select 10 + i, i from generate_series(1, 3) i;
insert into t select id + 20, name, n, at, flag from t where id < 3;
insert into t (id, name) (select 31, 'paren');
insert into t (id, name) select 32, 'x' union all select 33, 'y' order by 1;
insert into t table t limit 0;
insert into t (id) with w as (select 34 as id) select id from w;
with w as (select 35 as id) insert into t (id) select id from w;
insert into t (id, name) values (36, (select name from t where id = 1));
insert into t (id, name) values (37, upper('upper')), (38, 'it''s'), (39, $$d'q$$);
insert into t (id, n, at) values (40, '3.999', 'epoch'), (41, 1e2, current_date - current_date + date '2024-02-02');
insert into t (id, name) values (42, null::varchar || 'x');
insert into public.t (id) values (43);
insert into "t" ("id", "name") values (44, 'quoted');
insert into t as x (id) values (45);
INSERT INTO T (ID, Name) VALUES (46, 'CASE');
insert into t(id,name)values(47,'tight'),(48,'t2');
insert into t (id, n) values (49, 2 * 3 + 1), (50, (select max(n) from t where id < 3)), (51, case when true then 1 end);
select * from t order by id;

-- RETURNING
insert into t (id, name) values (60, 'ret') returning *;
insert into t (id, name) values (61, 'ret'), (62, 'ret2') returning id, upper(name) as up, n * 2, t.at, flag is null;
insert into t (id) values (63) returning t;
create function of_row(w t) returns int language sql return w.id;
insert into t (id) values (64) returning of_row(t), (t::t)::text as t, coalesce(t, null), (t).id, array[t], (t.*)::text;
update t set v = v where id = 64 returning of_row(t), (t).id, (t).v || 1 as v;
drop function of_row;
insert into t (id) values (64) returning t.*, t.id as again;
insert into t as x (id) values (65) returning x.*, x.name;
insert into t (id) values (66) returning (select count(*) > 5 from t), row_to_json(t);
insert into t (id, name) select 67, 'sel' returning id, name;
insert into t (id) values (68) returning id as "Id", name as "Näme";
insert into t (id) values (69) returning 1;
insert into t (id) values (70), (71) returning id + 1, pg_typeof(n), n::text;
insert into t (id) values (72) returning public.t.id;
-- only: 18
insert into t (id) values (73) returning old.id, new.id, new.*;
insert into t default values;
create table d (id serial, at date default '2024-01-01', note text);
insert into d default values;
insert into d default values returning *;
insert into d (note) values (default), ('x') returning id, note;
select * from d order by id;

create type pt as (x int, y text);
create table parts (id int primary key, a int[], m int[][], p pt);
insert into parts (id, a[1], a[3]) values (1, 10, 30) returning *;
insert into parts (id, a[2:3], m[1][2]) values (2, '{5,6}', 7) returning *;
insert into parts (id, p.x) values (3, 1) returning *;
insert into parts (id, p.y, p.x) select 4, 'y', 4 returning *;
insert into parts (id, a[1]) values (5, 'x');
insert into parts (id, p.z) values (5, 1);
insert into parts (id, a, a[1]) values (5, '{}', 1);
select * from parts order by id;

-- Errors
insert into t values (1, 'dup');
insert into t (id, name) values (80, 'x'), (80, 'y');
insert into t (id, name) values (80, null);
insert into t (name) values ('no id');
insert into t (id, name) values (80, 'much too long');
insert into t (id, n) values (80, 10000);
insert into t (id, n) values (80, 'x');
insert into t (id, at) values (80, 'x');
insert into t (id, at) values (80, 5);
insert into t (id, flag) values (80, 'perhaps');
insert into t (id, flag) values (80, 1);
insert into t values (80, 'a', 1, '2024-01-01', true, 'too many');
insert into t (id, name) values (80);
insert into t (id) values (80, 'x');
insert into t (id, name) values (80, 'a'), (81);
insert into t (id, nope) values (80, 1);
insert into t (id, id) values (80, 81);
insert into t (t.id) values (80);
insert into t select * from t;
insert into t (id, name) select id from t;
insert into t (id, name) select id, name, n from t;
insert into t (id) select 'x';
insert into t (id) select name from t;
insert into nope values (1);
insert into public.nope values (1);
insert into t values (1 / 0);
insert into t (id) values (nope);
insert into t (id) values (id);
insert into t (id) values (80) returning nope;
insert into t (id) values (80) returning other.id;
insert into t (id) values (count(*));
insert into t (id) values;
insert into t () values ();
insert t values (1);
insert into t (id, name) values (80, 'x',);
insert into t (id, name) values (90, 'ü'), (91, nope);
insert into t (id, name) values (90, 'multi' || E'\n' || 'x'),
  (91, 'ü'),
  ('x', 'y');
insert into t (id) select 1 / (i - 2) from generate_series(1, 3) i;
select count(*) from t where id >= 80;

-- Parameters
-- params: 100, 'p', 1.25, '2024-01-01', true
-- params: 101, 'q', null, null, null
-- params: 100, 'dup', null, null, null
-- params: 102, null, null, null, null
-- params: 103, 'much too long', null, null, null
-- params: 104, 'r', 99999, null, null
insert into t values ($1, $2, $3, $4, $5);
-- params: 105, 'tight'
insert into t(id,name)values($1,$2)returning*;
-- params: 106, 'a', 107, 'b'
insert into t (id, name) values ($1, $2), ($3, $4) returning id, name;
-- params: 5, 108
insert into t (n, id) values ($1 * 2, $2) returning n;
-- params: 109, 'abc'
insert into t (id, name) select $1, $2 returning *;
-- params: 110
insert into t (id, name) select $1::int, name from t where id = 1 returning *;
-- params: 111, '2024-01-31'
insert into t (id, at) values ($1, $2::date + 1) returning at;
-- params: 112, 'x'
-- types: int8, text
insert into t (id, name) values ($1, $2) returning *;
-- params: 113, 'lower'
insert into t (id, name) values ($1, upper($2)) returning name;
-- params: 114
insert into t (id) values ($1), ($1 + 1) returning id;
-- params: 120, 'x', 1
insert into t (id, name) values ($1, $2);
-- params: 120
insert into t (id, name) values ($1, $2);
-- params: 'x'
insert into t (nope) values ($1);
-- params: 130
insert into t (id, name) values ($1, $3);
