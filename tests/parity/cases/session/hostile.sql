-- user: postgres
-- Sessions set up in ways that must not reach what is stored

create schema evil;
create function evil.jsonb_build_object(variadic text[]) returns jsonb language sql as 'select ''"evil"''::jsonb';
create function evil.to_jsonb(int) returns jsonb language sql as 'select ''"evil"''::jsonb';
create function evil.lower(text) returns text language sql as 'select ''evil''';
create function evil.int4eq(int, int) returns bool language sql as 'select false';
create operator evil.= (leftarg = int, rightarg = int, function = evil.int4eq);
create function evil.concat(text, text) returns text language sql as 'select ''evil''';
create operator evil.|| (leftarg = text, rightarg = text, function = evil.concat);
create domain evil.int4 as text;
create type evil.jsonb as (x int);
create table t (id int primary key, v text unique, n int check (n = 1 or n = 2), w varchar(5) default 'a' || 'b', g text generated always as (lower(v)) stored);
create index t_low on t (lower(w));
set search_path = evil, public, pg_catalog;
insert into public.t (id, v, n) values (1, 'A', 1) returning id, v, n, w, g;
insert into t (id, v, n, w) values (2, 'B', 2, 'xyz') returning t.*;
insert into t (id, v) values (1, 'C');
update t set n = 2, v = 'AA' where id operator(pg_catalog.=) 1 returning *;
insert into t (id, v) values (1, 'D') on conflict (id) do update set v = excluded.v returning *;
insert into t (id, v, n) values (5, 'E', 7);
create table public.t2 (id pg_catalog.int4 primary key, v text);
insert into t2 values (1, 'x'), (2, 'y');
alter table t2 add column w pg_catalog.text default 'w';
alter table t2 alter column v set not null;
-- copy: 3	z	w
copy t2 from stdin;
select * from t2 order by id;
delete from t2 where id operator(pg_catalog.=) 3;
truncate t2;
reset search_path;
select * from t order by id;
select * from t2;
drop schema evil cascade;

-- Settings that change how functions run
set session_replication_role = replica;
insert into t (id, v, n) values (10, 'R', 1) returning *;
insert into t (id, v) values (10, 'R2');
update t set v = 'RR' where id = 10 returning *;
-- copy: 11	S
copy t (id, v) from stdin;
delete from t where id = 11 returning *;
alter table t add column late int default 5;
truncate t2;
reset session_replication_role;
select * from t order by id;
set plpgsql.variable_conflict = 'use_column';
set check_function_bodies = off;
set plpgsql.extra_errors = 'all';
set default_transaction_isolation = 'serializable';
insert into t (id, v) values (12, 'serializable') returning *;
update t set v = 'ser' where id = 12;
-- copy: 13	T
copy t (id, v) from stdin;
reset default_transaction_isolation;
set row_security = off;
select count(*) from t;
create table arrays (id int primary key, a text[], i int[]);
set array_nulls = off;
select '{NULL}'::text[];
-- refused: 0A000
insert into arrays values (1, '{NULL}', array[null, 1]) returning *;
set array_nulls = on;
insert into arrays values (1, '{NULL}', array[null, 1]) returning *;
select set_config('array_nulls', 'off', false);
-- refused: 0A000
select * from arrays;
reset array_nulls;
select * from arrays;
set backslash_quote = off;
set xmloption = document;
set lo_compat_privileges = on;
set default_with_oids = off;
set enable_indexscan = off;
set enable_bitmapscan = off;
select id from t where id = 12;
set enable_seqscan = off;
select id from t where id = 12;
reset all;
set max_parallel_workers_per_gather = 2;
set parallel_setup_cost = 0;
set parallel_tuple_cost = 0;
set min_parallel_table_scan_size = 0;
create table big (id int primary key, v text, d date, n numeric(8,2), j jsonb, a int[], ts timestamptz);
insert into big select i, 'v' || i, date '2024-01-01' + i, i / 7.0, jsonb_build_object('i', i), array[i], timestamptz '2024-01-01 00:00+00' + i * interval '1 hour' from generate_series(1, 2000) i;
analyze big;
select count(*), sum(n), min(d), max(v), count(distinct j), max(ts) from big where a[1] > 5 and v like 'v%';
select d, sum(id) from big where id < 10 group by d order by d;
reset all;
set jit = on;
set jit_above_cost = 0;
select count(*) from big where n > 5;
reset all;
set work_mem = '64kB';
select count(*) from (select * from big order by v, d) x;
set statement_timeout = '0';
set idle_in_transaction_session_timeout = '1min';
set lock_timeout = '1s';
update big set v = 'w' where id = 1 returning v;
