-- What foreign keys refuse, and each of their actions.
create table parent (id int primary key, code text unique, note text);
create table child (id int primary key, parent_id int not null references parent, code text references parent (code));
insert into parent values (1, 'a'), (2, 'b'), (3, 'c');
insert into child values (10, 1, 'a'), (11, 2, null);
insert into child values (12, 9, 'a');
insert into child values (12, 1, 'nope');
insert into child values (12, 1, 'a'), (13, 1, 'nope'), (14, 9, 'a');
insert into child values (12, null, 'a');
update child set parent_id = 9 where id = 10 returning *;
update child set code = 'nope';
update child set code = null, parent_id = 2 where id = 10 returning *;
delete from parent where id = 1 returning *;
delete from parent where id = 2;
delete from parent;
update parent set id = 20 where id = 2;
update parent set id = 30, code = 'cc' where id = 3 returning *;
update parent set note = 'free' where id = 2;
update parent set id = id, code = code;
insert into parent values (2, 'bb') on conflict (id) do update set code = excluded.code, id = excluded.id returning *;
insert into parent values (2, 'bb') on conflict (id) do update set id = 99;
insert into child values (10, 2, 'bb') on conflict (id) do update set parent_id = 9;
insert into child values (10, 2, 'bb') on conflict (id) do update set parent_id = excluded.parent_id, code = excluded.code returning *;
insert into child values (20, 77, 'bb') on conflict do nothing;
insert into child values (10, 77, 'bb') on conflict do nothing;
with gone as (delete from child where parent_id = 2 returning *) delete from parent where id = 2 returning (select count(*) from gone);
insert into parent values (2, 'b'), (4, 'd');
with made as (insert into parent values (5, 'e') returning id, code) insert into child select 15, id, code from made returning *;
select * from parent order by id;
select * from child order by id;

-- copy: 16,2,b
-- copy: 17,5,
copy child from stdin (format csv);

-- copy: 18,2,b
-- copy: 19,66,
copy child from stdin (format csv);

select * from child order by id;
drop table child, parent;

-- Cascades.
create table a (id int primary key, x int default 7);
create table b (id int primary key, a_id int references a on delete cascade on update cascade);
create table c (id int primary key, b_id int references b on delete cascade on update cascade, a_id int references a on delete set null on update set null);
create table d (id int primary key, c_id int references c on delete restrict on update cascade);
insert into a select g, g from generate_series(1, 5) g;
insert into b select g, g from generate_series(1, 5) g;
insert into c select g, g, 6 - g from generate_series(1, 5) g;
insert into d values (1, 1);
update a set id = id * 10;
select * from a order by id;
select * from b order by id;
select * from c order by id;
update b set id = 100 where id = 1;
select * from c order by id;
delete from a where id = 10;
delete from a where id = 20;
delete from d;
delete from a where id in (10, 30) returning *;
select * from b order by id;
select * from c order by id;
delete from a;
select * from b;
select * from c;
drop table d, c, b, a;

-- SET DEFAULT, SET NULL, their column lists, NOT NULL and CHECK against them.
create table p (a int, b int, primary key (a, b));
create table f1 (id int primary key, a int default 1, b int default 1, foreign key (a, b) references p on delete set default on update set default);
create table f2 (id int primary key, a int not null, b int, foreign key (a, b) references p on delete set null (b));
create table f3 (id int primary key, a int not null, b int, foreign key (a, b) references p on delete set null);
create table f4 (id int primary key, a int, b int check (b is not null), foreign key (a, b) references p on delete set null on update cascade);
create table f5 (id int primary key, a int, b int default 9, foreign key (a, b) references p on delete set default (b));
insert into p values (1, 1), (2, 2), (3, 3), (4, 4), (5, 5), (6, 6);
insert into f1 values (1, 2, 2), (2, 2, null), (3, null, null);
insert into f1 (id) values (4);
insert into f1 values (5, 9, 9);
insert into f2 values (1, 3, 3), (2, 9, null);
insert into f3 values (1, 4, 4);
insert into f4 values (1, 5, 5);
insert into f5 values (1, 6, 6);
delete from p where a = 2;
select * from f1 order by id;
delete from p where a = 1;
update p set a = 11 where a = 1;
delete from p where a = 3;
select * from f2 order by id;
delete from p where a = 4;
delete from p where a = 5;
update p set b = 55 where a = 5 returning *;
select * from f4;
delete from p where a = 6;
select * from f3;
select * from f5;
insert into p values (6, 9);
delete from p where (a, b) = (6, 6);
select * from f5;
drop table f1, f2, f3, f4, f5, p;

-- MATCH FULL.
create table p (a int, b text, primary key (a, b));
create table full_match (id int primary key, a int, b text, foreign key (a, b) references p match full on delete set null on update cascade);
create table simple_match (id int primary key, a int, b text, foreign key (a, b) references p match simple);
insert into p values (1, 'x'), (2, 'y');
insert into full_match values (1, 1, 'x'), (2, null, null);
insert into full_match values (3, 1, null);
insert into full_match values (3, null, 'q');
insert into full_match values (3, 1, 'q');
insert into simple_match values (1, 5, null), (2, null, 'zz');
insert into simple_match values (3, 5, 'zz');
update full_match set b = null where id = 1;
update p set b = 'xx' where a = 1;
delete from p where a = 1;
select * from full_match order by id;
create table half (a int, b text, foreign key (a, b) references p match partial);
drop table full_match, simple_match, p;

-- Itself, and a circle.
create table staff (id int primary key, boss int references staff on delete cascade, name text);
insert into staff values (2, 1, 'early'), (1, null, 'late'), (3, 2, 'x'), (4, 4, 'own');
insert into staff values (5, 6, 'x');
update staff set id = 7 where id = 3 returning *;
update staff set id = 8 where id = 2;
delete from staff where id = 4 returning id;
delete from staff where id = 1;
select * from staff;
create table egg (id int primary key, hen_id int);
create table hen (id int primary key, egg_id int not null references egg deferrable initially deferred);
alter table egg add constraint egg_hen foreign key (hen_id) references hen on delete set null;
insert into egg values (1, null);
insert into hen values (1, 1);
update egg set hen_id = 1;
delete from egg;
delete from hen;
select * from egg;
delete from egg returning *;
drop table egg;
drop table egg cascade;
drop table hen, staff;

-- Keys that are equal and not the same, and of different types.
create table prices (amount numeric primary key);
create table uses (id int primary key, amount numeric references prices on update cascade);
insert into prices values (1.0), (2);
insert into uses values (1, 1.00), (2, 2.000);
update prices set amount = 1.000 where amount = 1;
select amount::text from prices order by amount;
select id, amount::text from uses order by id;
update prices set amount = 3 where amount = 2;
select id, amount::text from uses order by id;
drop table uses, prices;
create table wide (id bigint primary key);
create table narrow (id smallint references wide, note text);
insert into wide values (1), (100000);
insert into narrow values (1, 'ok');
insert into narrow values (2, 'no');
insert into narrow values (1::bigint, 'ok');
delete from wide where id = 1;
delete from wide where id = 100000;
drop table narrow, wide;
create table names (n varchar(10) collate "C" primary key);
create table refers (n text references names on update cascade, c char(4), d char(6) unique);
create table padded (d char(6) references refers (d));
insert into names values ('a'), ('b');
insert into refers values ('a', 'x', 'y '), ('b', 'x', 'z');
insert into refers values ('A', 'x', 'y');
insert into padded values ('y'), ('z   ');
insert into padded values ('q');
update names set n = 'aa' where n = 'a';
select * from refers order by n;
drop table padded, refers, names;

-- Keys that are assigned to alone
create table pa (id int primary key, k int unique, n int);
create table ca (id int primary key, p int references pa on update cascade);
create table cb (id int primary key, p int references pa (k));
insert into pa values (1, 10, 0), (2, 20, 0);
update pa set id = id + 10 where id = 2 returning *;
update pa set (id, k) = (3, 30) where id = 12 returning *;
update pa set k = null where id = 3 returning *;
update pa set id = null;
update pa set id = default;
update pa set id = 1;
create view pv as select id as i, k as kk, n from pa;
update pv set i = 4, kk = 40 where i = 3 returning *;
insert into pv values (4) on conflict (i) do update set i = 5 returning *;
insert into pa values (5) on conflict (id) do update set id = excluded.id + 1, k = pa.k + 1 returning *;
insert into ca values (1, 6);
update pa set id = 8 where id = 6;
select * from ca;
create domain posint as int check (value > 0);
create table pd (id posint primary key default 3, n int);
create table cd (p posint references pd on update set default);
insert into pd values (1), (2), (3);
insert into cd values (1);
update pd set id = 11 where id = 1;
update pd set id = -1 where id = 2;
update pd set id = default where id = 2;
select * from cd;
select * from pd order by id;
drop view pv;
drop table ca, cb, pa, cd, pd;
drop domain posint;
