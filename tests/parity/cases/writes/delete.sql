create table t (id int primary key, name text, n int);
create table o (id int, t_id int);
insert into t select i, 'n' || i, i % 3 from generate_series(1, 20) i;
insert into o select i, i * 2 from generate_series(1, 5) i;
delete from t where id = 1;
delete from t where id = 1;
delete from t where id = 2 returning *;
delete from t where id in (3, 4) returning id, upper(name) as up, t.n;
delete from t as x where x.id = 5 returning x.*;
delete from t x where id = 6 returning x;
delete from t using o where o.t_id = t.id and o.id = 4 returning t.id, o.id;
delete from t using o, o o2 where o.t_id = t.id and o2.id = o.id and o.id = 5 returning *;
delete from t using (select max(id) m from t) s where t.id = s.m returning t.id, s.m;
delete from t a using t b where a.id = b.id + 1 and b.id = 12 returning a.id, b.id;
delete from only t where id = 14;
delete from public.t where public.t.id = 15 returning public.t.name;
delete from "t" where "id" = 16;
delete from t where n = (select min(n) from t) and id < 13 returning id;
delete from t where exists (select 1 from o where t_id = t.id) returning id;
with gone as (select id from t where id = 17) delete from t where id in (select id from gone) returning *;
delete from t where false returning *;
delete from t where false returning t::text, (t.*)::text, cast(t as text), t::text as mine, t::text collate "C";
delete from t x where false returning x.*::text, upper(x::text), (x)::varchar(3);
-- only: 18
delete from t where id = 18 returning old.*, new.id;
select * from t order by id;
delete from nope;
delete from t where nope = 1;
delete from t where id = 'x';
delete from t where 1 / 0 = 1;
delete from t using nope;
delete from t returning nope;
delete t where id = 1;
delete from t x where t.id = 1;
delete from t limit 1;
-- params: 19
-- params: 19
delete from t where id = $1 returning *;
-- params: 'n7'
delete from t where name = $1;
delete from t;
select count(*) from t;

-- OLD and NEW as whole rows, where there is none.
create table oldnew (a int primary key, b text);
-- only: 18
insert into oldnew values (1, 'x') returning old, new, to_json(old);
-- only: 18
insert into oldnew values (1, 'y'), (3, null) on conflict (a) do update set b = excluded.b returning old, new, to_json(old);
-- only: 18
merge into oldnew using (values (1), (2)) s (k) on a = k when matched then delete when not matched then insert values (k, 'z') returning merge_action(), old, new, to_json(new);
-- only: 18
update oldnew set b = null returning with (old as before, new as after) before, after, before::text;
-- only: 18
delete from oldnew returning old, new, new is null, new::text, coalesce(to_json(new), '0');

-- OLD and NEW in sub-selects of RETURNING.
insert into oldnew values (5, 'v'), (6, null);
-- only: 18
update oldnew set b = 'w' where a >= 5 returning (select old), (select (select new)), (select x.b from (select old.*) x), (select max(u.b) from oldnew u where u.a < old.a);
-- only: 18
update oldnew set b = 'x' where a = 5 returning (select count(*) from oldnew u where u = old), exists (select from (select new.*) n (k, l) where l = 'x');
-- only: 18
merge into oldnew t using (values (5, 'r'), (7, 's')) s (k, l) on t.a = s.k when matched then update set b = s.l when not matched then insert values (s.k, s.l) returning merge_action(), (select old), (select new from (values ((select new))) n (o)), t.*;
-- only: 18
delete from oldnew where a = 5 returning (select old), (select new), (select new.*  is null), (select o.b from (select old.*) o);
