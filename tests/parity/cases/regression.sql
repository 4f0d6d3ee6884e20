-- Statements that once went wrong, each with the smallest text that showed it.

create table tight (id int primary key, name text, parent int);

-- keywords that touch what follows
insert into tight values(1,'one',null),(2,'two',1);
insert into tight(id,name)values(3,'three');
insert into tight(id)select 4;
select*from tight order by id;
select'x'from tight;
select(id)from tight where(id)>1 order by(id);
select c.id from tight c join tight p on(c.parent=p.id);
select count(*) from tight join(select*from tight)p using(id);
update tight set(name,parent)=(select'changed',id)where(id)=3;
update tight set name='last'where id=4;
delete from tight where(id)=4returning id;
select*from tight order by id;
