create table c (id int primary key, name text, n numeric(6,2) default 9, at date, flag bool, tags text[]);
-- copy: 1	one	1.5	2024-01-01	t	{a,b}
-- copy: 2	\N	\N	\N	\N	\N
-- copy: 3	tab\there\nline\\back	0	infinity	f	{}
copy c from stdin;
-- copy: 4	four
-- copy: 5	
copy c (id, name) from stdin;
-- copy: x6,6
-- copy: "quo""ted, comma",7
-- copy: "",8
-- copy: ,9
copy c (name, id) from stdin with (format csv);
-- copy: id;name;n
-- copy: 10;'q;x';1
-- copy: 11;NULL;2
copy c (id, name, n) from stdin with (format csv, header, delimiter ';', quote '''', null 'NULL');
-- copy: 12|bar|\N
copy c (id, name, n) from stdin delimiter '|';
-- copy: 13,"multi
-- copy: line",1
copy c (id, name, n) from stdin csv;
-- copy: id,name
-- copy: 14,matched
copy c (id, name) from stdin (format csv, header match);
-- copy: 15	x
-- copy: \.
copy c (id, name) from stdin;
-- copy: 16	ü 日本 🦎
-- copy: 17	\u00e9\x41\101
copy public.c (id, name) from stdin with (encoding 'UTF8');
-- copy: 18	forced
copy c (id, name) from stdin (freeze false);
-- copy: 19,
-- copy: 20,""
copy c (id, name) from stdin (format csv, force_null (name));
-- copy: 21,
copy c (id, name) from stdin (format csv, force_not_null (name));
-- copy: 22	yes
-- copy: 23	no
copy c (id, name) from stdin where id < 23;
-- only: 16
-- copy: 24,DEF,
copy c (id, n, name) from stdin (format csv, default 'DEF');
copy c from stdin;
select * from c order by id;

-- Out
copy c to stdout;
copy c (id, name) to stdout;
copy c (name, id) to stdout with (format csv, header);
copy c to stdout csv header quote '''' null 'NULL' force quote name;
copy c to stdout (delimiter '|', null '');
copy public.c (id) to stdout;
copy (select id, upper(name) from c where id < 4 order by id) to stdout;
copy (select * from c order by id desc limit 2) to stdout (format csv, header);
copy (select c.id, d.id from c join c d on c.id = d.id - 1 order by 1) to stdout;
copy (values (1, 'x')) to stdout;
copy (insert into c (id, name) values (50, 'ret') returning id, name) to stdout;
copy (update c set name = 'upd' where id = 50 returning *) to stdout;
copy (delete from c where id = 50 returning id) to stdout;
copy (table c limit 0) to stdout csv header;
copy (with w as (select max(id) from c) select * from w) to stdout;
copy (select id, n from c where id = 1) to stdout (format binary);

-- Errors
-- copy: 1	dup
copy c (id, name) from stdin;
-- copy: 60	ok
-- copy: x	bad
copy c (id, name) from stdin;
-- copy: 60
copy c (id, name) from stdin;
-- copy: 60	a	extra
copy c (id, name) from stdin;
-- copy: 60	99999
copy c (id, n) from stdin;
-- copy: \N	null key
copy c (id, name) from stdin;
-- copy: 60,"open
copy c (id, name) from stdin csv;
-- copy: 60	x
-- copy fail: changed my mind
copy c (id, name) from stdin;
-- copy: id,wrong
-- copy: 60,x
copy c (id, name) from stdin (format csv, header match);
copy c (id, nope) from stdin;
copy c (id, id) from stdin;
copy c (nope) to stdout;
copy nope to stdout;
copy nope from stdin;
copy c to stdout (format nope);
copy c to stdout (delimiter 'xx');
copy c from stdin (nope);
copy (select nope from c) to stdout;
copy c (id) to '/tmp/parity_nowhere';
select count(*) from c where id >= 60;

-- Constraints, identity, generated columns and defaults
create table k (id int generated always as identity, a int not null check (a > 0), b varchar(3) unique, dbl int generated always as (a * 2) stored, d text default 'def');
-- copy: 1	x
-- copy: 2	y
copy k (a, b) from stdin;
-- copy: 0	z
copy k (a, b) from stdin;
-- copy: \N	z
copy k (a, b) from stdin;
-- copy: 5	x
copy k (a, b) from stdin;
-- copy: 5	long!
copy k (a, b) from stdin;
-- copy: 100	5	e	given
copy k from stdin;
-- copy: 5	5
copy k (a, dbl) from stdin;
copy k to stdout;
copy k (dbl) to stdout;
select * from k order by id;

-- In a transaction
begin;
-- copy: 70	in
copy c (id, name) from stdin;
select name from c where id = 70;
-- copy: 70	dup
copy c (id, name) from stdin;
select 1;
rollback;
select count(*) from c where id = 70;
-- only: 17
-- copy: 90	ok
-- copy: bad	skipped
-- copy: 91	ok
copy c (id, name) from stdin (on_error ignore);
-- only: 17
select id, name from c where id >= 90 order by id;
