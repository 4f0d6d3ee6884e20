-- COPY with its rarer options

create table c (id int primary key, name text, n numeric(6,2) default 9, at date);
begin;
create table fresh (id int, v text);
-- copy: 1	frozen
copy fresh from stdin (freeze);
-- copy: 2	too
copy fresh from stdin with freeze;
commit;
select * from fresh order by id;
-- copy: 1,"a",,
-- copy: 2,"",3,2024-01-01
copy c from stdin (format csv, force_not_null (name), force_null (n, at));
-- copy: 3,x,,
copy c from stdin csv force not null name force null n, at;
-- only: 17
-- copy: 4,"",,
copy c from stdin (format csv, force_null *);
-- only: 17
-- copy: 5,,1,2024-01-01
copy c from stdin (format csv, force_not_null *);
-- copy: head
-- copy: 6	header	1	2024-02-02
copy c from stdin (header);
-- copy: id	name	n	at
-- copy: 7	matched	1	2024-02-02
copy c from stdin (header match);
-- copy: id	nome	n	at
-- copy: 8	matched	1	2024-02-02
copy c from stdin (header match);
-- copy: 9~it~1~2024-01-01
copy c from stdin with (delimiter '~', null 'none', encoding 'LATIN1');
-- copy: 10;\N;1;2024-01-01
copy c from stdin delimiter ';' null as 'x';
-- copy: 11,'it''s',1,
copy c from stdin csv quote '''' escape '''';
-- copy: 12,"a\"b",1,
copy c from stdin (format 'csv', quote '"', escape '\');
-- only: 17
-- copy: 13	a	bad	2024-01-01
-- copy: 14	a	1	2024-01-01
copy c from stdin (on_error ignore, log_verbosity verbose);
-- only: 18
-- copy: 15	a	bad	2024-01-01
-- copy: 16	a	bad	2024-01-01
copy c from stdin (on_error ignore, reject_limit 1);
-- only: 17
copy c from stdin (on_error nope);
-- only: 16
-- copy: 17	dflt	DEF	2024-01-01
copy c from stdin (default 'DEF');
-- copy: 18	a	1	2024-01-01
-- copy: 19	b	5	2024-01-01
copy c (id, name, n, at) from stdin where n > 2 and name like 'b%';
-- copy: 20	a	1	2024-01-01
copy c from stdin where c.id > 100;
-- copy: 21	a	1	2024-01-01
copy c from stdin where id in (select 1);
copy c from stdin where nope;
select * from c order by id;

copy c to stdout (format csv, force_quote *, header true);
copy c to stdout (format csv, force_quote (name, at), null 'NIL', delimiter E'\t');
copy c (id, at) to stdout with csv header force quote at;
copy c to stdout (format text, header on, delimiter '|', null '<>');
copy binary c to stdout;
copy c (id, n) to stdout (format binary);
copy c to stdout (encoding 'SQL_ASCII');
copy c to stdout using delimiters ',' with null as '-';
copy c to stdout where id > 1;
copy (select * from c where id < 3 order by id) to stdout csv header force quote *;
copy c to stdout (freeze);
copy c to stdout (header match);
copy c to stdout (format binary, delimiter ',');
copy c to stdout (force_null (name), format csv);
copy c from stdin (format binary, header);
copy c from stdin (force_quote *);
copy c from stdin (format csv, format text);
copy c from stdin (quote 'xx', format csv);
copy c (id, nope, nope2) from stdin;
copy c from stdin (format csv, force_null (nope));
copy c (id) from stdin (format csv, force_null (name));
copy c to program 'true';
copy c from program 'true';
-- copy: no signature
copy c from stdin (format binary);

-- Generated columns
create table g (id int, twice int generated always as (id * 2) stored, "wHere" int);
-- copy: 1	2
copy g from stdin;
-- copy: 2	3
copy g from stdin where twice > 1;
-- copy: 2	3
copy g ("wHere", id) from stdin where id + "wHere" > 4;
copy g to stdout;
copy g ("wHere") to stdout;
select * from g order by id;
