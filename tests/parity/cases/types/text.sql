-- settings: default, dmy, german

create table texts (id int primary key, t text, v varchar, v5 varchar(5), c char, c5 char(5), n name, q "char");
insert into texts values (1, '', '', '', '', '', '', ''), (2, null, null, null, null, null, null, null);
insert into texts values (3, 'a', 'a', 'a', 'a', 'a', 'a', 'a');
insert into texts values (4, ' padded ', ' padded ', ' p  ', ' ', ' p  ', ' padded ', ' ');
insert into texts values (5, 'grüße 日本 🦎', 'grüße', 'grüße', 'ü', '日本 🦎', 'ünïcode', 'ü');
insert into texts (id, t) values (6, E'tab\tnewline\nreturn\rquote''backslash\\'), (7, '"json" {"a": null}'), (8, 'null'), (9, 'NULL'), (10, '\N');
insert into texts (id, t) values (11, E'\u0001\u001f\u007f\u0080\uffff'), (12, E'e\u0301'), (13, 'é'), (14, '{}'), (15, '()'), (16, '""');
insert into texts (id, t) select 17, repeat('long ', 20000);
insert into texts (id, t) values (18, U&'\0441\043B\043E\043D'), (19, $$dollar 'quoted'$$), (20, $tag$with $$ inside$tag$);
insert into texts (id, v5) values (21, 'abc     '), (22, 'abcde   ');
insert into texts (id, c5) values (23, 'abcde   '), (24, 'ab');
insert into texts (id, n) select 25, repeat('n', 70);
insert into texts (id, q) values (26, 'xyz'), (27, '\101'), (28, 65::"char");
select * from texts where id <> 17 order by id;
select id, length(t), length(v), length(v5), length(c), length(c5), length(n::text), octet_length(c5) from texts order by id;
select id, md5(t) from texts where id = 17;
select id, t || '|', v5 || '|', c5 || '|', c || '|', n || '|', q::text || '|' from texts where id < 6 order by id;
select id, c5 = 'a', c5 = 'a    ', c5::text = 'a', v5 = 'a ', c5 like 'a', c5 like 'a%' from texts where id = 3;
select id from texts where c5 = 'ab   ' order by id;
select id, t = '' , t is null from texts where id in (1, 2, 8, 9) order by id;
select id, upper(t), initcap(v), reverse(v5), left(v, 2), substr(t, 2, 3), position('a' in t), replace(t, 'a', 'b') from texts where id in (3, 4, 5) order by id;
select id from texts where t ~ '^[a-z]$' or t ilike '%JSON%' or t similar to 'nu(ll|me)' order by id;
select t from texts where t > 'a' collate "C" order by t collate "C" desc;
select v, v5, c5 from texts where id < 6 order by v collate "POSIX", c5 desc;
select string_agg(v, ',' order by id) from texts;
select array_agg(c5 order by id), array_agg(v5 order by id) from texts where id < 6;
select encode(t::bytea, 'hex') from texts where id = 11;
select max(t collate "C"), min(v5), max(c5), min(n), max(q::text) from texts where id < 6;

-- Errors
insert into texts (id, v5) values (30, 'abcdef');
insert into texts (id, c5) values (30, 'abcdef');
insert into texts (id, c) values (30, 'ab');
insert into texts (id, v5) values (30, 'grüße!');
update texts set v5 = v5 || 'toolong' where id = 3;
update texts set c5 = 'toolong' where id = 3;
insert into texts (id, t) values (30, E'\000');
insert into texts (id, t) values (30, E'\xff');
insert into texts (id, t) values (30, 5);
insert into texts (id, t) values (31, array[1]);
insert into texts (id, v5) values (30, 123456);
insert into texts (id, v5) values (30, 'abcdef'::text);
insert into texts (id, v5) values (32, 'abcdef'::varchar(5)) returning v5;

-- params: 40, 'x', 'y', 'z', 'c', 'c5', 'n', 'q'
-- params: 41, '', '', '', '', '', '', ''
-- params: 42, null, null, null, null, null, null, null
-- params: 43, 'grüße 日本 🦎', ' a ', 'ab   ', 'c ', 'c5   ', 'n', 'q'
insert into texts values ($1, $2, $3, $4, $5, $6, $7, $8) returning *;
-- params: 44, 'too long'
insert into texts (id, v5) values ($1, $2);
-- params: 44, 'fits     '
insert into texts (id, v5) values ($1, $2) returning v5 || '|';
-- params: 'ab'
select id from texts where c5 = $1 order by id;
-- params: 'a'
select id from texts where v5 = $1 and t = $1 order by id;
-- params: '%a%'
select id from texts where t like $1 order by id;
-- params: 'x', 3
select t || $1, substr(v, $2) from texts where id = 40;
