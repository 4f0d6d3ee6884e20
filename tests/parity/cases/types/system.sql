-- settings: default, dmy, german

create table sys (id int primary key, r regclass, ty regtype, f regproc, fp regprocedure, o regoper, n regnamespace, ro regrole, co regcollation, x xid, x8 xid8, ct cid, t tid, sn pg_snapshot, iv int2vector, ov oidvector);
insert into sys values (1, 'pg_class', 'integer', 'now', 'abs(integer)', '||/', 'pg_catalog', 'postgres', '"C"', '5', '6', '7', '(1,2)', '10:20:10,14,15', '1 2 3', '4 5');
insert into sys (id) values (2);
insert into sys (id, r, ty, n, t) values (3, 1259, 'timestamp with time zone', 'information_schema', '(4294967295,65535)'), (4, 0, 'int[]', '0', '(0,0)');
select * from sys order by id;
select id, r::text, ty::text, f::text, r::oid = 1259, t::text from sys order by id;
insert into sys (id, r) values (50, 'no_such_table');
insert into sys (id, ty) values (50, 'no_such_type');
insert into sys (id, t) values (50, '(x,y)');
select id, r from sys where r = 'pg_catalog.pg_class'::regclass order by id;
-- params: 60, 'pg_type', 'text'
insert into sys (id, r, ty) values ($1, $2, $3) returning id, r, ty;
set search_path = '';
select id, r, ty from public.sys order by id;
reset search_path;

-- Pseudo types and what cannot be a column
create table pseudo (id int, r record);
create table pseudo (id int, r anyelement);
create table pseudo (id int, u unknown);
create table pseudo (id int, x no_such_type);
