-- settings: default, dmy, german

create type address as (street text, number int, since date, "Note" varchar(10));
create type person as (name text, home address, past address[], born timestamptz);
create table people (id int primary key, a address, p person, aa address[]);
insert into people values (1, row('Main', 1, '2024-01-02', 'note'), row('Ann', row('Side', 2, null, ''), array[row('x', 1, null, null)::address, null], '2000-01-01 00:00+00'), '{"(a,1,2024-01-01,)",NULL}');
insert into people values (2, '("quo""te, comma",,,"a b")', '(,,"{}",)', '{}'), (3, null, null, null), (4, row(null, null, null, null), row(null, null, null, null), '{NULL}'), (5, '(,,,)', '(Bob,"(,,,)",,infinity)', null);
insert into people (id, a.street, a.number) values (6, 'split', 9);
select * from people order by id;
select id, a::text, p::text, aa::text from people order by id;
select id, (a).street, (a).number + 1, (a)."Note", (p).home, ((p).home).number, (aa[1]).since, ((p).past)[1] from people order by id;
select id, (a).* from people order by id;
select id, a is null, a is not null, a = row('Main', 1, '2024-01-02', 'note')::address, (a).street is null from people order by id;
select id from people where (a).number = 1;
select id, a from people order by a, id;
select row(id, a), people, (people).id from people order by id;
select row_to_json(people) from people order by id;
select to_jsonb(a), json_build_object('p', p) from people order by id;
select array_agg(a order by id), count(distinct a) from people;
update people set a = row('new', 5, '2024-05-05', null) where id = 3 returning *;
update people set a = null where id = 3 returning id, a is null;

insert into people (id, a) values (50, '(a,b,c,d)');
insert into people (id, a) values (50, '(a,1)');
insert into people (id, a) values (50, row('a', 1));
insert into people (id, a) values (50, row('a', 1, '2024-01-01', 'much too long a note'));
insert into people (id, a) values (50, 5);
insert into people (id, a) values (50, 'nonsense');
select (a).nope from people;
select a.street from people;

-- params: 60, '(s,1,2024-01-02,n)', '(P,"(h,2,,)",,)', '{"(x,1,,)"}'
-- params: 61, null, null, '{}'
insert into people values ($1, $2, $3, $4) returning *;
-- params: '(s,1,2024-01-02,n)'
select id from people where a = $1;
-- params: '(s,1,2024-01-02,n)'
select id from people where a = $1::address;

alter type address rename attribute "Note" to remark;
select id, a, (a).remark from people where id < 3 order by id;
-- One column only: of several PostgreSQL names the one that it finds first.
create type lone as (n int);
create table uses_lone (id int primary key, l lone);
alter type lone alter attribute n type text;
