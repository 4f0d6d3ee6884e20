-- What a shared entity cannot do yet. Each is refused with 0A000 and a hint, and changes nothing; natively it works.

create table t (id int primary key, tags int[], at point);
insert into t values (1, '{1,2}', '(1,2)'), (2, null, null);

-- refused: 0A000
do $$ begin update t set tags = null; end $$;
-- refused: 0A000
do $$ begin perform * from t; end $$;
-- refused: 0A000
do $$ begin insert into t values (9); end $$;

select * from t order by id;
