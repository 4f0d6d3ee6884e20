-- settings: default, dmy, german

create table words (id int primary key, v tsvector, q tsquery);
insert into words values (1, 'a fat cat', 'fat & (rat | cat)'), (2, '', ''), (3, null, null), (4, 'a:1A fat:2B,4C cat:5D', '!cat <-> dog:AB*');
insert into words values (5, to_tsvector('english', 'The quick brown foxes jumped'), to_tsquery('english', 'jump & fox')), (6, $$'quo''te' 'back\\slash' 'sp ace'$$, $$'sp ace' & 'it''s'$$);
select * from words order by id;
select id, v::text, q::text, length(v), numnode(q), strip(v), v @@ q, ts_rank(v, q) from words order by id;
select id from words where v @@ 'fox'::tsquery;
select id, v || 'extra:9', setweight(v, 'A'), q && 'more', !!q from words where id = 4;
select v from words order by v, id;
insert into words (id, q) values (50, 'a &');
insert into words (id, v) values (50, 'a:x');
-- params: 60, 'some words:3', 'some & words'
insert into words values ($1, $2, $3) returning *;
-- params: 'words'
select id from words where v @@ $1::tsquery order by id;
