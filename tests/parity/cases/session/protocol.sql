-- What only the extended protocol shows: parameter types, empty statements, wrong numbers of things
create table t (id int primary key, name varchar(20), n numeric(8,2), at timestamptz, tags text[], doc jsonb, flag bool, big bigint);
insert into t values (1, 'a', 1.5, '2024-01-01 00:00+00', '{x}', '{"k": 1}', true, 5);

-- params:
;
-- params: 1
select * from t where id = $1;
-- params: 'a'
select id from t where name = $1;
-- params: 1.5
select id from t where n = $1;
-- params: 1, 'a', 1.5, '2024-01-01 00:00+00', '{x}', '{"k": 1}', true, 5
select id from t where (id, name, n, at, tags, doc, flag, big) = ($1, $2, $3, $4, $5, $6, $7, $8);
-- params: 2, 'b', 2.5, '2024-01-02 00:00+00', '{y}', '{"k": 2}', false, 6
insert into t values ($1, $2, $3, $4, $5, $6, $7, $8);
-- params: 'bb', 3.5, '2024-01-03 00:00+00', '{z}', '{}', true, 7, 2
update t set name = $1, n = $2, at = $3, tags = $4, doc = $5, flag = $6, big = $7 where id = $8;
-- params: 2
delete from t where id = $1;
-- params: 1, 10
select id from t order by id limit $1 offset $2 - 10;
-- params: 1
-- params: 2
select id,name from t where id in($1,$1+1)order by id;
-- params: 1, 2, 3
select id from t where id in ($1,$2,$3);
-- params: 1, 1
select $1::int+$2::int as sum, id from t;
-- params: 'x'
select $1 from t;
-- params: 'x', 1
select coalesce(name, $1), id + $2, case when id = $2 then $1 end from t;
-- params: 'k'
select doc->$1, doc->>$1 from t;
-- params: '1 day'
select at + $1 from t;
-- params: '1 day'
select at + $1::interval, $1 from t;
-- params: '{a,x}'
select id from t where tags && $1;
-- params: 'x'
select id from t where $1 = any(tags);
-- params: '{1,2}'
select id from t where id = any($1);
-- params: 'a%'
select id from t where name like $1;
-- params: 1
-- types: int8
select id from t where id = $1;
-- params: 1
-- types: text
select id from t where id = $1;
-- params: 'a'
-- types: text
select id, $1 from t where name = $1;
-- params: 1
-- types: unknown
select id from t where id = $1;
-- params: 1, 'x'
insert into t (id, name) values ($1, $2) on conflict (id) do update set name = excluded.name, n = $1 returning *;
-- params: 1, 'y', 3
insert into t (id, name) values ($1, $2) on conflict (id) do update set big = $3 where t.id = $1 returning big;
-- params: 5, 'five'
with w as (insert into t (id, name) values ($1, $2) returning id, name) select * from w where name = $2;
-- params: 5
with w as (select $1::int as k) update t set n = k from w where id = k returning id, n;
-- params: 5
select * from (select id from t union all select $1) x order by 1;
-- params: 5
select (select max(id) from t where id < $1), exists (select 1 from t where id = $1);
-- params: 5
select t from t where id = $1;
-- params: 1
select nope from t where id = $1;
-- params: 1
select id from t where id = $1 and;
-- params: 'abc'
select id from t where id = $1;
-- params: 1
select id from t where id = $2;
-- params: null
select id from t where id = $1;
-- params: null
select id from t where name is not distinct from $1;
-- params: 1
select id from t where id = $1 for update;
-- params: 1
values ($1::int), (2);
-- params: 1
create table p (id int default $1);
-- params: 1
table t limit $1;
-- params: '2024-01-01'
select id from t where at::date = $1;
-- params: 3
select g from generate_series(1, $1) g;
-- params: 1
select id from t where id = $1; select 2;
-- params: 1
-- params: 2
-- params: 3
-- params: 4
-- params: 5
-- params: 6
-- params: 7
select id, name, $1 + 1 from t where id = $1;
create table typed (s smallint, o oid, r real, m money, d date, t time, tz timetz, i interval, u uuid, y bytea, c char(3), b bit(3), n inet, j json, p point, rng int4range, x text[]);
-- params: 1, 2, 3, 4, '2024-01-01', '10:00', '10:00+01', '1 day', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '\x00', 'abc', '101', '1.2.3.4', '{}', '(1,2)', '[1,2)', '{a}'
insert into typed values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) returning *;
-- params: 1, 2, 3, '2024-01-01', '10:00', '1 day', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '\x00', 'abc', '101', '1.2.3.4'
select count(*) from typed where s = $1 and o = $2 and r = $3 and d = $4 and t = $5 and i = $6 and u = $7 and y = $8 and c = $9 and b = $10 and n = $11;
-- params: 7, 8
update typed set s = $1, r = $2::real + $1 returning s, r;
-- params: 7
update typed set s = $1, r = $1 + 1, x = x || $1::text returning s, r, x;
