-- What * gives of relations that are joined by names, where the proxy has to write it out
create table ja (id int primary key, x text, y int);
create table jb (id int primary key, x text, z int);
create table jc (z int primary key, w text);
insert into ja values (1, 'a', 1), (2, 'b', 2), (4, 'd', 4);
insert into jb values (1, 'a', 10), (2, 'q', 20), (3, 'c', 30);
insert into jc values (10, 'ten'), (20, 'twenty');
-- ordered
select * from ja join jb using (id) where ja.ctid is not null order by 1;
select ja.tableoid::regclass, * from ja join jb using (x, id);
-- ordered
select * from ja left join jb using (id) where ja.ctid is not null order by 1;
-- ordered
select * from ja right join jb using (id) where jb.ctid is not null order by 1;
-- ordered
select * from ja full join jb using (id) where ja.ctid is not null or jb.ctid is not null order by id;
-- ordered
select * from ja a join jb b using (id) join jc using (z) where a.ctid is not null order by 1;
-- ordered
select * from ja a join jb b using (id) left join jc c on left(c.w, 1) = 't' and c.z = b.z where a.ctid is not null order by 1;
-- ordered
select * from ja a join jb b using (id), jc c where a.ctid is not null and c.xmin is not null order by id, c.z;
-- ordered
select * from (select * from ja join jb using (id) where ja.ctid is not null) s order by 1;
update jc set w = w || '!' from ja join jb using (id) where jb.z = jc.z returning *;
update jc set w = 'n' from ja natural join jb where jb.z = jc.z returning *;
delete from jc using ja right join jb using (id) where jb.z = jc.z and jc.z = 20 returning *;
update ja set x = 'new' from jb join jc using (z) where jb.id = ja.id returning *, ja.y + 1 as more;
-- ordered
select * from ja order by id;
drop table ja, jb, jc;
create table jd (id int primary key, v varchar(3));
create table je (id int primary key, v varchar(5));
insert into jd values (1, 'x'), (2, 'y');
insert into je values (1, 'x'), (3, 'z');
select * from jd full join je using (id) full join (select 3 as id) s using (id) order by id;
select jd.ctid is null as no_jd, * from jd full join je using (id) order by id;
create table jf (id int primary key);
insert into jf values (3), (4);
select * from jd full join je using (id) full join jf using (id) where jd.ctid is null order by id;
set client_min_messages = warning;
begin;
select * from jd join je using (id, v) where jd.ctid is not null;
rollback;
update jd set v = 'q' from je join (select 1 as id) s using (id) where je.id = jd.id returning *;
reset client_min_messages;
drop table jd, je, jf;
