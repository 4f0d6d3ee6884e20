-- settings: default, dmy

-- XML only where the server is built with it; elsewhere both sides refuse it alike.

create table xs (id int primary key, x xml);
insert into xs values (1, '<a b="1">text &amp; more</a>'), (2, null), (3, '<?xml version="1.0"?><r/>'), (4, 'just text'), (5, '');
select * from xs order by id;
select id, x::text, x is document from xs order by id;
select xpath('/a/text()', x) from xs where id = 1;
insert into xs values (50, '<a>');
