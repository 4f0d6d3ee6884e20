-- Keys that are referenced and refer themselves, with everything else that a table has.
create table a (id int primary key, n int);
create table b (id int primary key references a on update cascade on delete cascade, x int, y text, unique (id, y), check (id < 100), check (x is null or x > id));
create table c (id int, y text default 'q', foreign key (id, y) references b (id, y) on update cascade on delete set null);
create unique index on b (id) where x is not null;
create unique index on b (x, id);
create index on b ((id + 1), lower(y));
insert into a select g, g from generate_series(1,5) g;
insert into b select g, g+1, 'q' from generate_series(1,5) g;
insert into c select g from generate_series(1,5) g;
update a set id = id + 10 where id <= 2;
update a set id = id + 100 where id = 3;
update a set id = 50 where id = 3;
update a set id = 6 where id = 3;
update b set x = 200 where id = 3;
update a set id = 6 where id = 3;
select * from a order by id;
select * from b order by id;
select * from c order by id;
insert into b values (4, 9, 'q') on conflict (id, y) do update set x = excluded.x + b.x returning *;
insert into b values (4, 9, 'q') on conflict (id) where x is not null do update set x = b.id + excluded.id + 100 returning *;
insert into b values (4, 9, 'zz') on conflict (id) do update set y = excluded.y returning *;
insert into b values (4, 9, 'zz') on conflict on constraint b_pkey do update set y = 'ww' where b.id = excluded.id returning *;
insert into b values (44, 9, 'zz') on conflict do nothing returning *;
insert into b values (4, 9, 'zz') on conflict (x, id) do nothing returning *;
select * from c order by id;
update b set id = 5 where id = 4;
update b set id = 4 where id = 4 returning *;
select b, a from b join a using (id) order by id;
select * from b where (id, y) in (select id, y from c) order by 1;
select * from b where id + 1 = 7;
delete from a where id = 6 returning *;
select * from c order by id, y;
alter table b add column g int generated always as (id * 2 + x) stored;
select * from b order by id;
update a set id = 30 where id = 4;
select * from b order by id;
alter table b add constraint g_unique unique (g);
create table d (g int references b (g));
insert into d select g from b where id = 30;
update a set id = 31 where id = 30;
update b set x = x + 1 where id = 30;
alter table b alter x type bigint;
alter table b alter y type varchar(9);
alter table b drop column y;
alter table b drop column y cascade;
update a set id = 32 where id = 5;
select * from b order by id;
select * from c order by id;
truncate a, b, c, d;
drop table d, c, b, a;
create table p (id int primary key, v int);
create table n (id int references p);
alter table p add unique (id, v);

-- Volatile defaults are evaluated once.
create sequence s;
create table q (id int default nextval('s') primary key, pid int default 1 references p, z int default nextval('s'));
create table r (qid int default nextval('s') references q);
insert into p values (1,1);
insert into q default values returning *;
insert into q (pid) values (1), (1) returning *;
insert into q (pid) select 1 returning *;
insert into r default values;
select last_value from s;

-- copy: 1
-- copy: 1
copy q (pid) from stdin;

select * from q order by id;
insert into q (pid) values (1) on conflict (id) do nothing returning *;
with x as (insert into q default values returning *) insert into r select id from x returning *;
update q set id = default where id = 1 returning *;
select last_value from s;
drop table r, q, n, p;
drop sequence s;

-- NOT ENFORCED.
create table p (id int primary key);
-- only: 18
create table c (pid int references p not enforced);
-- only: 18
insert into c values (1);
-- only: 18
alter table c alter constraint c_pid_fkey enforced;
insert into p values (1);
-- only: 18
alter table c alter constraint c_pid_fkey enforced;
-- only: 18
insert into c values (2);
-- only: 18
alter table c alter constraint c_pid_fkey not enforced;
-- only: 18
insert into c values (2);
-- only: 18
delete from p;
-- only: 18
delete from c;
-- only: 18
alter table c alter constraint c_pid_fkey enforced;
-- only: 18
insert into c values (2);
-- Virtual columns.
-- only: 18
create table v (id int references p, w int generated always as (id + 1) virtual, check (w < 5));
insert into p values (1), (9);
-- only: 18
insert into v values (1);
-- only: 18
insert into v values (9);
-- only: 18
insert into v values (3);
-- only: 18
select * from v where w = 2;
-- only: 18
drop table v, c;
drop table p;

-- NOT NULL beside it.
create table p (id int primary key);
create table c (id int references p);
insert into c values (null);
-- only: 18
alter table c add constraint nn not null id not valid;
insert into p values (1);
insert into c values (null);
alter table c alter id set not null;
delete from c;
alter table c alter id set not null;
insert into c values (null);
insert into c values (1);
update p set id = 2;
drop table c, p;

-- Of two unique keys that a row violates, the older one is told.
create table p (k int primary key, u int unique);
insert into p values (1, 1);
insert into p values (1, 1);
create table f (k int references p);
insert into p values (1, 1);
create table g (u int references p (u));
insert into p values (1, 1);
drop table f, g, p;

-- Of several foreign keys that a row violates, too, whatever happened to them since.
create table p (k int primary key, u int unique);
create table f (a int constraint first references p, b int constraint second references p (u), c int constraint third references p on delete cascade);
insert into f values (1, 2, 3);
alter table f alter constraint first deferrable;
alter table f alter constraint first not deferrable;
insert into f values (1, 2, 3);
alter table p alter k type bigint;
insert into f values (1, 2, 3);
alter table f drop constraint second;
alter table f add constraint second foreign key (b) references p (u);
insert into f values (null, 2, 3);
insert into p values (1, 1);
insert into f values (1, 1, 1);
delete from p;
drop table f, p;
