-- settings: default, dmy, german
-- Keys of many types.
create type mood as enum ('sad', 'ok', 'happy');
create type pair as (a int, b text);
create domain positive as int check (value > 0);
create domain code as varchar(6) not null default 'none';
create domain label as text;
create domain special as positive check (value <> 13);
create table t (b bool unique, i2 smallint unique, i8 bigint unique, n numeric(8,2) unique, f4 real unique, f8 float8 unique, m money unique, s text unique, v varchar(5) unique,
    c char(5) unique, ch "char" unique, na name unique, by bytea unique, d date unique, ti time unique, tz timetz unique, ts timestamp unique, tstz timestamptz unique, iv interval unique,
    u uuid unique, ip inet unique, ma macaddr unique, bi bit(3) unique, vb varbit unique, j jsonb unique, a int[] unique, ta text[] unique, e mood unique, p pair unique, r int4range unique, o oid unique, rc regclass unique, ts3 timestamp(0) unique,
    dp positive unique, dc code unique, dl label unique, ds special unique, de text collate "C" unique);
create table f (id int, b bool references t (b) on update cascade, i2 smallint references t (i2) on update cascade, i8 bigint references t (i8) on update cascade, n numeric(8,2) references t (n) on update cascade, f4 real references t (f4) on update cascade, f8 float8 references t (f8) on update cascade, m money references t (m) on update cascade, s text references t (s) on update cascade, v varchar(5) references t (v) on update cascade,
    c char(5) references t (c) on update cascade, ch "char" references t (ch) on update cascade, na name references t (na) on update cascade, by bytea references t (by) on update cascade, d date references t (d) on update cascade, ti time references t (ti) on update cascade, tz timetz references t (tz) on update cascade, ts timestamp references t (ts) on update cascade, tstz timestamptz references t (tstz) on update cascade, iv interval references t (iv) on update cascade,
    u uuid references t (u) on update cascade, ip inet references t (ip) on update cascade, ma macaddr references t (ma) on update cascade, bi bit(3) references t (bi) on update cascade, vb varbit references t (vb) on update cascade, j jsonb references t (j) on update cascade, a int[] references t (a) on update cascade, ta text[] references t (ta) on update cascade, e mood references t (e) on update cascade, p pair references t (p) on update cascade, r int4range references t (r) on update cascade, o oid references t (o) on update cascade, rc regclass references t (rc) on update cascade, ts3 timestamp(0) references t (ts3) on update cascade,
    dp positive references t (dp) on update cascade, dc code references t (dc) on update cascade, dl label references t (dl) on update cascade, ds special references t (ds) on update cascade, de text collate "C" references t (de) on update cascade);
insert into t values (true, 2, 8, 1.50, 0.1, 1e300, 12.5, 'text', 'var', 'ch', 'x', 'name', '\xdeadbeef', '2024-02-29', '12:34:56.789', '12:34:56+02', '2024-02-29 12:34:56.5', '2024-02-29 12:34:56.5+02', '1 year 2 days 03:04:05',
    '6f1e2d3c-0000-4000-8000-000000000001', '10.0.0.1/24', '08:00:2b:01:02:03', '101', '1', '{"a": [1, null]}', '{1,2,NULL}', '{a,"b c",NULL}', 'ok', '(1,"x, y")', '[1,5)', 42, 'pg_class', '2024-01-01 00:00:01.6',
    5, 'abc', 'lab', 7, 'Ä');
insert into f select 1, t.* from t;
insert into f (id, dc) values (2, 'abc');
select * from f order by id;
insert into f (id) values (3);
insert into f (id, b, dc) values (3, false, 'abc');
insert into f (id, f4, dc) values (3, 0.2, 'abc');
insert into f (id, f8, dc) values (3, 0.1::float8 + 0.2, 'abc');
insert into f (id, m, dc) values (3, 99.99, 'abc');
insert into f (id, c, dc) values (3, 'zz', 'abc');
insert into f (id, by, dc) values (3, '\x00', 'abc');
insert into f (id, d, dc) values (3, '2024-03-01', 'abc');
insert into f (id, tstz, dc) values (3, '2024-03-01 00:00+00', 'abc');
insert into f (id, iv, dc) values (3, '2 mons', 'abc');
insert into f (id, j, dc) values (3, '{"a": 2}', 'abc');
insert into f (id, j, dc) values (3, 'null', 'abc');
insert into f (id, a, dc) values (3, '{}', 'abc');
insert into f (id, e, dc) values (3, 'sad', 'abc');
insert into f (id, p, dc) values (3, '(2,)', 'abc');
insert into f (id, dp, dc) values (3, 6, 'abc');
insert into f (id, dp, dc) values (3, -6, 'abc');
insert into f (id, ds, dc) values (3, 13, 'abc');
insert into f (id, dc) values (3, 'other');
update t set b = false, i2 = 3, i8 = 9, n = 1.6, f4 = 'nan', f8 = '-inf', m = 13, s = 'other', v = 'v2', c = 'c2', ch = 'y', na = 'n2', by = '\x01', d = 'infinity', ti = '01:02', tz = '01:02-03', ts = '-infinity', tstz = '2025-01-01 12:00+00', iv = '-1 mon';
update t set u = '6f1e2d3c-0000-4000-8000-000000000002', ip = '::1', ma = '08:00:2b:01:02:04', bi = '111', vb = '', j = 'null', a = '{}', ta = '{NULL,"NULL"}', e = 'happy', p = '(,)', r = 'empty', o = 43, rc = 'pg_type', ts3 = '2024-01-01', dp = 6, dc = 'abcd', dl = '', ds = 8, de = 'ß';
select * from f order by id;
select pg_typeof(dp), pg_typeof(dc), pg_typeof(dl), pg_typeof(ds), pg_typeof(v) from f where id = 1;
select id from f where dp = 6 and ds = 8 and dl = '' and dc = 'abcd';
insert into t (dp, dc) values (6, 'y') on conflict (dp) do update set dc = 'z' returning dp, dc;
insert into t (dc, dl) values ('z', 'n') on conflict (dc) do nothing;
select dc, dl from t order by dc;
select dc from f order by id;
drop table f, t;
drop domain special, positive, code, label;
drop type mood, pair;

-- Values in the session's ways.
create table p (d date primary key, f float8 unique, b bytea unique, iv interval unique);
create table f (d date references p, f float8 references p (f), b bytea references p (b), iv interval references p (iv));
insert into p values ('2024-05-06', 0.1, '\x0001', '1 mon -3 days');
insert into f values ('2024-05-06', 0.1, '\x0001', '1 mon -3 days');
insert into f (f) values (0.30000000000000004);
delete from p;
insert into f (d) values ('2023-01-31');
insert into f (b) values ('\xff00');
insert into f (iv) values ('1 year 1 day');
drop table f, p;

-- Generated, identity, serial, default, renamed, quoted, dropped and added columns.
create table "Odd ""table""" ("Key, 1" int generated always as identity primary key, "k(2)" text unique default 'dflt', gone int);
alter table "Odd ""table""" drop column gone;
create sequence counted;
create table refers (id serial primary key, "Key, 1" int default nextval('counted') references "Odd ""table""" on delete set default,
    "k(2)" text default 'dflt' references "Odd ""table""" ("k(2)") on update cascade, note text);
insert into "Odd ""table""" ("k(2)") values ('one'), ('two'), (default) returning *;
insert into refers default values returning *;
insert into refers ("k(2)") values (null) returning *;
insert into refers ("Key, 1") values (3) returning *;
insert into refers ("Key, 1") values (3) on conflict (id) do nothing returning *;
insert into refers ("Key, 1") values (99);
select last_value from counted;
delete from "Odd ""table""" where "Key, 1" = 3;
insert into "Odd ""table""" overriding system value values (10, 'ten');
update refers set "Key, 1" = 10, "k(2)" = 'ten' where id = 1;
delete from "Odd ""table""" where "Key, 1" = 10;
update refers set "k(2)" = default where id = 1;
update refers set ("Key, 1", "k(2)") = (default, 'two') where id = 2 returning *;
delete from "Odd ""table""" where "k(2)" = 'ten';
update refers set "Key, 1" = 77;
alter table refers rename column "Key, 1" to plain;
alter table "Odd ""table""" rename column "Key, 1" to id;
alter table "Odd ""table""" rename to odd;
update refers set plain = 77;
delete from odd where id = 1;
alter table refers alter plain drop default;
alter table refers alter "k(2)" set default 'two';
insert into refers (id) values (50) returning *;
delete from odd where id = 2;
drop table refers, odd;
create table p (id int primary key, twice int generated always as (id * 2) stored unique);
create table f (id int primary key, base int, up int generated always as (base + 1) stored references p, t int references p (twice) on update cascade on delete set null);
insert into p values (1), (2), (5);
insert into f values (1, 0, default, 2), (2, 1, default, 4), (3, null, default, null);
insert into f values (4, 7, default, 2);
insert into f values (4, 4, default, 11);
update p set id = 6 where id = 5 returning *;
update p set id = 7 where id = 2;
update f set base = 5 where id = 2 returning *;
update p set id = 7 where id = 2 returning *;
update f set base = 9;
delete from p where id = 7;
select * from f order by id;
alter table f add column late int default 1 references p;
insert into f (id) values (7) returning *;
select * from f order by id;
update f set late = null where id = 1 returning *;
update p set id = 100 where id = 1;
alter table p add column x text default 'k';
alter table p add unique (id, x);
alter table f add column x text default 'k';
alter table f add foreign key (late, x) references p (id, x) on update cascade;
update p set x = 'm' where id = 1 returning *;
select * from f order by id;
update f set x = 'q' where id = 7;
drop table f, p;
