-- Functions and procedures with bodies in standard SQL that write to tables, or lock their rows

create table t (id int primary key, v varchar(20), n numeric(8,2) default 1.5);
insert into t values (1, 'one'), (2, 'two'), (3, 'three');

-- INSERT, UPDATE, DELETE
create procedure added(i int, w text) language sql begin atomic insert into t (id, v) values (i, w); end;
call added(4, 'four');
call added(4, 'again');
call added(5, 'much longer than it can be');
call added(null, 'x');
create function changed(i int, w text) returns text language sql begin atomic update t set v = w || v where id = i returning v; end;
select changed(1, '<'), changed(9, '<');
create function gone(i int) returns t language sql begin atomic delete from t where id = i returning *; end;
select gone(4);
select * from gone(3);
select gone(9) is null as none;
select * from t order by id;
create function made(i int) returns int language sql begin atomic insert into t select g, 'm' || g from generate_series(i, i + 2) as g returning id; end;
select made(10);
create function all_made(i int) returns setof int language sql begin atomic insert into t select g, 'm' || g from generate_series(i, i + 2) as g returning id; end;
select all_made(20);
select * from t order by id;
create function "of $1"(int, text) returns text language sql begin atomic insert into t values ($1, $2, default), ($1 + 1, $2, 7); update t set n = default where id = $1; select string_agg(v || n, ',' order by id) from t where id >= $1; end;
select "of $1"(30, 'p');
create function id_of(v text) returns int language sql begin atomic insert into t (id, v) select max(id) + 1, id_of.v from t returning t.id; end;
select id_of('q'), id_of('r');
-- params: 50, 's'
-- params: 51, null
select "of $1"($1, $2);
create procedure several(inout i int, out c bigint) language sql begin atomic insert into t (id) values (i); insert into t (id, v) values (i + 1, 'several'); delete from t where id = i; update t set v = upper(v) where id = i + 1; select i + 1, count(*) from t; end;
call several(60, null);
select * from t where id >= 60 order by id;
create function together(i int) returns table (a int, b text) language sql begin atomic with d as (delete from t where id > i returning *), u as (update t set v = v || '+' where id <= i returning id, v) insert into t select d.id + 100, d.v from d returning id, v; end;
select * from together(10);
select * from t order by id;
create function nothing() returns void language sql begin atomic delete from t where id > 100; end;
select nothing();
create procedure defaults() language sql begin atomic insert into t default values; end;
call defaults();
create function in_sets() returns bigint language sql begin atomic update t set (v, n) = (select 'set', count(*) from t as x where x.id <= t.id) where id < 3; update t set (v, n) = row (v || '!', n + 1) where id < 3; select sum(n)::bigint from t where v like 'set!'; end;
select in_sets();
create function from_others() returns setof t language sql begin atomic update t set v = o.v from (values (1, 'x'), (2, 'y')) as o (id, v) where o.id = t.id; delete from t using t as o where o.id = t.id and o.id = 2; select * from t where id < 10 order by id; end;
select * from from_others();
create function with_twice() returns setof t language sql begin atomic insert into t values (2, 'back', 3); with w as (select id from t where id = 2) update t set n = n * 2 from w where w.id = t.id returning t.*; end;
select * from with_twice();
create function rows_as_values() returns setof text language sql begin atomic update t set n = n + 1 where id < 3 returning t::text; end;
select rows_as_values();
create function row_as_json(i int) returns json language sql begin atomic insert into t as x (id, v) values (i, 'json') returning row_to_json(x); end;
select row_as_json(70);
create function places() returns boolean language sql begin atomic update t set v = v where id = 1 returning ctid is not null and xmin is not null and tableoid = 't'::regclass; end;
select places();

-- ON CONFLICT
create function upserted(i int, w text) returns text language sql begin atomic insert into t (id, v) values (i, w) on conflict (id) do update set v = t.v || excluded.v, n = default where t.id <> 2 returning v || n; end;
select upserted(1, '1'), upserted(2, '2'), upserted(80, '80');
create function put(i int) returns int language sql begin atomic insert into t (id, v) values (i, 'put'), (i + 1, 'put') on conflict do nothing returning id; end;
select put(80);
select put(80) is null as none;
create procedure by_name(i int) language sql begin atomic insert into t as x (id, v) values (i, 'by name') on conflict on constraint t_pkey do update set (v, n) = (excluded.v || x.v, x.n + excluded.n); end;
call by_name(80);
call by_name(82);
create unique index t_v on t (lower(v)) where v like 'u%';
create procedure by_expression(w text) language sql begin atomic insert into t (id, v) values ((select max(id) + 1 from t), w) on conflict (lower(v)) where v like 'u%' do update set n = t.n + 1; end;
call by_expression('uno');
call by_expression('uNO');
call by_expression('uno');
create procedure twice_one(i int) language sql begin atomic insert into t (id) values (i), (i) on conflict (id) do update set v = 'twice'; end;
call twice_one(90);
select * from t order by id;

-- Rows locked
create function locked(i int) returns setof t language sql begin atomic select * from t where id = i for update; end;
create function shared(i int) returns text language sql return (select v from t where id = i for share skip locked);
create function keys() returns bigint language sql begin atomic select count(*) from (select 1 from t for no key update nowait) as x; end;
select * from locked(1);
select shared(1), keys();
begin;
select * from locked(1);
-- session: other
select id from t where id = 1 for update nowait;
select shared(1), shared(2) is not null as other;
select keys();
-- session: main
commit;

-- Nothing is lost between sessions
create table counter (id int primary key, n int);
insert into counter values (1, 0);
create function next_number() returns int language sql begin atomic update counter set n = n + 1 where id = 1 returning n; end;
begin;
select next_number();
-- session: other
select n from counter;
select n from counter for update nowait;
-- session: main
commit;
-- session: other
select next_number();
-- session: main
select next_number();
select * from counter;

-- Identity and generated columns
create table made_up (id int generated always as identity primary key, a int, b int generated always as (a * 2) stored, c int generated by default as identity, d text default 'd' || 'd', e serial);
create function new_id(x int) returns int language sql begin atomic insert into made_up (a) values (x) returning id; end;
select new_id(5), new_id(6);
create function new_row(x int) returns made_up language sql begin atomic insert into made_up (id, a, b, c, d) values (default, x, default, x, default) returning *; end;
select new_row(7);
select lastval(), currval('made_up_id_seq'), currval('made_up_e_seq');
create function system_id(x int) returns made_up language sql begin atomic insert into made_up (id, a) overriding system value values (x, x) returning *; end;
select system_id(100);
create function user_id(x int) returns made_up language sql begin atomic insert into made_up (id, a, c) overriding user value values (x, x, x) returning *; end;
select user_id(200);
create function wrong_id(x int) returns int language sql begin atomic insert into made_up (id, a) values (x, x) returning id; end;
create function wrong_b(x int) returns int language sql begin atomic insert into made_up (a, b) values (x, x) returning id; end;
create function wrong_update(x int) returns int language sql begin atomic update made_up set b = x returning id; end;
create function wrong_identity(x int) returns int language sql begin atomic update made_up set id = x returning id; end;
create function anew() returns setof made_up language sql begin atomic update made_up set c = default, b = default, d = default, a = a + 1 where a < 6 returning *; end;
select * from anew();
create function or_anew(x int) returns made_up language sql begin atomic insert into made_up (c, a) values (default, x) on conflict (id) do update set a = 0 returning *; end;
select or_anew(9);
select * from made_up order by id;

-- Constraints
create table parent (id int primary key, name text not null unique, check (name <> 'bad'));
create table child (id int primary key, parent_id int references parent on delete cascade on update cascade, other int references parent (id) on delete set null deferrable initially deferred);
create procedure new_parent(i int, n text) language sql begin atomic insert into parent values (i, n); end;
create procedure new_child(i int, p int, o int) language sql begin atomic insert into child values (i, p, o); end;
create function drop_parent(i int) returns text language sql begin atomic delete from parent where id = i returning name; end;
create function move_parent(i int, j int) returns text language sql begin atomic update parent set id = j where id = i returning name; end;
call new_parent(1, 'a');
call new_parent(2, 'b');
call new_parent(3, null);
call new_parent(3, 'bad');
call new_parent(3, 'a');
call new_parent(1, 'c');
call new_child(10, 1, 2);
call new_child(11, 9, 1);
call new_child(12, 1, 9);
begin;
call new_child(12, 1, 9);
call new_parent(9, 'nine');
commit;
select move_parent(1, 5);
select * from child order by id;
select drop_parent(2), drop_parent(9), drop_parent(77);
select * from child order by id;
select drop_parent(5);
select * from child order by id;
create procedure both(i int) language sql begin atomic insert into parent values (i, 'both' || i); insert into child values (i, i, i); end;
call both(20);
call both(20);
select * from child order by id;

-- Called by what
create view calling as select id, changed(id, '') as c from t where id < 3;
select * from calling order by id;
select t.id, changed(t.id, 'c'), t.v from t where id < 3 order by id;
select id, v from t where id < 3 order by id;
insert into t select 300 + id, changed(id, 'i') from t where id = 1 returning *;
update t set n = length(changed(1, 'u')) where id = 2 returning *;
update t set v = changed(id, 'self') where id = 1;
select made(400) + id as m from t where id = 2;
create table logged (id int primary key default new_id(1), note text, check (new_id(2) > 0));
insert into logged (note) values ('x');
select note from logged;
create function by_text(i int) returns text language sql as 'select changed(i, ''text'')';
create function by_plpgsql(i int) returns text language plpgsql as $$ begin perform new_id(i); return changed(i, 'pl'); exception when others then return sqlstate; end $$;
select by_text(1), by_plpgsql(2);
do $$ declare r t; begin select * into r from gone(400); raise notice '%', r; call added(500, 'do'); begin call added(500, 'do'); exception when unique_violation then raise notice 'there: %', sqlerrm; end; end $$;
prepare p as select changed($1, 'p');
execute p (1);
execute p (1);
alter table t add column later int default 5;
execute p (1);
deallocate p;
create table dedicated (id int);
create function log_it() returns trigger language plpgsql as $$ begin perform changed(new.id, 'trigger'); return new; end $$;
set client_min_messages = warning;
create trigger log_it after insert on dedicated for each row execute function log_it();
reset client_min_messages;
insert into dedicated values (1);
select id, v, later from t where id in (1, 500) order by id;
begin;
select changed(1, 'rolled back');
savepoint s;
select changed(1, 'and back');
rollback to s;
select v from t where id = 1;
rollback;
select v from t where id = 1;
explain (costs off) select changed(1, 'x');
