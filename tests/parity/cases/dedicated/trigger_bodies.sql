-- Tables that triggers' functions name in their bodies

set client_min_messages = warning;
create table item (id int primary key, name text, price int);
create table item_log (at int generated always as identity, op text, id int, name text);
create schema audit;
create table audit.everything (what text, old_row jsonb, new_row jsonb);
create table totals (name text primary key, n int not null default 0);
create view totals_seen as select name, n from totals;
create table untouched (id int);
insert into item values (1, 'a', 5);
insert into totals values ('item', 1);
insert into totals_seen values ('seen', 0);

create function log_item() returns trigger language plpgsql as $$
begin
    insert into item_log (op, id, name) values (tg_op, coalesce(new.id, old.id), coalesce(new.name, old.name));
    insert into audit.everything select tg_table_name, to_jsonb(old), to_jsonb(new);
    if tg_op = 'INSERT' then update totals set n = n + 1 where name = tg_table_name; end if;
    update totals_seen set n = n + 1 where name = 'seen';
    return null;
end $$;
create trigger logged after insert or update or delete on item for each row execute function log_item();
insert into item values (2, 'b', 6), (3, 'c', 7);
update item set price = price + 1 where id < 3;
delete from item where id = 3 returning *;
select op, id, name from item_log order by at;
select what, old_row ->> 'price' as was, new_row ->> 'price' as "is" from audit.everything order by 2, 3;
table totals order by name;
table totals_seen order by name;

-- Statement triggers with transition tables; another body later
create table sums (total bigint);
insert into sums values (5);
create function sum_up() returns trigger language plpgsql as $$ begin raise notice 'nothing to sum up'; return null; end $$;
create trigger summed after insert on item referencing new table as come for each statement execute function sum_up();
insert into item values (4, 'd', 8);
create or replace function sum_up() returns trigger language plpgsql as $$ begin update sums set total = total + (select sum(price) from come); return null; end $$;
insert into item values (5, 'e', 9), (6, 'f', 10);
table sums;

-- Quoted names, names of other schemas, a table that refers to what is named
create table "Odd Name" (id int);
create table audit."Odd Name" (id int);
create table totals_part (name text references totals);
create function oddly() returns trigger language plpgsql as $$ begin insert into "Odd Name" values (new.id); insert into audit."Odd Name" values (new.id); return new; end $$;
create trigger odd before insert on totals_part for each row execute function oddly();
create or replace function oddly() returns trigger language plpgsql as $$ begin insert into "Odd Name" values (length(new.name)); insert into audit."Odd Name" select count(*) from totals_part; return new; end $$;
insert into totals_part values ('item'), ('seen');
insert into totals_part values ('none');
table "Odd Name";
table audit."Odd Name" order by 1;

-- Triggers of views, and of constraints that come later
create table inner_table (id int primary key, v text);
create table written (id int, v text);
create view outer_view as select id, v from inner_table;
create function instead() returns trigger language plpgsql as $$ begin insert into inner_table values (new.id, new.v); insert into written values (new.id, new.v); return new; end $$;
create trigger instead_of instead of insert on outer_view for each row execute function instead();
insert into outer_view values (1, 'x') returning *;
table inner_table;
table written;
create table checked_late (id int);
create table late_log (id int);
create function late() returns trigger language plpgsql as $$ begin insert into late_log values (new.id); return null; end $$;
create constraint trigger late after insert on checked_late deferrable initially deferred for each row execute function late();
begin;
insert into checked_late values (1);
table late_log;
commit;
table late_log;

-- Event triggers
create table ddl_log (tag text);
create function log_ddl() returns event_trigger language plpgsql as $$ begin insert into ddl_log select tg_tag where not exists (select from untouched where id < 0); end $$;
create event trigger logged_ddl on ddl_command_start when tag in ('CREATE TABLE', 'DROP TABLE') execute function log_ddl();
create table short_lived (id int);
drop table short_lived;
table ddl_log;
begin;
create table short_lived (id int);
rollback;
table ddl_log;
drop event trigger logged_ddl;
create event trigger none on ddl_command_start execute function no_such_function();
create event trigger none on no_such_event execute function log_ddl();
drop schema audit cascade;
