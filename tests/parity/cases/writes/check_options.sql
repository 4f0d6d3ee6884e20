-- What a view's check option refuses, and what is told of the row

create table t (id int primary key, secret text default 'hidden', a int not null, b int check (b > 0), "Q c" numeric(6, 2) default 7, at date, tags text[]);
insert into t values (1, 'top', 1, 1, 1.5, '2020-02-03', '{a,"b c"}'), (2, null, 2, 2, null, null, null);
create view small as select id, a, b from t where a < 10 with check option;
create view smaller as select id, b from small where b < 10 with cascaded check option;
create view local as select a, b, id from small where b < 10 with local check option;
create view unchecked as select id, a, b from t where a < 10;
create view cascades as select id, b, a from unchecked where b < 10 and b <> 7 order by b with check option;
create view locally as select id, b, a from unchecked where b < 10 with local check option;
create view sub as select id, a from t where exists (select from t t2 where t2.b = t.a) with check option;
create view named as select id as number, a as "A b", "Q c" as q, secret from t where "Q c" > 1 or secret like '%''("WHERE%' with check option;
update small set a = 10 where id = 1;
update small set a = 10, b = 2;
insert into small values (10, 10, 10);
insert into small (id, a) values (10, null);
insert into small (id, a, b) values (1, 10, 10);
insert into small (id, a, b) values (1, 3, 3) on conflict (id) do update set a = 10 + excluded.a;
insert into small (id, a, b) values (1, 10, 10) on conflict (id) do nothing;
insert into small (id, a, b) values (10, 10, 10) on conflict (id) do nothing;
update smaller set b = 10 where id = 1;
insert into smaller values (10, 10);
update local set b = 10 where id = 2;
update local set a = 10 where id = 2;
insert into local values (10, 10, 10);
insert into local values (1, 10, 10);
update cascades set a = 10 where id = 1;
update cascades set b = 7 where id = 1;
update cascades set a = 10, b = 10 where id = 1;
update locally set a = 10 where id = 1 returning *;
update t set a = 1 where id = 1;
update locally set b = 10 where id = 1;
update sub set a = 50 where id = 1;
insert into named values (5, 1, 1, 'x');
insert into named values (5, 1, null, '(x, "y")');
insert into named (number, "A b", q) values (5, 1, 0);
insert into named (number, "A b", q, secret) values (6, 1, 0, '''("WHERE') returning *;
update named set q = 0.5 where number in (1, 6);
update named set secret = repeat('é', 100), q = 0 where number = 1;
update named set secret = repeat('x', 63) || 'é', q = 0 where number = 1;
update named set secret = repeat('x', 64), q = 0 where number = 1;
update named set secret = repeat('€', 30), q = 0 where number = 1;
update t set secret = repeat('é', 100), a = null where id = 1;
-- params: 12, 1
-- params: 5, 1
-- params: 12, 2
update small set a = $1 where id = $2 returning a;
-- only: 17
merge into small using (values (1), (77)) s (i) on small.id = s.i when matched then update set a = 11 when not matched then insert (id, a) values (s.i, 11);
-- only: 17
merge into small using (values (77)) s (i) on small.id = s.i when matched then update set a = 11 when not matched then insert (id, a) values (s.i, 11);
begin;
savepoint s;
update small set a = 10 where id = 2;
rollback to s;
update cascades set b = 10 where id = 2;
rollback;
create function f(i int) returns void language sql begin atomic update small set a = i where id = 2; end;
select f(20);
select f(2);
alter table t add column late text default 'later', add virtual_one int generated always as (a + 1) stored;
update small set a = 10 where id = 1;
alter view small rename to tiny;
update tiny set a = 10 where id = 1;
alter view tiny reset (check_option);
update tiny set a = 9 where id = 1;
update tiny set a = 19 where id = 1;
update t set a = 1 where id = 1;
update smaller set b = 11 where id = 1;
alter view unchecked set (check_option = local);
update unchecked set a = 100 where id = 1;
alter table t drop column secret cascade;
update unchecked set a = 100 where id = 1;
create table own (id int, v text);
insert into own values (1, 'x');
create temporary view temp_v as select * from own where id < 5 with check option;
update temp_v set id = 6;
create view barrier with (security_barrier) as select id, a from t where a < 50 with check option;
update barrier set a = 60 where id = 1 and a > 0;
update barrier set a = a + 1 where id = 1 returning a;
select * from t order by id;

-- A condition that is volatile is looked at as often as natively
create table counted (id int primary key, n int);
insert into counted select g, g from generate_series(1, 4) as g;
create sequence looks;
create view looked_at as select id, n from counted where n < 3 or nextval('looks') > 0 with check option;
update looked_at set n = n + 1;
select last_value from looks;
insert into looked_at values (5, 9);
select last_value from looks;
create function uneven(i int) returns boolean language plpgsql volatile as $$ begin perform nextval('looks'); return i % 2 = 1; end $$;
create view uneven_ones as select id, n from counted where uneven(n) with check option;
insert into uneven_ones values (6, 6);
select last_value from looks;
