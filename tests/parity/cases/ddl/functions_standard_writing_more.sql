-- Functions that write to tables: rights, MERGE, and everything that a statement may have in it

create table t (id int primary key, v varchar(20), a int[], j jsonb, c int);
create table u (id int primary key, t_id int, note text);
insert into t values (1, 'one', '{1,2,3}', '{"k": 1}'), (2, 'two', null, null);
insert into u values (10, 1, 'ten'), (11, 1, 'eleven'), (12, 2, 'twelve');
create type pair as (x int, y text);
create domain positive as int default 7 check (value > 0);
create type mood as enum ('sad', 'ok');
create table typed (id int primary key, p pair, d positive, m mood default 'ok', b bytea, ts timestamptz default '2020-01-01 00:00+00', r int4range, ps pair[]);

-- Parts of columns, and types
create function parts(i int) returns setof t language sql begin atomic update t set a[2] = i, j['k'] = to_jsonb(i), a[5] = i + 1 where id = 1 returning *; end;
select * from parts(20);
create function new_parts(i int) returns int[] language sql begin atomic insert into t (id, a[1], a[2]) values (i, 1, 2) returning a; end;
select new_parts(3);
create function typed_row(i int, n int) returns typed language sql begin atomic insert into typed (id, p, b, r, ps[2].x) values (i, row (i, 'p'), '\x0102', int4range(i, i + 5), n) returning *; end;
select * from typed_row(1, 5);
create function typed_update(i int) returns typed language sql begin atomic update typed set p.y = 'q', d = default, m = 'sad', ps[1].y = 'z', ts = ts + interval '1 day' where id = i returning *; end;
select * from typed_update(1);
create function of_domain(i int) returns positive language sql begin atomic update typed set d = i returning d; end;
select of_domain(3);
select of_domain(-3);
create function strings() returns text language sql begin atomic update t set v = E'it''s \\ "x"\n' || 'a\b' where id = 2 returning v; end;
select strings();
create function in_time(i int) returns timestamptz language sql begin atomic update typed set ts = '2021-02-03 04:05:06+07' where id = i returning ts; end;
set timezone = 'Asia/Tokyo';
set datestyle = 'german';
select in_time(1);
reset timezone;
reset datestyle;
set intervalstyle = 'sql_standard';
set standard_conforming_strings = off;
create function escaped(i int) returns text language sql begin atomic update t set v = 'a\\b''' where id = i returning v; end;
select escaped(2);
reset standard_conforming_strings;
reset intervalstyle;
select escaped(2);
create function whole(w t) returns int language sql begin atomic insert into t select w.* on conflict (id) do update set v = excluded.v returning id; end;
select whole(row (5, 'five', null, null, 1)), whole(t) from t where id = 2;
create function of_row(w t) returns t language sql begin atomic update t set v = w.v || '+' where t.id = w.id returning t; end;
select of_row(t) from t where id = 5;

-- Joins, sub-selects, CTEs
create function joined(n text) returns table (id int, v varchar, uid int, note text) language sql begin atomic update t set v = u.note || n from u where u.t_id = t.id and u.id <> 11 returning t.id, t.v, u.id, u.note; end;
select * from joined('!') order by 1;
create function starred() returns record language sql begin atomic update t set c = 1 from u join (select 1 as one) as x on true where u.t_id = t.id and u.id = 12 returning *; end;
select starred();
create function nested() returns bigint language sql begin atomic with moved as (delete from u where t_id = 2 returning id, note), again as (insert into u select id + 100, 1, note from moved returning id), upd as (update t set c = (select count(*) from moved) where id in (select t_id from u where id = 10) returning c) select (select count(*) from again) * 10 + (select sum(c) from upd) + (select count(*) from u); end;
select nested();
select * from u order by id;
create function with_recursive(n int) returns bigint language sql begin atomic with recursive r (i) as (values (500) union all select i + 1 from r where i < 500 + n) insert into u (id, note) select i, 'r' from r; select count(*) from u where id >= 500; end;
select with_recursive(3);
create function correlated() returns setof text language sql begin atomic delete from u as x where exists (select from u as y where y.id = x.id + 1 and y.id >= 500) returning x.note || x.id; select note || id from u where id >= 500; end;
select correlated();
create function named_new(t int) returns setof int language sql begin atomic insert into u as t (id) values (named_new.t) returning t.id; end;
select named_new(600);
create function self_join() returns bigint language sql begin atomic update u set note = x.note || u.note from u as x where x.id = u.id and u.id >= 500; select count(*) from u natural join (select id from u) as y; end;
select self_join();
create function lateral_rows() returns setof int language sql begin atomic insert into u (id, note) select 700 + g, x.note from u cross join lateral (select u.note || g as note, g from generate_series(1, 2) as g) as x where u.id = 10 returning id; end;
select lateral_rows();
create function unioned() returns setof int language sql begin atomic insert into u (id) (select 800 union all values (801), (802)) except select 801 returning id; end;
select unioned();
create function set_of_rows(n int) returns bigint language sql begin atomic insert into u (id, note) values (900 + generate_series(1, n), 'set'); select count(*) from u where note = 'set'; end;
select set_of_rows(3);
create function own_set(n int) returns setof int language sql return generate_series(1, n);
create function from_own_set(n int) returns bigint language sql begin atomic insert into u (id, note) select 930 + i, 'own' from own_set(n) as i; select count(*) from u where note = 'own'; end;
select from_own_set(2);
create function default_and_query() returns setof u language sql begin atomic insert into u (id, note) values (950, default), (951, 'x') returning *; end;
select default_and_query();
create function only_one() returns text language sql begin atomic update only u set note = 'only' where id = 950 returning note; end;
select only_one();
create function by_place() returns text language sql begin atomic update u set note = 'place' where ctid = (select ctid from u where id = 950) returning note; end;
select by_place();
create function sampled() returns bigint language sql begin atomic insert into u (id) select 1000 from u tablesample bernoulli (100) where id = 950; select count(*) from u where id = 1000; end;
select sampled();
create function sizes() returns boolean language sql begin atomic update u set note = 'size' where id = 950; select pg_total_relation_size('u') > 0 from u where id = 950; end;
select sizes();
create function windowed() returns setof text language sql begin atomic update u set note = w.r from (select id, row_number() over (order by id desc) as r from u) as w where w.id = u.id and u.id > 900 returning u.id || ':' || note; end;
select count(*) from windowed();
-- Where a cursor stands
create function at_cursor(w text) returns text language sql begin atomic update t set v = w where current of here returning id || v; end;
create function removed_there() returns int language sql begin atomic delete from t where current of here returning id; end;
begin;
declare here cursor for select id from t where id < 3 order by id;
fetch here;
select at_cursor('here');
fetch here;
select removed_there();
rollback;
select at_cursor('here');

-- Awkward names
create schema "S ""x"" $1";
create table "S ""x"" $1"."select" (id int primary key, "a ""b"" \" text default 'x\y', "a.b" int, "$1" int, "EXCLUDED" int, "kdb_body_1" int, "set" int);
create function "S ""x"" $1"."f ""g"" $f$"("i ""j""" int, "select" text) returns text language sql begin atomic insert into "S ""x"" $1"."select" (id, "a ""b"" \", "a.b", "set") values ("i ""j""", "select", 1, 2) on conflict (id) do update set "a ""b"" \" = excluded."a ""b"" \" || "select"."a ""b"" \" || "f ""g"" $f$"."select", "a.b" = "select"."a.b" + excluded."set", "$1" = $1, "EXCLUDED" = "select"."EXCLUDED", kdb_body_1 = 3; update "S ""x"" $1"."select" set "set" = default, "$1" = "$1" + $1 where id = $1 returning "a ""b"" \" || coalesce("$1", 0) || "a.b"; end;
select "S ""x"" $1"."f ""g"" $f$"(1, 'it''s \ "it"'), "S ""x"" $1"."f ""g"" $f$"(1, '$1; end');
select * from "S ""x"" $1"."select";
select pg_get_functiondef('"S ""x"" $1"."f ""g"" $f$"'::regproc);
alter table "S ""x"" $1"."select" rename "a ""b"" \" to "; END; \'";
select "S ""x"" $1"."f ""g"" $f$"(1, 'again');
create function constants() returns text language sql begin atomic update t set v = '; end; begin atomic /* $1 ' || E'\\\' -- ' where id = 1 returning v; end;
select constants();
drop schema "S ""x"" $1" cascade;

-- MERGE
-- only: 17
create function merged(n int) returns bigint language sql begin atomic merge into t using (values (1, 'merged'), (n, 'new')) as s (id, v) on s.id = t.id when matched and t.id = 1 then update set v = s.v || t.id when matched then delete when not matched then insert (id, v) values (s.id, s.v); select count(*) from t; end;

-- only: 17
select merged(30), merged(30);

-- only: 17
create function merged_rows(n int) returns table (act text, id int, v text) language sql begin atomic merge into t as x using u on u.t_id = x.id and u.id = n when matched then update set v = default, c = 5 when not matched and u.id = 12 then do nothing returning merge_action(), x.id, x.v; end;

-- only: 17
select * from merged_rows(10);
select id, v, a, j from t order by id;

-- Rights
grant usage on schema public to parity_writer, parity_reader;
create function rights(i int) returns text language sql begin atomic update u set note = 'rights' where id = i returning note; end;
create function definer(i int) returns text language sql security definer begin atomic update u set note = current_user where id = i returning note; end;
create procedure adds(i int) language sql begin atomic insert into u (id) values (i); end;
create function removes(i int) returns text language sql begin atomic delete from u where id = i returning note; end;
create function locks(i int) returns text language sql begin atomic select note from u where id = i for share; end;
create function puts(i int) returns text language sql begin atomic insert into u (id, note) values (i, 'put') on conflict (id) do update set note = excluded.note || u.id returning note; end;
create procedure try_all() language plpgsql as $$ declare statement text; begin foreach statement in array '{select rights(10),call adds(2000),select locks(10),select puts(10),select removes(2000)}'::text[] loop begin execute statement; raise notice 'done: %', statement; exception when insufficient_privilege then raise notice 'refused: %', statement; end; end loop; end $$;
grant select on u to parity_reader;
-- session: reader user=parity_reader
select definer(10);
call try_all();
-- only: 18
select rights(10);

-- only: 18
call adds(2000);

-- only: 18
select locks(10);

-- only: 18
select puts(10);

-- only: 18
select removes(2000);

-- session: main
grant update on u to parity_reader;
-- session: reader
call try_all();
-- session: main
grant insert on u to parity_reader;
-- session: reader
call try_all();
-- session: main
grant delete on u to parity_reader;
-- session: reader
call try_all();
-- session: main
revoke select on u from parity_reader;
-- session: reader
call try_all();
-- only: 18
select rights(10);

-- only: 18
call adds(2000);

-- only: 18
select locks(10);

-- only: 18
select puts(10);

-- only: 18
select removes(2000);

-- session: main
revoke insert on u from parity_reader;
-- session: reader
call try_all();
-- session: main
revoke all on u from parity_reader;
-- session: reader
call try_all();
-- session: main
select id, note from u where id in (10, 2000);
grant create on schema public to parity_writer;
-- session: writer user=parity_writer
create function theirs(i int) returns text language sql begin atomic update u set note = 'theirs' where id = i returning note; end;
-- only: 18
select theirs(10);

select definer(10);
-- session: main
grant select, update on u to parity_writer;
-- session: writer
select theirs(10);
-- session: main
alter table u add column later int;
-- session: writer
select theirs(10);
drop function theirs;
-- session: main
revoke create on schema public from parity_writer;

-- Errors
create function reads_wrong() returns void language sql begin atomic update t set v = (select note from u); end;
select reads_wrong();
create procedure in_order() language sql begin atomic insert into u (id) values (3000); insert into u (id) values (10); end;
call in_order();
select count(*) from u where id = 3000;
do $$ begin call in_order(); exception when unique_violation then raise notice '% %', sqlstate, sqlerrm; end $$;
create function inner_one() returns int language sql begin atomic insert into u (id) values (10) returning id; end;
create function outer_one() returns int language sql begin atomic update t set c = inner_one() where id = 1 returning c; end;
select outer_one();
create function pl() returns int language plpgsql as $$ begin return outer_one(); end $$;
select pl();
create function self_modified() returns int language sql begin atomic update t set c = 0 where id = 1 returning c; end;
update t set c = self_modified() + 1 where id = 1;
select set_config('default_transaction_read_only', 'on', false);
select rights(10);
reset default_transaction_read_only;
begin isolation level repeatable read;
select rights(10);
select rights(11);
commit;
begin isolation level serializable;
select puts(5000);
rollback;

-- What PostgreSQL cannot say of documents: the table keeps its rows itself
set client_min_messages = warning;
create type short as (a varchar(3), b char(2), c bit(2), d varchar(3)[]);
create table rows_of_short (id int primary key, s short);
create function too_long(w text) returns short language sql begin atomic insert into rows_of_short values ((select count(*) from rows_of_short), row (w, w, b'11', array[w])) returning s; end;
select too_long('x');
select too_long('long');
create function long_row(w text) returns boolean language sql begin atomic select (row (w, w, b'11', array[w])::short) = s from rows_of_short; end;
select long_row('long');
create table kept (id int primary key, note text);
create function in_values(n int) returns bigint language sql begin atomic insert into kept (id, note) values (own_set(n), 'own'); select count(*) from kept; end;
select in_values(2);
create table kept_too (id int primary key, note text);
-- only: 18
create function old_and_new(i int) returns table (a text, b text) language sql begin atomic insert into kept_too values (i, 'x') on conflict (id) do update set note = 'y' returning old.note, new.note; end;

-- only: 18
select * from old_and_new(10);

-- only: 18
select * from old_and_new(10);
