-- settings: default, dmy, german

create table geo (id int primary key, p point, l line, s lseg, b box, o path, pg polygon, c circle);
insert into geo values (1, '(1,2)', '{1,2,3}', '[(0,0),(1,1)]', '(2,2),(0,0)', '[(0,0),(1,1),(2,0)]', '((0,0),(1,1),(2,0))', '<(1,2),3>');
insert into geo values (2, '(0.1,-0)', '[(0,0),(1,3)]', '(1,1),(0,0)', '(0,0),(2,2)', '((0,0),(1,1),(2,0))', '(0,0),(1,1)', '((1,2),0)'), (3, null, null, null, null, null, null, null);
insert into geo (id, p) values (4, '(Infinity,-Infinity)'), (5, '(NaN,0)'), (6, '(1e300,1e-300)'), (7, point(0.1, 0.2)), (8, '(0.30000000000000004,123456789.123456789)');
select * from geo order by id;
select id, p::text, l::text, s::text, b::text, o::text, pg::text, c::text from geo order by id;
select id, p[0], p + '(1,1)', p <-> '(0,0)', area(b), isopen(o), npoints(pg), radius(c), center(b) from geo where id < 3 order by id;
select id from geo where p <@ box '(3,3),(0,0)' order by id;
select id from geo where p ~= '(1,2)';
select id, b @> point '(1,1)', c @> p, s ?# lseg '[(0,1),(1,0)]', pg ~= polygon '((0,0),(1,1),(2,0))' from geo where id < 3 order by id;
select id from geo where id < 3 order by p <-> point '(5,5)';
insert into geo (id, p) values (50, '(1,2');
insert into geo (id, l) values (50, '{0,0,1}');
insert into geo (id, c) values (50, '<(1,2),-3>');
insert into geo (id, pg) values (50, '()');
insert into geo (id, b) values (50, '1,2,3');
select p from geo order by p;

-- params: 60, '(3,4)', '{1,-1,0}', '[(1,2),(3,4)]', '(1,1),(0,0)', '((1,2),(3,4))', '((1,2),(3,4))', '<(0,0),1>'
insert into geo values ($1, $2, $3, $4, $5, $6, $7, $8) returning *;
-- params: '(3,4)'
select id from geo where p ~= $1;
