-- Rows that leave out a column whose domain refuses NULL

create domain nn as int not null;
create domain pos as int check (value is not null);
create type pl as (s text, n int);
create domain known as pl check ((value).s is not null);
create table t (id int primary key, a int, x nn);
create table u (id int primary key, a int, x pos);
create table w (id int primary key, a int, x known);
insert into t (id) values (1);
insert into t (id) values (1) on conflict do nothing;
insert into t (id, x) values (1, default) on conflict do nothing;
insert into t (id) values (3) returning ctid is null;
insert into t (id, a) values (1, 1) on conflict (id) do update set a = 2;
insert into t (id, x) values (1, null) on conflict do nothing;
insert into u (id) values (1) on conflict do nothing;
insert into u (id) values (1);
insert into u (id, x) values (1, null) on conflict do nothing;
insert into w (id) values (1) on conflict do nothing;
insert into w (id) values (1);
create view v as select id, a from t;
insert into v values (5, 5);
create view vw as select id, a from w;
insert into vw values (5, 5);
-- only: 17
merge into t using (values (1)) s (i) on false when not matched then insert (id) values (i);
-- only: 17
merge into w using (values (1)) s (i) on false when not matched then insert (id) values (i);
insert into w (id, x) values (1, '(s,1)'), (2, '(t,2)');
update w set x = null;
update w set x = '(,1)';
update w set x.n = 3 returning *;
update w set x.s = null;
select * from t;
select * from u;
select * from w;
