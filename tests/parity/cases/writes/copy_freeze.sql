-- modes: simple

-- FREEZE of a table that is older than the transaction, and of one that is not
create table fz (a int, b text);
-- copy: 1	x
copy fz from stdin freeze;
begin;
-- copy: 1	x
copy fz from stdin with (format text, freeze);
rollback;
copy fz from stdin with (freeze);
-- copy: 1	y
copy fz from stdin with (freeze off);
begin;
truncate fz;
-- copy: 1	x
copy fz from stdin with (freeze);
commit;
begin;
create table fz2 (a int);
-- copy: 1
copy fz2 from stdin with (freeze);
commit;
-- copy: 1
copy fz2 from stdin with (freeze);
begin;
savepoint s;
truncate fz2;
-- copy: 2
copy fz2 from stdin with (freeze);
commit;
select * from fz2;
drop table fz, fz2;
