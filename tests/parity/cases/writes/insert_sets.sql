-- VALUES with functions that return sets
create table sets (i int primary key, t text default 'd', x numeric(5,1), g int generated always as (i + 1) stored);
create index on sets (t);
insert into sets (i, t) values (generate_series(1, 3), repeat('ab', 2)) returning *;
insert into sets (i, t) values (generate_series(4, 6), default) returning i, t;
insert into sets values (unnest(array[7, 8]), 'u');
insert into sets select generate_series(10, 12), 's' returning *;
insert into sets (i, x) select generate_series(13, 14), generate_series(1, 2);
insert into sets (i, t, x) values (generate_series(15, 17), (jsonb_each_text('{"a":1,"b":2}')).value, 3) returning i, t, x;
insert into sets (i, x) values (generate_series(20, 21), 123456);
insert into sets values (generate_series(20, 22), 'x') on conflict (i) do nothing;
insert into sets values (generate_series(22, 24), 'y') on conflict (i) do update set t = excluded.t returning *;
insert into sets (i) values (generate_series(30, 31)), (32);
with n as (insert into sets (i) values (generate_series(40, 41)) returning i) select sum(i) from n;
-- modes: simple
prepare p(int) as insert into sets (i) values (generate_series($1, $1 + 1)) returning i;
-- modes: simple
execute p(50);
-- modes: simple
execute p(60);
-- ordered
select * from sets order by i;
