create table parent (id int primary key, name text not null);
create table t (
  id int constraint t_pk primary key,
  a int not null,
  b text constraint b_short check (length(b) < 5),
  c int check (c > 0),
  lo int, hi int,
  d numeric(4,1) unique,
  constraint lo_hi check (lo < hi),
  constraint ab_unique unique (a, b),
  check (c is null or a < c)
);
create unique index t_expr on t (lower(b), (a + 1));
create unique index t_part on t (c) where a > 10;
create unique index t_nulls on t (lo) nulls not distinct;
insert into t values (1, 1, 'x', 2, 1, 2, 1.5);
insert into t values (1, 1, 'y', 2, 5, 6, 2);
insert into t (id, a, lo) values (null, 1, 7);
insert into t (id, lo) values (2, 7);
insert into t (id, a, b, lo) values (2, 2, 'toolong', 7);
insert into t (id, a, c, lo) values (2, 2, 0, 7);
insert into t (id, a, c, lo) values (2, 2, 1, 7);
insert into t (id, a, c, lo) values (2, 5, 4, 7);
insert into t (id, a, lo, hi) values (2, 2, 8, 7);
insert into t (id, a, lo, d) values (2, 2, 7, 1.5);
insert into t (id, a, lo, d) values (2, 2, 7, 1.46);
insert into t (id, a, b, lo) values (2, 1, 'x', 7);
insert into t (id, a, b, lo) values (2, 1, 'X', 7);
insert into t (id, a, b, c, lo) values (2, 11, 'p', 12, 7), (3, 12, 'q', 13, 8);
insert into t (id, a, b, c, lo) values (4, 12, 'r', 12, 9);
insert into t (id, a, b) values (5, 5, null);
insert into t (id, a, b) values (6, 6, null);
insert into t (id, a, b, lo) values (7, 5, null, 70);
update t set a = null where id = 1;
update t set id = 2 where id = 1;
update t set b = 'toolong' where id = 1;
update t set lo = hi + 1 where id = 1;
update t set c = -c where id = 1;
update t set a = 11, b = 'p' where id = 1;
update t set lo = null where id = 1;
select * from t order by id;
insert into t (id, a, b, lo) values (20, 1, repeat('x', 100), 99);
insert into t (id, a, b, c) values (21, 1, E'multi\nline', -5);
insert into t (id) values (22);

-- Several faults at once: the native table finds one first
insert into t values (1, null, 'toolong', -1, 2, 1, 1.5);
insert into t values (1, 1, 'toolong', -1, 2, 1, 1.5);
insert into t values (1, 1, 'x', 2, 1, 2, 1.5);
insert into t values (30, 1, 'x', 2, 1, 2, 1.5);

-- Long and odd values in DETAIL
create table w (id text primary key, v json, y bytea, d date, n numeric check (n > 0), a int[] not null, ts timestamptz unique, f float8 unique);
insert into w values ('long ' || repeat('z', 300), '{"a": 1}', '\xff', '2024-01-01', -1, '{1,2}');
insert into w values (repeat('k', 100), null, '\x00', 'infinity', 'NaN', '{}', '2024-01-01 00:00+00', '-0');
insert into w values (repeat('k', 100), null, null, null, null, '{}');
insert into w values ('ü"q', null, null, null, 1, null);
insert into w values ('x', null, null, null, 1, '{}', '2024-01-01 01:00+01', null);
insert into w values ('y', null, null, null, 1, '{}', null, 0);
insert into w values ('', null, null, null, null, '{}');
insert into w values ('', null, null, null, null, '{}');

-- Deferrable
set client_min_messages = warning;
create table df (id int primary key, pos int constraint pos_unique unique deferrable initially deferred);
reset client_min_messages;
insert into df values (1, 1), (2, 2), (3, 3);
begin;
update df set pos = pos + 1;
commit;
begin;
insert into df values (4, 2);
insert into df values (5, 9);
commit;
select * from df order by id;
begin;
set constraints pos_unique immediate;
insert into df values (4, 2);
rollback;

-- Quoted names in the fields of an error
create schema "Odd Schema";
create table "Odd Schema"."Odd Table" ("Odd Key" int constraint "Odd pk" primary key, "Not Null" int not null, "Check" int constraint "Odd check" check ("Check" <> 0));
insert into "Odd Schema"."Odd Table" values (1, 1, 1), (2, 2, 2);
insert into "Odd Schema"."Odd Table" values (1, 1, 1);
insert into "Odd Schema"."Odd Table" values (3, null, 1);
insert into "Odd Schema"."Odd Table" values (3, 1, 0);
select * from "Odd Schema"."Odd Table" order by "Odd Key";
drop schema "Odd Schema" cascade;

-- A table without keys, one without columns, one with many
create table bare (a int, b text);
insert into bare values (1, 'x'), (1, 'x'), (null, null);
select * from bare order by a;
delete from bare where a = 1;
select count(*) from bare;
set client_min_messages = warning;
create table none ();
reset client_min_messages;
insert into none default values;
select * from none;
select count(*) from none;
