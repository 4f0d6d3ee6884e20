-- user: postgres

-- A client's event triggers are called for its own commands, and for no others.
set client_min_messages = notice;
create table trk (a int primary key, b text);
create table trk2 (a int primary key references trk, b text);
create function ev() returns event_trigger language plpgsql as $$
declare r record;
begin
  if tg_event = 'ddl_command_end' then
    for r in select * from pg_event_trigger_ddl_commands() where object_identity not like 'pg_toast%' loop raise notice '% % % %', tg_event, tg_tag, r.object_type, r.object_identity; end loop;
  elsif tg_event = 'sql_drop' then
    for r in select * from pg_event_trigger_dropped_objects() where original loop raise notice '% % % %', tg_event, tg_tag, r.object_type, r.object_identity; end loop;
  elsif tg_event = 'table_rewrite' then raise notice '% % %', tg_event, tg_tag, pg_event_trigger_table_rewrite_oid()::regclass;
  else raise notice '% %', tg_event, tg_tag;
  end if;
end $$;
-- only: 17
create event trigger ev1 on ddl_command_start execute function ev();
-- only: 17
create event trigger ev2 on ddl_command_end execute function ev();
-- only: 17
create event trigger ev3 on sql_drop execute function ev();
-- only: 17
create event trigger ev4 on table_rewrite execute function ev();
create table new1 (id int primary key, x text unique);
insert into new1 values (1, 'x');
alter table new1 add column y int default 5;
alter table new1 alter column y type bigint;
alter table new1 add check (y > 0);
create index on new1 (y);
create view newv as select * from new1;
create materialized view newm as select * from new1;
refresh materialized view newm;
alter table new1 rename y to z;
alter table trk add column c text default 'q' not null;
comment on table trk is 'x';
grant select on trk to public;
drop view newv;
drop materialized view newm;
alter table new1 drop column z;
truncate trk cascade;
alter table trk2 drop constraint trk2_a_fkey;
set client_min_messages = warning;
create trigger tt before insert on new1 for each row execute function suppress_redundant_updates_trigger();
set client_min_messages = notice;
reindex table new1;
cluster trk using trk_pkey;
drop table trk, trk2, new1;
set client_min_messages = warning;
drop event trigger if exists ev1;
drop event trigger if exists ev2;
drop event trigger if exists ev3;
drop event trigger if exists ev4;
drop function ev;
