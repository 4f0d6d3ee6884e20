-- Types, operators and operator classes of extensions.
create extension hstore;
create extension citext;
create extension ltree;
create extension cube;
create extension seg;
create extension isn;
create extension intarray;
create extension pg_trgm;
create extension btree_gin;
create extension btree_gist;
create table t (id int primary key, h hstore, hs hstore[], c citext unique, l ltree default 'top', cu cube, s seg, i isbn13, ia int[], q lquery, check (nlevel(l) < 5));
insert into t values (1, 'a=>1,b=>NULL', array['x=>1'::hstore, null], 'Foo', 'a.b.c', '(1,2),(3,4)', '1 .. 2', '978-0-11-000533-4', '{1,2}', 'a.*');
insert into t values (2, 'a=>2', '{}', 'foo', 'a', '1', '3', null, '{}', '*{2}');
insert into t values (2, 'a=>2', '{}', 'bar', 'a', '1', '3', null, '{}', '*{2}');
insert into t values (3, '', '{"\"k\"=>\"v, w\""}', 'BAZ', '', '(0)', '<5', '978-0-11-000222-7', null, '!a|b.c{1,}');
insert into t values (3) on conflict (id) do update set h = t.h || 'z=>26', c = upper(excluded.c) returning *;
insert into t (id, c) values (4, 'FOO') on conflict (c) do update set l = t.l || 'zz' returning id, c, l;
insert into t (id, l) values (5, 'a.b.c.d.e');
insert into t (id, i) values (5, '978-0-11-000222-8');
-- params: 5, 'k=>v', 'Five', 'f.i'
-- types: int4, text, text, text
insert into t (id, h, c, l) values ($1, $2::hstore, $3::citext, $4::ltree) returning id, h, c, l;
select id, h, hs, c, l, cu, ia from t order by id;
select id, s, i, q from t order by id;
select id, s::text, i::text, q::text, hstore_to_json(h), h -> 'a', h['b'], akeys(h) from t order by id;
update t set h['a'] = 'new', h['n'] = null where id = 1 returning h;
update t set hs[1]['y'] = 'deep' where id = 1 returning hs;
update t set hs[3] = 'k=>v' returning id, hs;
select hstore(t) -> 'c', hstore(t.*) -> 'l' from t order by id;
select (populate_record(null::t, 'id=>9,c=>Nine,l=>n.i')).c;
select (t #= 'c=>changed').c from t order by id;
select id, key, value from t, each(h) order by 1, 2;
select c from t where c = 'FOO';
select c from t where c like 'f%' order by c;
select max(c), min(c) from t;
-- params: 'fOO'
-- types: text
select id from t where c = $1::citext;
select id from t where c in ('FOO', 'five') order by id;
select id, replace(c, 'O', '0'), split_part(c, 'O', 1) from t order by id;
-- unordered
select count(*), c from t group by c;
create table r (id int, c citext references t (c) on update cascade on delete set null, l ltree check (l <@ 'top'));
insert into r values (1, 'FOO', 'top.x');
insert into r values (2, 'nope', null);
insert into r values (3, null, 'other');
update t set c = 'fOoBar' where c = 'foo';
select * from r;
select t.id, r.id from t join r using (c);
create domain mild as citext check (value <> 'bad');
create type pair as (a citext, b hstore);
create table d (id int, x mild, p pair, k hstore generated always as (hstore('k', id::text)) stored);
insert into d values (1, 'Good', row('A', 'k=>"v,w"'));
insert into d values (2, 'BAD');
update d set p.b['k'] = 'sub' returning *;
select (p).a, (p).b -> 'k' from d where x = 'good' and (p).a = 'a';

-- Beside a collation it is still that type's comparison.
create table k (id int, a citext collate "C" unique, b citext check (b collate "C" <> 'bad'), c citext collate "C" check (c <> 'worse'));
insert into k values (1, 'A', 'x', 'y');
insert into k values (2, 'a');
insert into k values (3, 'b', 'BAD');
insert into k values (4, 'c', null, 'WORSE');
update k set b = 'met' where a = 'a' returning *;
create unique index on k (c);
insert into k (c) values ('Y');
create unique index on k ((b collate "POSIX"));
insert into k (b) values ('MET');
select id from k where a = 'A';
select id from k where b = 'mEt' and c collate "C" = 'Y';
drop table k;

-- Indexes
create index on t using gin (h);
create index on t using gist (h gist_hstore_ops(siglen=32));
create index on t using hash (h);
create index on t using gist (l gist_ltree_ops(siglen=100));
create index on t using gist (cu);
create index on t using gist (s);
create index on t using gin (ia gin__int_ops);
create index on t using gist (ia gist__intbig_ops);
create index on t using gin (c gin_trgm_ops, id);
create index on t using gist ((lower(c)) gist_trgm_ops(siglen=64), id);
create index on t (c citext_pattern_ops);
create index on t ((h -> 'a')) where h ? 'a';
create index on t using bloom (id);
create index on t using gist (c gist_trgm_ops, nothing);
select indexdef from pg_indexes where tablename = 't' order by indexname;
set enable_seqscan = off;
select id from t where h @> 'a=>new';
select id from t where h ?| '{a,z}' order by id;
select id from t where l <@ 'a' order by id;
select id from t where l ~ 'a.*' order by id;
select id from t where l ? '{a,f.*}' order by id;
select id from t where l @ 'a & b';
select id from t where cu @> '(1,2)';
select id from t where cu <-> '(0,0)' < 3 order by cu <-> '(0,0)', id;
select id from t where s && '1 .. 10' order by id;
select id from t where ia @@ '1&2';
select id from t where c % 'foobaz';
select id from t where c ilike '%OO%';
select id from t where lower(c) like '%oob%' order by id;
select id from t order by id <-> 3 limit 1;
reset enable_seqscan;

-- Changes of shape, and what goes along with an extension.
create view v as select id, h['a'] as a, l from t where nlevel(l) > 0;
select * from v order by id;
update v set l = 'v.w' where id = 1;
alter table t add column more hstore default 'x=>1';
select more from t;
alter table t alter column q type text;
alter table t alter column more type jsonb using hstore_to_jsonb(more);
select id, q, more from t order by id;
-- copy: 10	a=>"tab"	Ten	t.e.n
-- copy: 11	\N	ELEVEN	\N
copy t (id, h, c, l) from stdin;
copy (select id, h, c, l, i from t order by id) to stdout csv header;
drop index t_h_idx1, t_l_idx, t_lower_id_idx, t_ia_idx1;
drop extension cube;
set client_min_messages = warning;
drop extension cube cascade;
drop extension seg cascade;
select id, l, s from t order by id;
select * from t order by id;
drop extension intarray cascade;
drop extension isn cascade;
select id, h from t order by id;
update t set h = 'k=>v' where id = 1;
drop table r, d;
drop type pair;
drop extension hstore cascade;
select id, c, l from t order by id;
drop extension citext, pg_trgm, btree_gin, btree_gist, ltree cascade;
select * from t order by id;
