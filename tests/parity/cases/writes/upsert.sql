create table u (id int primary key, email text unique, a int, b int, n int default 0, note varchar(10), constraint u_pair unique (a, b));
create unique index u_lower on u (lower(note));
create unique index u_part on u (n) where n > 100;
insert into u values (1, 'a@x', 1, 1, 0, 'one'), (2, 'b@x', 1, 2, 0, 'two');
insert into u (id) values (1) on conflict do nothing;
insert into u (id) values (1), (3) on conflict do nothing returning *;
insert into u (id, email) values (1, 'new@x') on conflict (id) do nothing;
insert into u (id, email) values (1, 'a2@x') on conflict (id) do update set email = excluded.email returning *;
insert into u (id, n) values (1, 5), (4, 6) on conflict (id) do update set n = u.n + excluded.n returning id, n;
insert into u (id, email) values (50, 'b@x') on conflict (email) do update set note = 'seen' returning *;
insert into u (id, a, b) values (51, 1, 2) on conflict (a, b) do update set n = u.n + 1 returning *;
insert into u (id, a, b) values (51, 1, 2) on conflict (b, a) do update set n = u.n + 1 returning *;
insert into u (id, a, b) values (52, 1, 2) on conflict on constraint u_pair do update set n = 10, note = excluded.note returning *;
insert into u (id, a, b) values (52, 1, 2) on conflict on constraint u_pair do nothing;
insert into u (id) values (1) on conflict on constraint u_pkey do update set n = -1 returning n;
insert into u (id, note) values (53, 'ONE') on conflict (lower(note)) do update set n = 77 returning *;
insert into u (id, n) values (60, 200) on conflict (n) where n > 100 do nothing returning *;
insert into u (id, n) values (61, 200) on conflict (n) where n > 100 do update set note = 'part' returning *;
insert into u (id, n) values (1, 9) on conflict (id) do update set n = excluded.n where u.n < 0 returning *;
insert into u (id, n) values (1, 10) on conflict (id) do update set n = excluded.n where u.n < 0 returning *;
insert into u as t (id, n) values (1, 11) on conflict (id) do update set n = t.n + excluded.n where t.id = excluded.id returning t.*;
insert into u (id, n, note) values (1, 1, 'x') on conflict (id) do update set (n, note) = (excluded.n, excluded.note) returning *;
insert into u (id, n, note) values (1, 1, 'x') on conflict (id) do update set (n, note) = (select 5, 'sub') returning *;
insert into u (id, n) values (1, 3) on conflict (id) do update set n = default, note = default returning *;
insert into u (id, n) values (1, default) on conflict (id) do update set n = excluded.n + 1 returning *;
insert into u (id) values (70) on conflict (id) do update set n = excluded.n returning *;
insert into u values (1, 'full@x', 5, 5, 5, 'full') on conflict (id) do update set email = excluded.email, a = excluded.a returning *;
insert into u values (71), (1) on conflict (id) do update set n = 42 returning id, n;
insert into u (id, n) select 1, 43 on conflict (id) do update set n = excluded.n returning n;
insert into u (id, n) select id, 44 from u where id < 3 on conflict (id) do update set n = excluded.n returning id, n;
with src as (select 1 as id, 45 as n) insert into u (id, n) select id, n from src on conflict (id) do update set n = excluded.n returning *;
insert into u (id, n) select 1, 46 union all select 72, 47 on conflict (id) do update set n = excluded.n returning id, n;
insert into u (id, n) values (1, 1) on conflict (id) do update set n = (select count(*) from u) returning n;
insert into u (id, note) values (2, 'row') on conflict (id) do update set note = coalesce(excluded.note, u.note) returning u, excluded.note;
insert into u (id, note) values (2, 'row') on conflict (id) do update set note = coalesce(excluded.note, u.note) returning u;
insert into u (id, email) values (2, null) on conflict (id) do update set email = excluded.email returning *;
insert into u default values on conflict do nothing;
select * from u order by id;

-- Errors
insert into u (id, email) values (3, 'a2@x') on conflict (id) do update set email = excluded.email;
insert into u (id, email) values (90, 'b@x'), (2, 'z@z') on conflict (id) do nothing;
insert into u (id) values (1), (1) on conflict (id) do update set n = 1;
insert into u (id, email) values (1, 'full@x') on conflict (email) do nothing;
insert into u (id) values (1) on conflict (a) do nothing;
insert into u (id) values (1) on conflict (nope) do nothing;
insert into u (id) values (1) on conflict on constraint nope do nothing;
insert into u (id) values (1) on conflict on constraint u_lower do nothing;
insert into u (id) values (1) on conflict do update set n = 1;
insert into u (id) values (1) on conflict (id) do update set nope = 1;
insert into u (id) values (1) on conflict (id) do update set n = excluded.nope;
insert into u (id) values (1) on conflict (id) do update set n = 'x';
insert into u (id) values (1) on conflict (id) do update set n = n + 1;
insert into u (id) values (1) on conflict (id) do update set note = 'far too long a note';
insert into u (id) values (1) on conflict (id) do update set n = 1 / 0;
insert into u (id, email) values (1, 'q') on conflict (id) do update set id = null;
insert into u (id) values (null) on conflict (id) do nothing;
insert into u (id, note) values (1, 'far too long a note') on conflict (id) do nothing;

create table short (id int, email text);
insert into short values (1, 'short'), (77, 'shorter');
insert into u select * from short where id = 77 on conflict do nothing returning id, email, n;
insert into u select s.*, 5 from short s on conflict (id) do update set a = excluded.a returning id, email, a;
insert into u table short on conflict (id) do nothing returning id, email;
insert into u table u on conflict do nothing;
create table gen (id int generated always as identity primary key, k text unique, v int, dbl int generated always as (v * 2) stored);
insert into gen (k, v) values ('a', 1) on conflict (k) do update set v = excluded.v returning *;
insert into gen (k, v) values ('a', 5) on conflict (k) do update set v = excluded.v returning *;
insert into gen (k, v) values ('a', 5), ('b', 6) on conflict (k) do update set v = gen.v + excluded.v returning *;
insert into gen (id, k) values (1, 'z') on conflict (k) do nothing;
insert into gen (k, v) values ('a', 5) on conflict (k) do update set dbl = 1;
insert into gen (k, v) values ('a', 7) on conflict (k) do update set v = excluded.dbl returning *;
select k, v, dbl from gen order by k;

-- params: 1, 100
-- params: 200, 201
-- params: 200, 202
insert into u (id, n) values ($1, $2) on conflict (id) do update set n = excluded.n returning id, n;
-- params: 1, 100, 5
insert into u (id, b) values ($1, $2) on conflict (id) do update set b = u.b + $3 where u.id = $1 returning id, b;
-- params: 'k', 1
-- params: 'k', null
insert into gen (k, v) values ($1, $2) on conflict (k) do update set v = excluded.v returning k, v, dbl;

-- Defaults of types whose names by themselves mean a length of 1
create table lengths (id int primary key, c char(4) default 'ab', cc "char" default 'z', b bit(3) default '101', vb varbit(5) default '1101', v varchar(3) default 'abc', ca char(3)[] default '{ab,c}', ba bit(2)[] default '{10}');
insert into lengths (id) values (1) on conflict do nothing;
insert into lengths (id, c) values (1, 'x'), (2, default) on conflict (id) do update set c = excluded.c || 'y', b = default returning *;
update lengths set ca[1] = 'xyz', ca[4] = 'long' where id = 2;
update lengths set ca[1] = 'xyz', ca[4] = 'z', ba[2] = '01' where id = 2 returning *, length(ca[1]), octet_length(c);
select * from lengths order by id;

-- A constraint over columns whose names are quoted
create table odd_keys ("A b" int, "order" int, "c""d" text, constraint "odd key" unique ("A b", "order", "c""d"));
insert into odd_keys values (1, 2, 'x');
insert into odd_keys values (1, 2, 'x');
insert into odd_keys values (1, 2, 'x') on conflict on constraint "odd key" do nothing;
insert into odd_keys values (1, 2, 'x') on conflict on constraint "odd key" do update set "A b" = 5 returning *;
