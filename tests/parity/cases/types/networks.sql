-- settings: default, dmy, german

create table nets (id int primary key, i inet, c cidr, m macaddr, m8 macaddr8);
insert into nets values (1, '192.168.0.1', '192.168.0.0/24', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05');
insert into nets values (2, '192.168.0.1/24', '10', '08002b-010203', '08-00-2b-01-02-03'), (3, '::1', '2001:db8::/32', '0800.2b01.0203', '08002b:0102030405'), (4, null, null, null, null);
insert into nets values (5, '0.0.0.0/0', '0.0.0.0/0', '00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff:ff:ff'), (6, '2001:db8::ffff:1.2.3.4/64', '::ffff:1.2.3.0/120', 'FF:FF:FF:FF:FF:FF', null), (7, '255.255.255.255/32', '::/0', null, null);
select * from nets order by id;
select id, i::text, c::text, host(i), masklen(i), family(i), network(i), abbrev(c), trunc(m), broadcast(c) from nets order by id;
select id from nets where i << '192.168.0.0/16' order by id;
select id, i + 1, i - '::1', i & '255.255.0.0' from nets where id = 99;
select id, i + 1, c >>= '192.168.0.7' from nets where id in (1, 2) order by id;
select i, c, m from nets order by i nulls first, c, m;
select max(i), min(i) from nets;
insert into nets (id, i) values (50, '300.1.1.1');
insert into nets (id, c) values (50, '192.168.0.1/24');
insert into nets (id, m) values (50, '08:00');
insert into nets (id, m8) values (50, 'zz:00:2b:01:02:03:04:05');
insert into nets (id, i) values (51, '10.0.0.0/8'::cidr) returning *;
insert into nets (id, c) values (52, '10.1.2.3/8'::inet) returning *;

-- params: 60, '10.1.2.3', '10.0.0.0/8', '08:00:2b:01:02:04', '08:00:2b:01:02:03:04:06'
insert into nets values ($1, $2, $3, $4, $5) returning *;
-- params: '10.1.2.3'
select id from nets where i = $1;
-- params: '10.0.0.0/8'
select id from nets where i <<= $1 order by id;
