-- Statements that once went wrong, each with the smallest text that showed it.

create table tight (id int primary key, name text, parent int);

-- keywords that touch what follows
insert into tight values(1,'one',null),(2,'two',1);
insert into tight(id,name)values(3,'three');
insert into tight(id)select 4;
select*from tight order by id;
select'x'from tight;
select(id)from tight where(id)>1 order by(id);
select c.id from tight c join tight p on(c.parent=p.id);
select count(*) from tight join(select*from tight)p using(id);
update tight set(name,parent)=(select'changed',id)where(id)=3;
update tight set name='last'where id=4;
delete from tight where(id)=4returning id;
select*from tight order by id;

-- a constant default added to a table with rows: the value of the old rows, in every type
create table grown (id int primary key);
insert into grown values (1);
alter table grown add padded char(5) default 'hello', add blank bpchar default 'x  ', add letter "char" default 'q', add label name default 'nnn';
alter table grown add numbers int[] default '{1,2}', add boxes box[] default '{(1,1),(0,0)}', add words text[] default array['a', null, '"b,'], add pads bpchar(4)[] default array['a'];
alter table grown add born date default '2020-02-03', add lasted interval default '-1 day 2 hours', add share float8 default 0.1, add doc jsonb default '{"a": [1]}', add raw bytea default '\x00ff', add span int4range default '[1,3)';
insert into grown (id) values (2);
select * from grown order by id;
select id, padded || '|', blank || '|', length(blank), octet_length(padded), collation for (label) from grown order by id;
set datestyle = 'SQL, DMY';
alter table grown add later date default '03/02/2020';
set datestyle = 'SQL, MDY';
alter table grown rename later to latest;
select id, latest from grown order by id;
reset datestyle;

-- another type for a field with such a default
create table retyped (id int);
insert into retyped values (1);
alter table retyped add share float8 default 0.2, add flag bool default true;
alter table retyped alter share type text using share::text, alter flag type text using flag::text;
insert into retyped (id) values (2);
select * from retyped order by id;

-- the default of a domain means what it meant where the domain was made
create sequence domain_numbers start 5;
create domain numbered int default nextval('domain_numbers');
create table numbers (id numbered, note text);
insert into numbers (note) values ('first'), ('second');
alter table numbers add other numbered;
select * from numbers order by id;

-- names sort by their bytes
create table labels (id int, label name);
insert into labels values (1, 'b'), (2, 'B'), (3, 'a');
select * from labels order by label;

-- what violates a constraint that is NOT VALID stays through changes of the table
create table doubtful (id int);
insert into doubtful values (1), (-1);
alter table doubtful add constraint positive check (id > 0) not valid;
comment on constraint positive on doubtful is 'one day';
alter table doubtful alter id type bigint;
alter table doubtful add note text default lower('X');
alter table doubtful validate constraint positive;
alter table doubtful add missing int not null;
insert into doubtful values (-2);
update doubtful set id = id;
select convalidated, obj_description(oid) from pg_constraint where conrelid = 'doubtful'::regclass;
delete from doubtful where id < 0;
alter table doubtful validate constraint positive;
select convalidated, obj_description(oid) from pg_constraint where conrelid = 'doubtful'::regclass;

-- only: 18
alter table doubtful add constraint there not null id not valid;

-- an index that could not be built is in nobody's way
create table twice (id int, note text);
insert into twice values (1, 'a'), (1, 'b');
create unique index concurrently twice_id on twice (id);
create index twice_note on twice (note);
alter table twice add more int default 5 check (more > 1);
drop index twice_id;
create unique index concurrently twice_both on twice (id, note);
insert into twice values (1, 'a');
select * from twice order by note;

-- FREEZE
create table frozen (id int, note text);
begin;
truncate frozen;
-- copy: 1,one
-- copy: 2,two
copy frozen from stdin with (format csv, freeze);
-- copy: 3	three
copy frozen from stdin freeze;
commit;
select * from frozen order by id;

-- a row of the target whose table has a column of its own name
create table price (id int, price int);
insert into price values (1, 10), (2, 20);
create function net(price) returns int language sql as 'select $1.price - 1';
update price set price = 5 where net(price.*) = 9 returning id, net(price.*), price;
delete from price where net(price.*) = 19 returning price.*::text as whole, price;
select net(price.*), price from price;

-- COPY of a generated column
create table doubled (id int, twice int generated always as (id * 2) stored);
insert into doubled values (1);
-- modes: simple
copy doubled (id, twice) to stdout;
-- modes: simple
copy doubled (twice) from stdin;
copy doubled to stdout;

-- only: 18
create table computed (id int, label text not null, half int generated always as (nullif(id, 0) / 2) virtual not null check (half < 100));
-- only: 18
insert into computed values (2, 'x');
-- only: 18
insert into computed values (0, 'x');
-- only: 18
insert into computed values (null, 'x');
-- only: 18
insert into computed values (0, null);
-- only: 18
insert into computed values (200, 'x');
-- only: 18
update computed set id = null;
-- only: 18
alter table computed alter half drop not null;
-- only: 18
update computed set id = 0 returning *;
-- only: 18
select * from computed;

-- An error in a statement that might have made a table
with w as (insert into nowhere select 1 returning 1) select * from w, computed;
