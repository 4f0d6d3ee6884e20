-- settings: default, dmy, german

create table bits (id int primary key, b bool, y bytea, b1 bit, b4 bit(4), vb bit varying, vb4 varbit(4), u uuid, l pg_lsn);
insert into bits values (1, true, '\xdeadbeef', '1', '1010', '10101', '101', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '16/B374D848');
insert into bits values (2, false, '', '0', '0000', '', '', '00000000-0000-0000-0000-000000000000', '0/0');
insert into bits (id) values (3);
insert into bits (id, b) values (4, 'yes'), (5, 'off'), (6, 't'), (7, '0'), (8, 'TRUE'), (9, 1 = 2);
insert into bits (id, y) values (10, '\x00'), (11, '\x5c'), (12, 'plain text'), (13, E'\\000\\001\\377'), (14, '\\'), (15, E'\\x00ff41');
insert into bits (id, y) select 16, decode(string_agg(lpad(to_hex(n), 2, '0'), '' order by n), 'hex') from generate_series(0, 255) n;
insert into bits (id, y) select 17, repeat('x', 100000)::bytea;
insert into bits (id, b4, vb) values (18, B'0110', B'0110'), (19, X'A', X'AF');
insert into bits (id, b4, vb4) values (20, 5::bit(4), 5::bit(3)), (21, '1111'::bit(4), repeat('1', 4)::varbit);
insert into bits (id, u) values (22, 'A0EEBC999C0B4EF8BB6D6BB9BD380A11'), (23, '{ffffffff-ffff-ffff-ffff-ffffffffffff}');
insert into bits (id, l) values (24, 'FFFFFFFF/FFFFFFFF');
select * from bits where id <> 17 order by id;
select id, y::text, b::text, b4::text, u::text, l::text from bits where id not in (16, 17) order by id;
select id, length(y), md5(y), get_byte(y, 0), substring(y from 2 for 3) from bits where length(y) > 0 order by id;
select id, not b, b and true, b or null, b is not true, b::int from bits where id < 10 order by id;
select id from bits where b order by id;
select id from bits where not b order by id;
select bool_and(b), bool_or(b), every(b), count(*) filter (where b) from bits;
select id, b4 & B'1100', b4 | B'0001', ~b4, b4 << 1, vb || b4, length(vb), b4::int from bits where b4 is not null order by id;
select id from bits where y = '\xdeadbeef' or u = 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11' or l > '0/1' order by id;
select encode(y, 'base64'), encode(y, 'escape'), convert_from(y, 'UTF8') from bits where id = 12;
select id, y, u, l from bits where id <> 17 order by y nulls first, u, l, id;
select min(u::text), max(l), sum(b::int) from bits;
select l - '0/10' from bits where id = 1;

insert into bits (id, b) values (50, 'maybe');
insert into bits (id, b) values (50, 1);
insert into bits (id, y) values (50, '\xzz');
insert into bits (id, y) values (50, '\x123');
insert into bits (id, y) values (50, E'\\400');
insert into bits (id, b4) values (50, '101');
insert into bits (id, b4) values (50, '10102');
insert into bits (id, b4) values (50, B'10101');
insert into bits (id, vb4) values (50, '10101');
insert into bits (id, u) values (50, 'not-a-uuid');
insert into bits (id, l) values (50, '1/2/3');
update bits set b4 = b4 || B'1' where id = 1;
update bits set b1 = '11' where id = 1;

-- params: 60, true, '\x00ff', 1, 1100, 111, 10, 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12', '1/1'
-- params: 61, 'f', '', 0, '0000', '', '', '00000000-0000-0000-0000-000000000001', '0/1'
-- params: 62, null, null, null, null, null, null, null, null
insert into bits values ($1, $2, $3, $4, $5, $6, $7, $8, $9) returning *;
-- params: '\xdeadbeef'
select id from bits where y = $1;
-- params: 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a12'
select id from bits where u = $1;
-- params: true
select count(*) from bits where b = $1;
