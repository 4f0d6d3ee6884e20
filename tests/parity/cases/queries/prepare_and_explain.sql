create table t (id int primary key, name text, n numeric);
insert into t values (1, 'a', 1), (2, 'b', 2.50), (3, null, null);
prepare q as select * from t where id = $1;
execute q (1);
execute q (2);
execute q ('3');
execute q;
execute q ('x');
prepare q as select 1;
prepare ins (int, text) as insert into t values ($1, $2) returning *;
execute ins (4, 'd');
execute ins (4, 'dup');
prepare up as update t set name = $2 where id = $1;
execute up (4, 'dd');
prepare del (int) as delete from t where id = $1;
execute del (4);
prepare many as select id from t where id = any ($1::int[]) order by id;
-- ordered
execute many ('{1,3}');
select name, statement, parameter_types, from_sql from pg_prepared_statements where name not like 'kameleon%' order by name;
create table from_prepared as execute q (1);
select * from from_prepared;
deallocate q;
execute q (1);
deallocate nope;
deallocate all;
execute ins (5, 'e');
prepare bad as select nope from t;
prepare bad as selec 1;

-- Plans differ; that these run, and what they answer besides the plan, does not
-- shape
explain select * from t;
-- shape
explain (analyze, costs off, timing off, summary off) select * from t where id = 1;
-- shape
explain (format json) select * from t join t u using (id);
-- shape
explain verbose update t set name = 'x' where id = 1;
-- shape
explain analyze insert into t values (50, 'explained');
select * from t where id = 50;
-- shape
explain (analyze, buffers) delete from t where id = 50;
select count(*) from t;
explain select nope from t;
explain (nope) select * from t;
-- shape
explain with x as (select * from t) select * from x;
-- shape
explain declare c cursor for select * from t;
prepare p2 as select count(*) from t;
-- shape
explain execute p2;
-- shape
explain create table explained as select * from t;
-- shape
explain create table t as execute p2;
explain (analyze, costs off, timing off, summary off, buffers off) create table t as execute p2;
-- shape
explain (analyze, costs off, timing off, summary off) create table if not exists t as execute p2;
explain (analyze, costs off, timing off, summary off, buffers off) create table t as select 1;
