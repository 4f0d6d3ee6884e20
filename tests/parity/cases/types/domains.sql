-- settings: default, dmy, german

create domain positive as int check (value > 0);
create domain email as varchar(20) check (value ~ '@') not null;
create domain score as numeric(4,1) default 1.5 constraint sane check (value between 0 and 100) constraint whole check (value * 2 = trunc(value * 2));
create domain deep as positive check (value < 1000);
create domain tags as text[] check (cardinality(value) < 4);
create domain day as date check (value >= '2000-01-01');
create table doms (id int primary key, p positive, e email, s score, d deep, t tags, dy day, ps positive[]);
insert into doms values (1, 1, 'a@b', 99.5, 999, '{a,b}', '2024-01-01', '{1,2}');
insert into doms (id, e) values (2, 'x@y') returning *;
insert into doms values (3, null, 'n@n', null, null, null, null, '{NULL}');
insert into doms values (4, '7', 'e@e', '3.50', '8', '{}', 'infinity', '{}');
select * from doms order by id;
select id, p + 1, e || '!', s * 2, d % 2, t[1], dy + 1, ps[1] from doms order by id;
select id, pg_typeof(p), pg_typeof(e), pg_typeof(s), pg_typeof(t), pg_typeof(ps) from doms where id = 1;
select p::int, e::text, s::float8, 5::positive, '7'::deep from doms where id = 1;
select id from doms where p > 0 and e like '%b' order by id;
select max(p), min(e), sum(s), avg(d) from doms;

insert into doms (id, p, e) values (50, 0, 'a@b');
insert into doms (id, p, e) values (50, 'x', 'a@b');
insert into doms (id, e) values (50, 'nope');
insert into doms (id, e) values (50, null);
insert into doms (id) values (50);
insert into doms (id, e) values (50, 'much.too.long@example.com');
insert into doms (id, e, s) values (50, 'a@b', 100.5);
insert into doms (id, e, s) values (50, 'a@b', 1.3);
insert into doms (id, e, s) values (50, 'a@b', 1000);
insert into doms (id, e, d) values (50, 'a@b', 1000);
insert into doms (id, e, d) values (50, 'a@b', -1);
insert into doms (id, e, t) values (50, 'a@b', '{1,2,3,4}');
insert into doms (id, e, dy) values (50, 'a@b', '1999-12-31');
insert into doms (id, e, ps) values (50, 'a@b', '{1,0}');
update doms set p = -p where id = 1;
update doms set e = null where id = 1;
update doms set e = default where id = 1;
update doms set s = default where id = 1 returning s;
update doms set s = 12.25 where id = 1;
select 0::positive;

-- params: 60, 5, 'q@q', 2.5, 7, '{x}', '2024-01-01', '{3}'
-- params: 61, null, 'q@q', null, null, null, null, null
insert into doms values ($1, $2, $3, $4, $5, $6, $7, $8) returning *;
-- params: 62, -5
insert into doms (id, p, e) values ($1, $2, 'a@b');
-- params: 5
select id from doms where p = $1;

-- A domain with a default: its unique index is what ON CONFLICT looks for, and what a query uses
create domain code as varchar(5) default 'none' check (value <> '');
create domain short_code as code default 'short';
create domain amount as numeric(6, 2) default 1.5;
create table coded (id int primary key, code code unique, short short_code, amount amount, unique (short, amount), note text);
create unique index coded_lower on coded (lower(code), amount);
create unique index coded_some on coded (amount) where short is not null and id > 100;
create unique index coded_few on coded (note, amount) where code is not null and code <> 'none';
insert into coded (id, note) values (1, 'first');
insert into coded (id, code, note) values (2, 'none', 'again') on conflict (code) do update set note = excluded.note || coded.note returning id, code, short, amount, note;
insert into coded (id, code, note) values (3, 'x', 'third') on conflict (short, amount) do update set note = excluded.note returning id, note;
insert into coded (id, code, short, note) values (4, 'NONE', 's', 'fourth') on conflict (lower(code), amount) do update set note = excluded.note returning id, note;
-- params: 5, 'none', 'fifth'
insert into coded (id, code, note) values ($1, $2, $3) on conflict (code) do update set note = $3 where coded.code = $2 returning note;
insert into coded (id, code, short, amount) values (6, 'six', 'six', 7) on conflict on constraint coded_code_key do nothing;
insert into coded (id, code, short, amount) values (7, 'toolong', 'six', 7) on conflict (code) do nothing;
select * from coded where code = 'none';
update coded set code = 'other', amount = default where id = 6 returning id, code, amount;
select * from coded order by id;
insert into coded (id, code, short, amount, note) values (101, 'few', 'few', 9, 'few') on conflict (amount) where short is not null and id > 100 do nothing;
insert into coded (id, code, short, amount, note) values (102, 'some', 'some', 9, 'few') on conflict (amount) where short is not null and id > 100 do update set note = excluded.code || coded.note returning id, note;
insert into coded (id, code, short, amount, note) values (103, 'any', 'any', 9, 'somefew') on conflict (note, amount) where code is not null and code <> 'none' do update set code = excluded.code returning id, code;
insert into coded (id, note) values (104, 'no') on conflict (amount) where short is not null do nothing;
