"""Hypothesis strategies: tables, rows and statements, as SQL text.

What is generated is valid more often than not, but not always: errors must be equal too. Nothing in it depends on the
order in which rows lie on disk, on the clock, or on a random number.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hypothesis import strategies as st

LITERAL = re.compile(r"(?<![\w'])'((?:[^']|'')*)'")
ACTIONS = (
    "",
    " on delete cascade",
    " on delete set null",
    " on delete set default",
    " on update cascade",
    " on delete restrict on update set null",
    " deferrable initially deferred",
)
NAMES = ["a", "b", "c", "d", "Odd", "order", "ü"]


@dataclass(frozen=True)
class Kind:
    """A type: its name, literals of it, and whether `min`, `sum` and `+ 1` make sense for it."""

    name: str
    literals: tuple[str, ...]
    ordered: bool = True
    number: bool = False


KINDS = (
    Kind("int", ("0", "1", "-7", "2147483647", "'12'", "1.5"), number=True),
    Kind("smallint", ("0", "-1", "32767", "40000"), number=True),
    Kind("bigint", ("0", "9007199254740993", "-9223372036854775808", "5"), number=True),
    Kind("numeric", ("0", "1.10", "1.1", "'NaN'", "-123456789012345678901234567890.5", "'Infinity'"), number=True),
    Kind("numeric(6,2)", ("0", "1.005", "-9999.99", "10000", "'NaN'"), number=True),
    Kind("double precision", ("0", "'-0'", "0.1", "1e300", "'NaN'", "'-Infinity'", "1.0 / 3")),
    Kind("real", ("0", "0.1", "16777217", "'Infinity'")),
    Kind("text", ("''", "'a'", "'it''s'", "' sp '", "'NULL'", "'grüße 🦎'", "E'tab\\t\\\\'", "repeat('xy', 40)")),
    Kind("varchar(5)", ("''", "'abc'", "'abcde   '", "'abcdef'")),
    Kind("char(4)", ("''", "'ab'", "'ab  '", "'abcde'")),
    Kind("boolean", ("true", "false", "'yes'", "'maybe'")),
    Kind("date", ("'2024-02-29'", "'infinity'", "'0044-03-15 BC'", "'2024-02-30'")),
    Kind("timestamp(3)", ("'2024-01-02 03:04:05.6789'", "'-infinity'", "'2024-01-01'")),
    Kind("timestamptz", ("'2024-07-01 12:00+00'", "'2024-07-01 12:00 Asia/Tokyo'", "'infinity'", "'0001-01-01 BC'")),
    Kind("time", ("'10:00'", "'24:00'", "'23:59:59.999999'")),
    Kind("interval", ("'1 mon -2 days 03:00'", "'30 days'", "'1 month'", "'-00:00:00.5'", "'P1Y'")),
    Kind("bytea", ("'\\x'", "'\\xdeadbeef'", "'\\x00ff'", "'text'")),
    Kind(
        "jsonb", ("'null'", "'{\"a\": 1}'", "'[1, 2, null]'", "'\"x\"'", '\'{"a": {"b": 1e2}}\'', "'{'"), ordered=False
    ),
    Kind("json", ("'null'", '\'{"b": 1,  "a": 2, "b": 3}\'', "'[]'", "'1.0'"), ordered=False),
    Kind("uuid", ("'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", "'00000000-0000-0000-0000-000000000000'", "'x'")),
    Kind("int[]", ("'{}'", "'{1,NULL,3}'", "array[1,2]", "'[2:3]={5,6}'", "'{a}'")),
    Kind("text[]", ("'{}'", '\'{a,NULL,"NULL",""}\'', "array['x,y', '\"']")),
    Kind("int4range", ("'[1,5)'", "'empty'", "'(,3]'", "'[5,1]'")),
    Kind("inet", ("'10.0.0.1'", "'::1/64'", "'300.0.0.1'")),
    Kind("bit varying", ("B''", "B'101'")),
    Kind("point", ("'(1,2)'", "'(NaN,-0)'"), ordered=False),
)


@dataclass(frozen=True)
class Field:
    name: str
    kind: Kind
    suffix: str  # NOT NULL, DEFAULT and so on

    @property
    def quoted(self) -> str:
        return '"' + self.name + '"'


@dataclass(frozen=True)
class Statement:
    """Its text and, where it has parameters, their values."""

    sql: str
    params: tuple[str, ...] = ()


@dataclass
class Table:
    name: str
    fields: list[Field]
    key: bool
    references: str = ""  # the table that the column "ref" points at

    @property
    def definition(self) -> str:
        columns = ["id int" + (" primary key" if self.key else "")]
        columns += [f"{field.quoted} {field.kind.name}{field.suffix}" for field in self.fields]
        columns += [self.references] if self.references else []
        return f"create table {self.name} ({', '.join(columns)})"

    @property
    def order(self) -> list[str]:
        return ["id", *(field.quoted for field in self.fields if field.kind.ordered)]


def literal(field: Field) -> st.SearchStrategy[str]:
    return st.sampled_from((*field.kind.literals, "null", "default"))


@st.composite
def fields(draw: st.DrawFn) -> Field:
    kind = draw(st.sampled_from(KINDS))
    name = draw(st.sampled_from(NAMES))
    suffixes = ["", "", "", " not null", f" default {kind.literals[0]}"]
    if kind.ordered:
        suffixes += [" unique", f' check ("{name}" <> {kind.literals[1]})']
    if kind.number:
        suffixes += [" generated always as (id * 2) stored", " generated always as (7) stored"]
    return Field(name, kind, draw(st.sampled_from(suffixes)))


@st.composite
def tables(draw: st.DrawFn, name: str) -> Table:
    found = draw(st.lists(fields(), max_size=4, unique_by=lambda field: field.name))
    return Table(name, found, draw(st.booleans()))


@st.composite
def rows(draw: st.DrawFn, chosen: list[Field]) -> str:
    values = [str(draw(st.integers(0, 6))), *(draw(literal(field)) for field in chosen)]
    return f"({', '.join(values)})"


def columns(table: Table) -> st.SearchStrategy[list[Field]]:
    if not table.fields:
        return st.just([])
    return st.lists(st.sampled_from(table.fields), unique=True, max_size=len(table.fields))


RETURNING = st.sampled_from(("", "", " returning *", " returning id", " returning id + 1 as next"))


@st.composite
def inserts(draw: st.DrawFn, table: Table) -> str:
    chosen = draw(columns(table))
    values = ", ".join(draw(st.lists(rows(chosen), min_size=1, max_size=4)))
    listed = ", ".join(["id", *(field.quoted for field in chosen)])
    conflict = ""
    if table.key:
        changes = [f"{field.quoted} = excluded.{field.quoted}" for field in chosen] or ["id = excluded.id"]
        conflict = draw(
            st.sampled_from(
                (
                    "",
                    "",
                    " on conflict do nothing",
                    " on conflict (id) do nothing",
                    f" on conflict (id) do update set {', '.join(changes)}",
                    f" on conflict (id) do update set {changes[0]} where {table.name}.id > 2",
                )
            )
        )
    return f"insert into {table.name} ({listed}) values {values}{conflict}{draw(RETURNING)}"


@st.composite
def copies(draw: st.DrawFn, target: Table, source: Table) -> str:
    """INSERT ... SELECT, from the other table or from itself."""
    same = [field.quoted for field in target.fields if field in source.fields]
    same = draw(st.lists(st.sampled_from(same), unique=True)) if same else []
    into = ", ".join(["id", *same])
    values = ", ".join([f"id + {draw(st.integers(10, 20))}", *same])
    return f"insert into {target.name} ({into}) select {values} from {source.name}{draw(RETURNING)}"


@st.composite
def conditions(draw: st.DrawFn, table: Table, alias: str = "") -> str:
    prefix = alias + "." if alias else ""
    simple = [f"{prefix}id {op} {n}" for op in ("=", "<", ">=", "<>") for n in (1, 3)] + [f"{prefix}id in (1, 2, 5)"]
    for field in table.fields:
        simple += [f"{prefix}{field.quoted} is null", f"{prefix}{field.quoted} is not null"]
        simple += [f"{prefix}id in (select id from {table.name} where {field.quoted} is not null)"]
        if field.kind.ordered:
            simple += [f"{prefix}{field.quoted} {op} {field.kind.literals[0]}" for op in ("=", ">", "is distinct from")]
    return draw(st.sampled_from(simple))


@st.composite
def wheres(draw: st.DrawFn, table: Table, alias: str = "") -> str:
    found = draw(st.lists(conditions(table, alias), max_size=2))
    return " where " + draw(st.sampled_from((" and ", " or "))).join(found) if found else ""


@st.composite
def updates(draw: st.DrawFn, table: Table, other: Table) -> str:
    if not table.fields:
        return f"update {table.name} set id = id where id = {draw(st.integers(0, 6))}"
    chosen = draw(st.lists(st.sampled_from(table.fields), unique=True, min_size=1, max_size=2))
    values = [draw(literal(field)) for field in chosen]
    if len(chosen) > 1 and draw(st.booleans()):
        changes = f"({', '.join(field.quoted for field in chosen)}) = ({', '.join(values)})"
    else:
        changes = ", ".join(f"{field.quoted} = {value}" for field, value in zip(chosen, values, strict=True))
    match draw(st.integers(0, 3)):
        case 0 | 1:
            return f"update {table.name} set {changes}{draw(wheres(table))}{draw(RETURNING)}"
        case 2:
            name = chosen[0].quoted
            value = f"(select max({name}) from {table.name})" if chosen[0].kind.ordered else name
            return f"update {table.name} as x set {name} = case when x.id > 2 then {value} else {values[0]} end"
    source = f"from {other.name} o where o.id = {table.name}.id"
    return f"update {table.name} set {changes} {source} returning {table.name}.*"


@st.composite
def deletes(draw: st.DrawFn, table: Table, other: Table) -> str:
    using = draw(st.sampled_from(("", f" using {other.name} o where o.id = {table.name}.id returning {table.name}.*")))
    if using:
        return f"delete from {table.name}{using}"
    return f"delete from {table.name}{draw(wheres(table))}{draw(RETURNING)}"


@st.composite
def expressions(draw: st.DrawFn, table: Table, alias: str) -> str:
    prefix = alias + "."
    found = [f"{prefix}*", f"{prefix}id", f"{prefix}id + 1 as sum", f"{alias}", f"row_to_json({alias})", "1.5 as n"]
    for field in table.fields:
        column = prefix + field.quoted
        found += [column, f"{column}::text", f"{column} is null as missing", f"coalesce({column}, {column})"]
        if field.kind.number:
            found += [f"{column} * 2", f"-{column}"]
    return draw(st.sampled_from(found))


@st.composite
def selects(draw: st.DrawFn, table: Table, other: Table) -> str:
    alias = draw(st.sampled_from((table.name, "x", '"Al ias"')))
    shown = "" if alias == table.name else f" {alias}"
    listed = ", ".join(draw(st.lists(expressions(table, alias), min_size=1, max_size=3)))
    where = draw(wheres(table, alias))
    match draw(st.integers(0, 10)):
        case 0:
            order = ", ".join(f"{alias}.{name}" for name in table.order)
            return f"select {listed} from {table.name}{shown}{where} order by {order} limit 3"
        case 1:
            aggregates = f"count(*), min({alias}.id), array_agg({alias}.id order by {alias}.id)"
            return f"select {aggregates} from {table.name}{shown}{where}"
        case 2:
            ordered_fields = [field for field in table.fields if field.kind.ordered]
            if ordered_fields:
                column = f"{alias}.{draw(st.sampled_from(ordered_fields)).quoted}"
                return f"select {column}, count(*) from {table.name}{shown}{where} group by {column}"
            return f"table {table.name}"
        case 3:
            join = draw(st.sampled_from(("join", "left join", "right join", "full join")))
            return f"select {listed}, o.* from {table.name}{shown} {join} {other.name} o on o.id = {alias}.id{where}"
        case 4:
            exists = f"exists (select 1 from {other.name} where id = {alias}.id)"
            return f"select {listed} from {table.name}{shown} where {exists}"
        case 5:
            return f"with w as (select * from {table.name}{shown}{where}) select w.*, w from w"
        case 6:
            both = draw(st.sampled_from(("union", "union all", "intersect", "except")))
            return f"select id from {table.name} {both} select id from {other.name}"
        case 7:
            partition = f"{alias}.{draw(st.sampled_from(table.order))}"
            window = f"count(*) over (partition by {partition}), max({alias}.id) over (order by {partition})"
            return f"select {listed}, {window} from {table.name}{shown}{where}"
        case 8:
            lateral = f"lateral (select count(*) as n from {other.name} o where o.id >= {alias}.id) l"
            return f"select {listed}, l.n from {table.name}{shown}, {lateral}{where}"
        case 9:
            return f"select distinct {alias}.{draw(st.sampled_from(table.order))} from {table.name}{shown}{where}"
    return f"select {listed} from {table.name}{shown}{where}"


@st.composite
def merges(draw: st.DrawFn, table: Table, other: Table) -> str:
    # Of several rows that violate something, the plan decides which is told: only one row can be inserted.
    source = draw(st.sampled_from((f"(select max(id) as id from {other.name}) s", "(values (1), (2)) s (id)")))
    change = f"{table.fields[0].quoted} = {draw(literal(table.fields[0]))}" if table.fields else "id = t.id"
    found = draw(
        st.lists(
            st.sampled_from(
                (
                    f"when matched then update set {change}",
                    f"when matched and t.id > 2 then update set {change}",
                    "when matched and t.id = 3 then do nothing",
                    "when matched and s.id < 2 then delete",
                    "when not matched then insert (id) values (s.id + 20)",
                    "when not matched and s.id > 4 then do nothing",
                )
            ),
            min_size=1,
            max_size=3,
        )
    )
    return f"merge into {table.name} t using {source} on t.id = s.id {' '.join(found)}"


@st.composite
def with_changes(draw: st.DrawFn, table: Table, other: Table) -> str:
    """Statements inside WITH that change rows, and what they return."""
    change = draw(
        st.sampled_from(
            (
                f"delete from {table.name} where id > {draw(st.integers(0, 6))} returning *",
                f"update {table.name} set id = id where id < {draw(st.integers(0, 6))} returning *, id + 1 as next",
                f"insert into {table.name} (id) select id + 30 from {other.name} returning id",
            )
        )
    )
    use = draw(
        st.sampled_from(
            (
                "select * from w order by id",
                "select count(*), sum(id) from w",
                f"select w.id, o.id from w full join {other.name} o on o.id = w.id",
                f"insert into {other.name} (id) select id + 40 from w returning id",
                f"delete from {other.name} using w where {other.name}.id = w.id returning w.id",
            )
        )
    )
    return f"with w as ({change}) {use}"


@st.composite
def copies_of_tables(draw: st.DrawFn, table: Table, other: Table) -> str:
    return draw(
        st.sampled_from(
            (
                f"create table three as select * from {table.name}",
                f"create table three as select id, count(*) as n from {table.name} group by id with no data",
                f"select t.id, o.id as other into three from {table.name} t left join {other.name} o using (id)",
                f"create table three (like {table.name} including all)",
                f"insert into three select * from {table.name}",
                "select * from three",
                "drop table three",
                f"select id from {table.name} order by id, {table.name}::text for update",
                f"select t.id from {table.name} t join {other.name} o using (id) for share of t",
                f"lock table {table.name} in share row exclusive mode",
                f"delete from {table.name} where ctid in (select ctid from {table.name} where id = 3)",
                f"select tableoid::regclass, id from {table.name} order by id",
                f"declare c cursor for select id from {table.name} order by id",
                "fetch 2 from c",
                "fetch all from c",
            )
        )
    )


@st.composite
def views(draw: st.DrawFn, table: Table, other: Table) -> str:
    """Views over the tables, over each other, and what is done through them."""
    listed = ", ".join(["id", *(field.quoted for field in draw(columns(table)))])
    where = draw(wheres(table))
    option = draw(st.sampled_from(("", "", " with check option", " with local check option")))
    return draw(
        st.sampled_from(
            (
                f"create view v as select {listed} from {table.name}{where}{option}",
                f"create or replace view v as select {listed} from {table.name}{where}",
                f"create view v as select t.*, o.id as other from {table.name} t left join {other.name} o using (id)",
                f"create view v (number) with (security_invoker) as select id from {table.name}",
                "create view w as select id, count(*) as n from v group by id",
                "create view w as select * from v where id > 1 with cascaded check option",
                f"create materialized view m as select id from {table.name}{where} with no data",
                f"create materialized view m as select {listed} from {table.name} order by id",
                "refresh materialized view m",
                "select * from m",
                "select * from v",
                "select * from w",
                f"select v.*, t.id from v join {table.name} t using (id)",
                f"insert into v (id) values ({draw(st.integers(0, 9))}) returning *",
                f"update v set id = id + 50 where id = {draw(st.integers(0, 6))} returning *",
                f"delete from v where id = {draw(st.integers(0, 6))} returning id",
                f"update w set id = {draw(st.integers(0, 6))} where id = {draw(st.integers(0, 6))}",
                "select pg_get_viewdef('v'::regclass)",
                "drop view v",
                "drop view if exists v cascade",
                f"drop table {table.name}",
                f"drop table {other.name} cascade",
                "alter view v rename to w",
                f"alter table {table.name} rename column id to id2",
                f"alter table {table.name} rename column id2 to id",
            )
        )
    )


@st.composite
def changes_of_shape(draw: st.DrawFn, table: Table, other: Table) -> str:
    field = draw(fields())
    key = draw(st.sampled_from((f"{other.name} (id)", other.name)))
    retyped = draw(st.sampled_from(("bigint", "text", "numeric", "int using id + 1")))
    on_id = (
        f"alter table {table.name} add primary key (id)",
        f"alter table {table.name} add constraint positive check (id > {draw(st.integers(-1, 3))})",
        f"alter table {table.name} add constraint positive check (id > {draw(st.integers(-1, 3))}) not valid",
        f"alter table {table.name} validate constraint positive",
        f"alter table {table.name} drop constraint positive",
        f"alter table {table.name} add constraint fk foreign key (id) references {key}",
        f"alter table {table.name} drop constraint fk",
        f"alter table {table.name} alter column id type {retyped}",
        f"alter table {table.name} rename to moved",
        f"alter table moved rename to {table.name}",
        f"create unique index on {table.name} (id) where id > 2",
        f"truncate {table.name} cascade",
        f"alter table {table.name} add column serial serial",
        f"alter table {table.name} drop column serial",
    )
    if draw(st.booleans()):
        return draw(st.sampled_from(on_id))
    adds = f"alter table {table.name} add column {field.quoted} {field.kind.name}{field.suffix.replace(' unique', '')}"
    if not table.fields:
        return adds
    old = draw(st.sampled_from(table.fields))
    as_new = f"{field.kind.name} using {old.quoted}::text::{field.kind.name}"
    return draw(
        st.sampled_from(
            (
                adds,
                f"alter table {table.name} drop column {old.quoted}",
                f"alter table {table.name} rename column {old.quoted} to {field.quoted}",
                f"alter table {table.name} alter column {old.quoted} set default {old.kind.literals[-1]}",
                f"alter table {table.name} alter column {old.quoted} drop default",
                f"alter table {table.name} alter column {old.quoted} set not null",
                f"alter table {table.name} alter column {old.quoted} type text",
                f"alter table {table.name} alter column {old.quoted} type {as_new}",
                f"alter table {table.name} add unique ({old.quoted})",
                f"create index on {table.name} (id, {old.quoted})",
                f"truncate {table.name}",
            )
        )
    )


@st.composite
def parametrised(draw: st.DrawFn, sql: str) -> Statement:
    """Some of its quoted literals as parameters."""
    found = list(LITERAL.finditer(sql))
    if not found or not draw(st.booleans()):
        return Statement(sql)
    taken = draw(st.lists(st.sampled_from(range(len(found))), unique=True, min_size=1, max_size=4))
    pieces, at = [], 0
    for number, index in enumerate(sorted(taken), 1):
        pieces += [sql[at : found[index].start()], f"${number}"]
        at = found[index].end()
    values = tuple(found[index][1].replace("''", "'") for index in sorted(taken))
    return Statement("".join([*pieces, sql[at:]]), values)


@st.composite
def scripts(draw: st.DrawFn, size: int = 8, least: int = 1) -> list[Statement]:
    """Two tables and what happens to them."""
    one, two = draw(tables("one")), draw(tables("two"))
    if one.key and draw(st.booleans()):
        two.references = f"ref int default 1 references one{draw(st.sampled_from(ACTIONS))}"
    beginning = [one.definition, two.definition, draw(inserts(one)), draw(inserts(two))]
    script = [Statement(sql) for sql in beginning]
    for _ in range(draw(st.integers(least, size))):
        table, other = draw(st.sampled_from(((one, two), (two, one))))
        with_values = st.one_of(
            selects(table, other),
            selects(table, other),
            inserts(table),
            copies(table, draw(st.sampled_from((table, other)))),
            updates(table, other),
            deletes(table, other),
            merges(table, other),
            with_changes(table, other),
        ).flatmap(parametrised)
        others = st.one_of(
            changes_of_shape(table, other),
            copies_of_tables(table, other),
            views(table, other),
            st.sampled_from(("begin", "rollback", "commit", "savepoint s", "rollback to s")),
        ).map(Statement)
        script.append(draw(st.one_of(with_values, with_values, others, others)))
    return [*script, Statement("rollback"), Statement("table one"), Statement("table two")]
