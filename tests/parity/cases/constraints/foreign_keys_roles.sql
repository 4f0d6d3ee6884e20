-- Who may declare a foreign key, who is told the values, and in whose name it is checked.
create table parent (id int primary key, secret text unique, gone int);
create table child (id int primary key, pid int references parent on delete cascade, s text references parent (secret));
insert into parent values (1, 'a'), (2, 'b');
insert into child values (1, 1, 'b');
grant insert, update, delete on child to parity_writer;
grant delete, update on parent to parity_writer;
grant select on child to parity_reader;
grant insert on child to parity_reader;
-- session: writer user=parity_writer
insert into child values (2, 2, 'b');
insert into child values (3, 3, 'b');
insert into child values (3, 2, 'c');
insert into child values (1, 2, 'b');
delete from parent;
-- session: reader user=parity_reader
insert into child values (4, 2, 'b');
insert into child values (5, 3, 'b');
create table mine (pid int references parent);
-- session: main
grant references on parent to parity_reader;
grant create on schema public to parity_reader;
grant select on parent to parity_reader;
-- session: reader
create table mine (pid int references parent on delete set null);
insert into mine values (1);
insert into mine values (9);
insert into child values (5, 3, 'b');
-- session: main
delete from parent where id = 1 returning *;
select * from mine;
alter table parent drop column gone;
alter table child add column more text;
alter table child drop column more;
-- session: reader
insert into child values (5, 3, 'b');
insert into mine values (9);
-- session: writer
delete from parent;
insert into child values (4, 2, 'b');
-- session: main
revoke select on parent from parity_reader;
revoke select on child from parity_reader;
-- session: reader
insert into child values (5, 3, 'b');
insert into child values (4, 2, 'b');
select * from mine;
drop table mine;
-- session: main
revoke references on parent from parity_reader;
revoke create on schema public from parity_reader;
drop table child, parent;
