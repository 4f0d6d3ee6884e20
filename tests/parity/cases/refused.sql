-- What a shared entity cannot do yet. Each is refused with 0A000 and a hint, and changes nothing; natively it works.

create table t (id int primary key, tags int[], at point);
insert into t values (1, '{1,2}', '(1,2)'), (2, null, null);

-- refused: 0A000
do $$ begin update t set tags = null; end $$;
-- refused: 0A000
do $$ begin perform * from t; end $$;
-- refused: 0A000
do $$ begin insert into t values (9); end $$;

-- Bodies in strings: nobody sees what they say before it runs.
create function counted() returns bigint language sql as 'select count(*) from t';
create function moved() returns void language plpgsql as $$ begin update t set at = null where id = 1; end $$;
create procedure put(i int) language plpgsql as $$ begin execute format('insert into t values (%s)', i); end $$;
-- refused: 0A000
select counted();
-- refused: 0A000
select moved();
-- refused: 0A000
call put(3);


-- ONLY, too.
-- refused: 0A000
do $$ begin perform * from only t; end $$;
-- refused: 0A000
do $$ declare r record; begin for r in select id from only public.t for update loop end loop; end $$;
create function counted_only() returns bigint language sql as 'select count(*) from only t';
create function opened_only() returns refcursor language plpgsql as $$ declare c refcursor; begin open c for select * from only (t); return c; end $$;
-- refused: 0A000
select counted_only();
-- refused: 0A000
select opened_only();
-- refused: 0A000
select * from (select counted_only() as n) as c where n >= 0;

select * from t order by id;
