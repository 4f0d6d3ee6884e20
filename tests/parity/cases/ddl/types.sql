-- Changes of types that rows are made of.

create type mood as enum ('sad', 'ok');
create type address as (street text, number int);
create type person as (name text, home address, moods mood[]);
create domain state as mood;
create table t (id int primary key, m mood default 'ok', ms mood[], a address, aa address[], p person, s state);
create index on t (m);
create index on t ((a)) where m > 'sad';
insert into t values
  (1, 'sad', '{sad,ok}', '(x,1)', array[('y',2)::address, null], row('n', row('z',3), '{sad}'), 'sad'),
  (2, 'ok', '{{ok,ok},{sad,sad}}', '("a, b",)', '{}', null, null),
  (3, null, null, null, null, '(,,)', 'ok');
alter table t add column late mood default 'sad';
alter table t add column where_to address default '(home,0)';
insert into t (id, late, where_to) values (4, null, null);

-- Enums
alter type mood rename value 'sad' to 'blue';
select * from t order by id;
select id from t where m = 'blue' order by id;
select id from t where m = 'sad';
insert into t (id, m) values (5, 'sad');
insert into t (id, m) values (5, 'blue') returning m, late;
alter type mood rename value 'nope' to 'never';
alter type mood rename value 'blue' to 'ok';
alter type mood add value 'great';
insert into t (id, m) values (6, 'great') returning id, m;
alter type mood add value if not exists 'great';
alter type mood add value 'meh' before 'ok';
update t set m = 'meh' where id = 6 returning m, m < 'ok', m > 'blue';
select id, m from t order by m, id;
begin;
alter type mood rename value 'blue' to 'azure';
select id, m, ms, p from t where m = 'azure' order by id;
rollback;
select id, m from t where m = 'blue' order by id;
create table other_moods (m mood primary key, n int);
insert into other_moods values ('meh', 1), ('blue', 2);
do $$ begin alter type mood rename value 'meh' to 'so so'; end $$;
select * from other_moods order by m;
insert into other_moods values ('so so', 3) on conflict (m) do update set n = excluded.n returning *;

-- Composites
alter type address add attribute zip varchar(5);
select * from t order by id;
insert into t (id, a) values (7, '(x,1,12345)') returning a, (a).zip;
insert into t (id, a) values (8, '(x,1)');
update t set a = row('new', 1, 'z') where id = 1 returning a;
select id, (a).street, (a).zip, aa[1], (p).home from t order by id;
alter type address drop attribute number;
select * from t order by id;
alter type address rename attribute street to road;
select id, (a).road from t order by id;
alter type address add attribute x int, drop attribute road;
select * from t order by id;
alter type address drop attribute nope;
alter type address drop attribute if exists nope;
alter type person drop attribute moods;
select id, p from t order by id;
begin;
alter type address drop attribute zip;
select id, a, aa from t order by id;
savepoint s;
alter type address drop attribute x;
select id, a from t order by id;
rollback to s;
select id, a from t order by id;
rollback;
select id, a, aa, p from t order by id;

-- Names
alter type mood rename to feeling;
alter table t add column after_rename feeling default 'ok';
select id, late, after_rename from t order by id;
create schema types;
alter type feeling set schema types;
alter table t add column after_move int;
select id, m, late, pg_typeof(m) from t where m = 'blue' order by id;
alter schema types rename to kinds;
alter table t drop column after_move;
insert into t (id) values (20) returning m, late;
alter domain state rename to condition;
alter domain condition set schema kinds;
alter table t add check (s <> 'great');
insert into t (id, s) values (21, 'great');
alter type address owner to current_user;
comment on type address is 'where';

-- Functions of constraints
create function positive(int) returns boolean language sql immutable as 'select $1 > 0';
create table checked (n int check (positive(n)), twice int generated always as (case when positive(n) then n * 2 end) stored);
insert into checked values (1);
alter function positive(int) rename to above_zero;
insert into checked values (0);
insert into checked values (2) returning *;
alter function above_zero(int) set schema kinds;
insert into checked values (0);
insert into checked values (3) returning *;
alter schema kinds rename to sorts;
insert into checked values (0);
drop function sorts.above_zero(int);

-- Rows of tables as values
create table pet (name text, legs int);
-- Of several dependent columns PostgreSQL names whichever it meets first.
create table cage (inmate pet);
insert into cage values ('(owl,2)');
alter table pet add column wings int default 0;
alter table pet add column wings int not null;
drop table cage;
create table owner (id int primary key, pet pet, pets pet[]);
insert into pet values ('cat', 4);
insert into owner values (1, '(dog,4)', '{"(ant,6)"}'), (2, null, null);
alter table pet add column tail boolean;
select * from owner order by id;
alter table pet add check (legs > 0);
alter table pet drop column legs;
select * from owner order by id;
select id, (pet).name, (pets[1]).tail from owner order by id;
-- with one column that the error can name: which of two it does is a matter of where catalog rows lie
alter table owner drop column pets;
alter table pet alter name type varchar(10);
alter table pet rename column name to called;
select (pet).called from owner where id = 1;
select * from pet;
insert into owner select 3, p, array[p] from pet p returning *;
drop table pet;
alter table pet rename to animal;
select * from owner order by id;
drop table animal cascade;
select * from owner order by id;

-- Domains
create domain small as int;
create domain smaller as small;
create table d (id int primary key, s small, ss smaller, l small[]);
insert into d values (1, 5, 50, '{5}'), (2, null, 3, null);
alter domain small add check (value < 20);
alter domain smaller add constraint at_most check (value <= 50);
insert into d values (3, 1, 51, null);
alter table d drop column l;
alter domain small add check (value < 20);
alter domain small add constraint below check (value < 60);
insert into d values (3, 61, 1);
insert into d values (3, 1, 51);
update d set s = 70 where id = 1;
alter domain small set not null;
update d set s = 2 where s is null;
alter domain small set not null;
insert into d (id, ss) values (4, 1);
update d set s = null;
alter domain small drop not null;
alter domain small set default 7;
insert into d (id) values (4) returning *;
alter domain small drop default;
insert into d (id) values (5) returning *;
alter domain small add constraint late check (value > 5) not valid;
select * from d order by id;
update d set ss = ss where id = 1 returning *;
update d set s = s where id = 2 returning *;
insert into d values (6, 1, 10);
alter domain small validate constraint late;
delete from d where s < 6 or ss < 6;
select * from d order by id;
update d set s = 6 where id = 1;
alter domain small validate constraint late;
alter domain small drop constraint late;
insert into d values (6, 1, 10) returning *;
alter domain small rename constraint below to under;
insert into d values (7, 100, 10);
alter domain small drop constraint nope;
alter domain small owner to current_user;
drop domain small;
drop domain small cascade;
select * from d order by id;
