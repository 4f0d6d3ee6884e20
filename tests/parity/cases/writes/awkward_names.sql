-- Names that the storage itself might use
create table plain (data jsonb primary key, entity_id int, kdb_document_row int, document text, kdb_ int);
insert into plain values ('{"data": 1}', 1, 3, 'doc', 4) returning *;
update plain set kdb_document_row = entity_id + 1, data = data || '{"x": 2}', document = default where plain.data->>'data' = '1' returning plain.*;
insert into plain (data, entity_id) values ('{"data": 1, "x": 2}', 7) on conflict (data) do update set entity_id = excluded.entity_id + plain.entity_id returning *;
-- These three are the storage's own, so this table is dedicated
set client_min_messages = warning;
create table data (data jsonb primary key, entity_id int, kdb_rec text, kdb_data int, kdb_keys text[], kdb_document_row int);
reset client_min_messages;
insert into data values ('{"data": 1}', 1, 'rec', 2, '{x}', 3) returning *;
insert into data (kdb_keys, data) values ('{a,b}', '2'), (null, '3') returning *;
update data set kdb_keys = '{c}', kdb_data = kdb_data + 1, entity_id = 9 where data = '{"data": 1}' returning *;
insert into data (data, kdb_keys) values ('2', '{new}') on conflict (data) do update set kdb_keys = excluded.kdb_keys, kdb_rec = 'upserted' returning *;
select data, data.data, kdb_rec, kdb_document_row from data order by data;
select data.* from data order by data.entity_id nulls last, data.data;
delete from data where kdb_keys = '{new}' returning *;
create table records (new int, old int, excluded int, "table" int, record int primary key);
insert into records values (1, 2, 3, 4, 5) returning *;
update records set new = old, old = new, excluded = new + old returning *;
insert into records (record, new) values (5, 7) on conflict (record) do update set new = excluded.new + records.new, excluded = excluded.new returning *;
create table kdb_records (id int primary key);
insert into kdb_records values (1);
select * from kdb_records;
create table kdb_read_1 (kdb_read_1 int);
insert into kdb_read_1 values (1) returning kdb_read_1;
create table kameleon (kameleon text);
insert into kameleon values ('x');
select kameleon.kameleon, kameleon from kameleon;
create table entities (id int, value int, key text, row int, result int, sql text, r int, e int, t int, x int);
insert into entities values (1, 2, 'k', 4, 5, 's', 7, 8, 9, 10);
update entities set value = key::text || 'z' where id = 1;
update entities set value = 20, key = 'kk', sql = sql || 's' where key = 'k' returning *;
select e.e, r, row, key from entities e;
create table "a.b" ("c.d" int, "e""f" int, "" int);
create table "a.b" ("c.d" int, "e""f" int, " " int, "{}" int, "'" text, "$1" int, "%I" int, "\" int);
insert into "a.b" values (1, 2, 3, 4, 'q''q', 6, 7, 8) returning *;
update "a.b" set "c.d" = 10, "'" = "'" || '!', "$1" = 60, "%I" = 70, "\" = 80 where "{}" = 4 returning "c.d", "e""f", "a.b"." ", "'", "\";
select "a.b"."c.d", "$1" from "a.b";
create table "日本" ("列" int primary key, "🦎" text);
insert into "日本" values (1, '🦎'), (2, '日本') returning "列";
insert into "日本" values (1, 'x');
select '日本', "🦎" from "日本" where "列" = 1;
select "日本"."nope" from "日本";
create table n23456789012345678901234567890123456789012345678901234567890123 (c23456789012345678901234567890123456789012345678901234567890123 int primary key, c23456789012345678901234567890123456789012345678901234567890124 int);
insert into n23456789012345678901234567890123456789012345678901234567890123 values (1, 2);
insert into n23456789012345678901234567890123456789012345678901234567890123 values (1, 2);
select * from n23456789012345678901234567890123456789012345678901234567890123;
create table "select" ("from" int, "where" int, "group" text, "user" text, "order" int, "limit" int, "all" int, "distinct" int);
insert into "select" values (1, 2, 'g', 'u', 3, 4, 5, 6) returning "from", "user";
update "select" set "where" = "from" + "order", "user" = 'v' where "limit" = 4 returning *;
select "select"."from", "user", user = current_user from "select" order by "order";
create table left_join (left_join int, "left" int, natural_ int);
insert into left_join values (1, 2, 3);
select left_join left_join from left_join left_join left join left_join l on true;
select "left" "left" from left_join;

-- Text that is hard to take apart
select*from"select"where"from"=1;
select 1from left_join;
select left_join.left_join::text||'x',-left_join,+1,left_join*2 from left_join;
select "left"is not null,"left"in(2,3),(left_join) from left_join;
select left_join
-- left_join in a comment; with a semicolon
, /* left_join ; /* nested */ */ "left" from
	left_join	where "left"=2;
insert into left_join(left_join,"left")values(5,6),(7,8)returning"left";
update left_join set"left"=9 where left_join=5;
delete from left_join where"left"=9 or"left"=8;
select 'left_join', E'\'left_join', $$ from left_join $$, $q$ left_join $$ $q$, U&'left\005fjoin' from left_join;
select count(*)from left_join,left_join l2;
select left_join.*from left_join;
select (left_join.left_join),((left_join)),(select left_join.left_join) from left_join;
select all left_join from(left_join cross join left_join as l);
select left_join from((left_join l cross join (values(1))v(a)));
select left_join from left_join as"left join";
select "left join".left_join from left_join"left join";
(select left_join from left_join);
((select left_join from left_join)union(select left_join from left_join limit 0))order by 1;
select 5 as left_join union select left_join from left_join order by left_join;
select extract(day from date '2024-01-01') from left_join;
select case left_join when 1 then 'one' else 'other' end case_, (array[left_join, "left"])[1], row(left_join.*), (array_agg(left_join))[1] from left_join group by left_join, "left", natural_;
select left_join::int4::text::varchar(3), cast(left_join as numeric(5,2)), left_join::numeric(5,2), interval '1 day' * left_join from left_join;
select left_join between 0 and 5 and "left" > 0, not left_join = 1, left_join <> all (array[5]), left_join is distinct from "left" from left_join;
select * from left_join where (left_join, "left") in ((1, 2), (3, 4)) and exists (select from left_join l where l.left_join = left_join.left_join);

-- Many columns, many rows, long statements
do $$ begin execute (select 'create table wide (' || string_agg('c' || n || ' int default ' || n, ', ') || ')' from generate_series(1, 300) n); end $$;
insert into wide (c1) values (0);
insert into wide (c300, c150) values (1, null);
select c1, c2, c150, c299, c300 from wide order by c1;
select wide from wide where c1 = 0;
update wide set c7 = c8 + c9, c200 = default, c201 = null where c1 = 0 returning c7, c200, c201;
create table rows (id int primary key, v text);
insert into rows select i, repeat('x', i % 50) from generate_series(1, 5000) i;
select count(*), sum(length(v)), min(id), max(id) from rows;
update rows set v = v || 'y' where id % 2 = 0;
delete from rows where id % 3 = 0;
select count(*), sum(length(v)) from rows;
select id, v from rows where id in (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30) order by id;
insert into rows (id, v) values (10001, 'a'), (10002, 'b'), (10003, 'c'), (10004, 'd'), (10005, 'e'), (10006, 'f'), (10007, 'g'), (10008, 'h'), (10009, 'i'), (10010, 'j'), (10011, 'k'), (10012, 'l') returning id;
insert into rows values (20000, repeat('long ', 200000));
select length(v), md5(v) from rows where id = 20000;
-- Words that PL/pgSQL keeps to itself, and SQL does not
create table words (begin int, by int, declare int default 3, execute text, foreach int, if int, loop int unique, strict int references words (loop), while int generated always as (begin + by) stored, check (begin < 100), primary key (begin, if));
insert into words (begin, by, if, loop, execute) values (1, 2, 3, 4, 'x'), (2, 3, 4, 5, 'y') returning *;
-- copy: 5	6	7	8	4	z
copy words (begin, by, if, loop, strict, execute) from stdin;
insert into words (begin, if, loop) values (1, 3, 4) on conflict (begin, if) do update set by = excluded.loop, execute = 'e' returning *;
update words set loop = loop + 1, foreach = if, strict = null where begin = 5 returning while, loop, foreach;
insert into words (begin, if) values (100, 3);
select * from words order by begin;
