-- settings: default, dmy, german

create type mood as enum ('sad', 'ok', 'happy', 'Mixed Case', '');
create table moods (id int primary key, m mood not null default 'ok', ms mood[], o mood);
insert into moods values (1, 'happy', '{sad,NULL,"Mixed Case",""}', null), (2, 'sad', '{}', ''), (3, default, null, 'Mixed Case');
insert into moods (id) values (4) returning *;
select * from moods order by id;
select id, m from moods order by m desc, id;
select id, m::text, m > 'ok', ms[1], ms::text, o is null from moods order by id;
select m, count(*) from moods group by m order by m;
select min(m), max(m), array_agg(m order by m, id) from moods;
select id from moods where m in ('sad', 'happy') order by id;
select id from moods where 'sad' = any(ms);
select enum_range(null::mood), enum_first(m) from moods where id = 1;
select m < 'nope' from moods;
insert into moods (id, m) values (50, 'angry');
insert into moods (id, m) values (50, null);
insert into moods (id, ms) values (50, '{sad,angry}');
insert into moods (id, m) values (50, 'sad'::text);
update moods set m = 'happy'::mood where m = 'ok' returning *;
update moods set m = 'SAD' where id = 1;
select m = 'happy'::text from moods;

-- params: 60, 'happy', '{ok,sad}', null
-- params: 61, '', null, 'ok'
insert into moods values ($1, $2, $3, $4) returning *;
-- params: 'happy'
select id from moods where m = $1 order by id;
-- params: '{happy,sad}'
select id from moods where m = any($1) order by id;
-- params: 'angry'
select id from moods where m = $1;

alter type mood add value 'great' after 'ok';
insert into moods values (70, 'great') returning *;
select id, m from moods where m >= 'great' order by m, id;
select id, m, ms from moods order by id;
