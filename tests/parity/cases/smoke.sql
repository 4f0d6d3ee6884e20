create table t (id int primary key, name varchar(5) not null default 'x', a int[]);
insert into t values (1, 'abc', '{1,null}');
insert into t values (1, 'abc', '{1,null}');
insert into t (id, name) values (2, 'abcdefg');

-- params: 5, 'a''b', null
-- params: 6, '', '{3}'
insert into t values ($1,$2,$3) returning *;

select * from t order by id;
select * fro t;
select t, array_agg(t) over (order by id) from t order by id;

-- batch
select 1; select 2;
select count(*) from t;

-- pipeline
select 1;
select id from t;
-- sync
select x from t;
select 5;

do $$
begin
  raise notice 'x';

  raise warning 'y';
end $$;

-- copy: 10	abc	\N
-- copy: 11	abd	{}
copy t from stdin;
copy t to stdout;
-- session: b user=parity_reader
select * from t;
