create table nums (n int primary key, sq int);
insert into nums select i, i * i from generate_series(1, 10) i;
begin;
declare c cursor for select * from nums order by n;
-- ordered
fetch c;
-- ordered
fetch 3 from c;
-- ordered
fetch forward 2 from c;
move 2 in c;
-- ordered
fetch all in c;
close c;
fetch c;
rollback;
begin;
declare s scroll cursor for select n from nums order by n;
-- ordered
fetch last from s;
-- ordered
fetch prior from s;
-- ordered
fetch absolute 3 from s;
-- ordered
fetch relative -1 from s;
-- ordered
fetch backward all from s;
move first in s;
commit;
begin;
declare h binary no scroll cursor with hold for select n, sq from nums where n < 4 order by n;
commit;
-- ordered
fetch 2 from h;
insert into nums values (0, 0);
-- ordered
fetch all from h;
close h;
close nope;
declare outside cursor for select * from nums;

-- The protocol's own cursors
-- fetch: 3, 3, 0
select n from nums order by n;
-- fetch: 100
select n from nums order by n;
begin;
-- fetch: 1, 1
select n, sq from nums order by n;
-- fetch: 1, 1
insert into nums values (100, 1), (101, 2), (102, 3) returning n;
commit;
select count(*) from nums;
do $$
declare
  r record;
  total int := 0;
begin
  for r in select g as n from generate_series(1, 3) g loop
    total := total + r.n;
  end loop;
  raise notice 'total %', total;
end $$;
