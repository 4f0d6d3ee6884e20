-- A session for which a backslash in a string is an escape, as it was before PostgreSQL 9.1.

set escape_string_warning = off;
set standard_conforming_strings = off;

create table paths (id int primary key, path text check (path <> 'a\\b'), kind text default 'it\'s');
create index paths_path on paths (path);
create unique index paths_upper on paths (upper(path)) where path <> 'x\\y';
insert into paths values (1, 'c:\\temp'), (2, 'd:\'s');
insert into paths values (3, 'a\\b');
insert into paths values (4, 'C:\\TEMP');
alter table paths add column tail text generated always as (path || '\\') stored;
alter table paths add constraint no_tab check (path !~ '\\t');
alter table paths rename column path to place;
select * from paths order by id;
update paths set place = 'e:\\' where id = 2 returning *;
create view temps as select id, place from paths where place like '%\\\\temp';
select * from temps;
create table kept (id int references paths, note text);
insert into kept values (7, 'no\'thing');
insert into kept values (1, 'some\\thing');
alter table paths alter column kind type varchar(10);
select * from paths join kept using (id);
set standard_conforming_strings = on;
insert into paths values (5, 'a\b');
insert into paths values (6, 'a\\b', 'k\');
select * from paths order by id;
select * from temps;
drop view temps;
drop table kept, paths;
