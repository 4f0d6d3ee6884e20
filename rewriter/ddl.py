"""DDL that names a shared entity: passed on to the shell as written, with a prelude where it must see rows.

The event triggers keep documents and views in step with what happens to the shell, and where it now has what shared
storage cannot honour (a trigger, a policy, a parent), they move its rows into it for good: the entity is dedicated. A
statement that must see rows (a new constraint, a change of type) gets a prelude: `kameleon.fill_shell` brings the rows
into the shell, the client's own statement runs there natively, and the event trigger drains it back. A form that is not
listed here makes the entity dedicated first (`kameleon.dedicate`): DDL is never half done.

sqlglot gives opaque commands for most of this, so the forms are told apart by their keywords.
"""

from __future__ import annotations

from collections.abc import Sequence

from catalog.model import Entity
from rewriter.errors import NeedsTable, RewriteError
from rewriter.lexer import LITERAL, OPERATOR, PUNCTUATION
from rewriter.maintenance import cluster, reindex
from rewriter.statement import Statement

_HINT = "SET kameleon.default_storage = dedicated before CREATE TABLE makes an ordinary table, which allows this."


def inner_query(statement: Statement) -> tuple[int, int] | None:
    """The query within CREATE TABLE AS, as a token range."""
    if statement.word(0) != "create":
        return None
    token = _object(statement)
    if statement.word(token) != "table":
        return None
    end = len(statement.tokens)
    first = _top_level(statement, token, end, "as")
    if first is None:
        return None
    if statement.word(end - 1) == "data" and statement.word(end - 2) in ("with", "no"):
        end -= 2 if statement.word(end - 2) == "with" else 3
    return first + 1, end


_QUALIFIERS = frozenset(
    (
        "or",
        "replace",
        "global",
        "local",
        "temp",
        "temporary",
        "unlogged",
        "recursive",
        "materialized",
        "unique",
        "foreign",
    )
)
_CREATE_PASSES = frozenset(
    (
        "schema", "table", "index", "view", "trigger", "constraint", "rule", "policy", "statistics", "publication",
        "function", "procedure",
        "sequence", "type", "domain", "role", "user", "group", "extension", "aggregate", "operator", "cast",
        "collation", "conversion", "database", "server", "text", "tablespace", "subscription", "event", "access",
        "language", "transform",
    )
)  # fmt: skip


#: A word of each statement that changes entities without naming one.
NAMING_NO_TABLE = frozenset(("reassign", "reindex", "event"))


def ddl(statement: Statement) -> None:
    """Sets the statement's prelude, lets it pass, or raises RewriteError."""
    verb = statement.word(0)
    if verb == "create":
        _create(statement)
    elif verb == "alter":
        _alter(statement)
    elif verb == "refresh":
        _refresh(statement)
    elif verb == "reindex":
        relation = reindex(statement)
        if relation is not None and not _needs_quoting(relation):
            statement.prelude = _block([f"PERFORM kameleon.revive_indexes(pg_catalog.to_regclass('{relation}'));"])
    elif verb == "cluster":
        clustered = cluster(statement)
        if clustered is not None:
            entity, index = clustered
            statement.prelude = _block([f"PERFORM kameleon.mark_clustered({_shell(entity)}, {_literal(index)});"])
    elif verb == "reassign":
        _reassign(statement)
    elif verb == "repack":
        _refuse_named(statement, "REPACK is not supported on a shared entity")
    _note_entities(statement)


def _reassign(statement: Statement) -> None:
    """REASSIGN OWNED fires no event trigger: the entities are given away before it, each by a command that does."""
    to = _top_level(statement, 3, len(statement.tokens), "to")
    if not statement.words(0, "reassign", "owned", "by") or to is None:
        return
    former = ", ".join(_role(statement, first) for first, _ in statement.items(3, to))
    new = _role(statement, to + 1)
    statement.prelude = _block([f"PERFORM kameleon.reassign_entities(ARRAY[{former}]::pg_catalog.name[], {new});"])


def _role(statement: Statement, token: int) -> str:
    word = statement.word(token)
    if word in ("current_user", "current_role", "session_user"):
        return word
    return _literal(statement.tokens[token].value) if statement.is_name(token) else "NULL"


def _create(statement: Statement) -> None:
    token = _object(statement)
    what = statement.word(token)
    if what == "view":
        if statement.word(token - 1) == "materialized":
            _create_materialized_view(statement)
    elif what == "event":
        _create_event_trigger(statement)
    elif what not in _CREATE_PASSES:
        _dedicate_named(statement, f"CREATE {what.upper()}")


def _create_materialized_view(statement: Statement) -> None:
    """CREATE MATERIALIZED VIEW v AS SELECT ...  ->  the same WITH NO DATA

    A view's definition is the client's own, over the shells; its rows come through its shadow. The event trigger, which
    makes the shadow, fills the view.
    """
    end = len(statement.tokens)
    if statement.words(end - 3, "with", "no", "data"):
        return
    if statement.words(end - 2, "with", "data"):
        statement.replace(end - 2, end, "WITH NO DATA")
    else:
        statement.insert_after(end - 1, " WITH NO DATA")
    statement.prelude = _block(["PERFORM pg_catalog.set_config('kameleon.populate', 'on', true);"])


def _create_event_trigger(statement: Statement) -> None:
    """CREATE EVENT TRIGGER fires no event trigger: the tables that its function names become dedicated before it."""
    for token in range(len(statement.tokens)):
        if statement.word(token) == "execute" and statement.word(token + 1) in ("function", "procedure"):
            chain = statement.chain(token + 2)
            if chain is not None:
                name = ".".join('"{}"'.format(part.replace('"', '""')) for part in statement.parts(chain))
                routine = f"pg_catalog.to_regproc({_literal(name)})"
                statement.prelude = _block([f"PERFORM kameleon.dedicate_for_event_trigger({routine});"])


def _refresh(statement: Statement) -> None:
    """REFRESH MATERIALIZED VIEW runs the query of the view's shadow."""
    token = 4 if statement.word(3) == "concurrently" else 3
    chain = statement.chain(token)
    if chain is None or statement.words(len(statement.tokens) - 3, "with", "no", "data"):
        return
    view = statement.resolver.entity(statement.parts(chain))
    if view is not None and view.kind == "materialized view":
        statement.prelude = _block([f"PERFORM kameleon.read_shadow({view.relid});"])


# --- ALTER ---


def _alter(statement: Statement) -> None:
    token = 2 if statement.word(1) == "foreign" else 1
    if statement.word(token) == "table":
        _alter_table(statement, token + 1)


def _alter_table(statement: Statement, token: int) -> None:
    if statement.words(token, "if", "exists"):
        token += 2
    is_only = statement.word(token) == "only"
    if is_only:
        token += 1
    chain = statement.chain(token)
    if chain is None:
        return
    end = len(statement.tokens)
    entity = statement.resolver.shared_table(statement.parts(chain))
    token = chain.end + (1 if statement.word(chain.end) == "*" else 0)
    actions = statement.items(token, end)
    referenced = _referenced(statement, chain.end, end)
    if entity is None:
        _attach_partition(statement, actions)
        dedicated = statement.resolver.entity(statement.parts(chain))
        if dedicated is not None and any(_validates(statement, first, stop) for first, stop in actions):
            statement.prelude = fill_shell(dedicated, related=True, referenced=referenced)
        elif any(referenced):
            statement.prelude = _fill_referenced(statement.text(chain.first, chain.end), referenced)
        return
    unknown = [action for first, stop in actions if (action := _unknown_action(statement, first, stop)) is not None]
    if unknown:
        statement.prelude = _block([_dedicate(entity, f"ALTER TABLE ... {unknown[0]}")])
        return
    needs_rows = is_only
    for first, stop in actions:
        needs_rows |= _action_needs_rows(statement, entity, first, stop)
    # a table that keeps its own rows has PostgreSQL look at those of both
    needs_rows |= None in referenced
    if needs_rows:
        # foreign keys that are checked anew, as new ones are, look at the rows of both tables
        related = any(_checks_foreign_keys(statement, first, stop) for first, stop in actions)
        statement.prelude = fill_shell(entity, related=related, referenced=referenced)
        return
    types = [name for first, stop in actions if (name := _type_to_look_up(statement, first, stop)) is not None]
    if types:
        statement.prelude = fill_shell(entity, if_domains=types)
    elif any(_drops_column(statement, first) for first, _ in actions):
        statement.prelude = _block([f"PERFORM kameleon.open_shell({_shell(entity)});"])


def _checks_foreign_keys(statement: Statement, first: int, end: int) -> bool:
    """Another type, or another expression of a generated column."""
    return any(
        statement.word(token) == "type" or statement.words(token, "set", "expression") for token in range(first, end)
    )


def _validates(statement: Statement, first: int, end: int) -> bool:
    """Of a table that has its rows, whether foreign keys are checked over it and over those that they tie to it."""
    return (
        statement.word(first) == "validate"
        or statement.words(first, "alter", "constraint")
        or _checks_foreign_keys(statement, first, end)
    )


def _drops_column(statement: Statement, first: int) -> bool:
    """With the guard's column to drop as well, PostgreSQL would word its errors for several objects."""
    return statement.word(first) == "drop" and statement.word(first + 1) != "constraint"


def _attach_partition(statement: Statement, actions: list[tuple[int, int]]) -> None:
    """ALTER TABLE parent ATTACH PARTITION orders: its rows are looked at, and a partition has no guard below it."""
    for first, _ in actions:
        if statement.words(first, "attach", "partition"):
            entity = _entity_at(statement, first + 2)
            if entity is not None:
                statement.prelude = fill_shell(entity)


def _referenced(statement: Statement, first: int, end: int) -> list[Entity | None]:
    """What new foreign keys refer to: shared entities, and None for anything else."""
    return [_entity_at(statement, token + 1) for token in range(first, end) if statement.word(token) == "references"]


def _referenced_option(referenced: Sequence[Entity | None]) -> str:
    oids = ", ".join(str(entity.relid) for entity in referenced if entity is not None)
    return f", referenced => ARRAY[{oids}]::pg_catalog.oid[]"


def _fill_referenced(table: str, referenced: Sequence[Entity | None]) -> str | None:
    """For a table that is not in shared storage and now refers to entities that are."""
    if _needs_quoting(table):
        return None
    fill = f"PERFORM kameleon.fill_shell(pg_catalog.to_regclass('{table}'){_referenced_option(referenced)});"
    return _block([fill])


def fill_shell(
    entity: Entity,
    related: bool = False,
    if_domains: list[str] | None = None,
    referenced: Sequence[Entity | None] = (),
) -> str:
    """The statement that moves the rows into the shell; with `if_domains` only where one of these types is a domain."""
    options = ", related => true" if related else ""
    if any(referenced):
        options += _referenced_option(referenced)
    fill = f"PERFORM kameleon.fill_shell({_shell(entity)}{options});"
    if if_domains is not None and not any(_needs_quoting(name) for name in if_domains):
        oids = ", ".join(f"pg_catalog.to_regtype('{name}')" for name in if_domains)
        known = f"SELECT FROM pg_catalog.pg_type t WHERE t.oid IN ({oids}) AND t.typtype = 'd'"
        # of a type that the client may not look up the statement itself tells it
        fill = (
            f"BEGIN IF NOT EXISTS ({known}) THEN RETURN; END IF;"
            f" EXCEPTION WHEN insufficient_privilege THEN RETURN; END; {fill}"
        )
    return _block([fill])


def _dedicate(entity: Entity, form: str) -> str:
    """`form` is made of keywords, so it needs no quoting."""
    return f"PERFORM kameleon.dedicate({_shell(entity)}, '{form} was used on it');"


def serve_by_tables(entities: list[Entity], error: NeedsTable) -> str:
    """A prelude that makes all of them dedicated, or raises the error where the client may not do that."""
    shells = ", ".join(map(_shell, entities))
    refusal = f"{_literal(error.message)}, {_literal(error.hint or '')}"
    return _block([f"PERFORM kameleon.dedicate_or_refuse(ARRAY[{shells}], {refusal});"])


def _block(statements: list[str]) -> str:
    return f"DO $kameleon$BEGIN {' '.join(statements)} END$kameleon$"


def _literal(name: str) -> str:
    """A string that holds no $, so that it cannot end the block that it stands in."""
    doubled = name.replace("\\", "\\\\").replace("'", "''").replace("$", "\\044")
    return f" E'{doubled}'" if doubled != name else f"'{name}'"


def _shell(entity: Entity) -> str:
    name = '"{}"."{}"'.format(entity.schema.replace('"', '""'), entity.name.replace('"', '""'))
    if _needs_quoting(name):
        name = str(entity.relid)
    return f"'{name}'::regclass"


def _needs_quoting(name: str) -> bool:
    return any(character in name for character in "'\\$")


_ADD_CONSTRAINT = frozenset(("constraint", "check", "unique", "primary", "foreign", "exclude", "not"))


# What the first word of an action may be. Of these, `obstacle` in the catalog sees what shared storage cannot honour.
_ACTIONS = frozenset(
    (
        "add", "alter", "attach", "cluster", "detach", "disable", "drop", "enable", "force", "inherit", "no", "not",
        "of", "owner", "rename", "replica", "reset", "set", "validate",
    )
)  # fmt: skip
_SETS = frozenset(("schema", "(", "without", "logged", "unlogged", "tablespace", "access"))


def _unknown_action(statement: Statement, first: int, end: int) -> str | None:
    """The keywords of an action that is not known here; a later PostgreSQL may have it."""
    word = statement.word(first)
    if word in _ACTIONS and (word != "set" or statement.word(first + 1) in _SETS):
        return None
    words = [statement.word(token).upper() for token in range(first, min(end, first + 2))]
    return " ".join(word for word in words if word.isalpha() and word.isascii())


def _action_needs_rows(statement: Statement, entity: Entity, first: int, end: int) -> bool:
    """Whether one action of ALTER TABLE must see the rows."""
    word, second = statement.word(first), statement.word(first + 1)
    if word == "add":
        if second in _ADD_CONSTRAINT:
            return _add_constraint(statement, first + 1)
        return _add_column(statement, first + 1, end)
    if word == "alter":
        return _alter_column(statement, entity, first + 1, end)
    if word == "validate":
        return not _names_foreign_key(statement, entity, first + 2)
    # DISABLE TRIGGER ALL is not meant for the guard's
    return word in ("enable", "disable") and second != "row"


def _add_constraint(statement: Statement, first: int) -> bool:
    if statement.word(first) == "constraint":
        first += 2
    return statement.word(first) != "foreign"


_SERIAL = frozenset(("serial", "bigserial", "smallserial", "serial2", "serial4", "serial8"))
_COLUMN_CONSTRAINTS = frozenset(("unique", "primary", "check", "generated", "not"))


def _add_column(statement: Statement, first: int, end: int) -> bool:
    if statement.word(first) == "column":
        first += 1
    if statement.words(first, "if", "not", "exists"):
        first += 3
    needs_rows = statement.word(first + 1) in _SERIAL
    is_not_null = has_value = False
    token = first + 1
    while token < end:
        word = statement.word(token)
        if word == "(":
            token = statement.partner(token)
        elif statement.words(token, "not", "null"):
            is_not_null = True
            token += 1
        elif word in _COLUMN_CONSTRAINTS or (word == "default" and not _is_constant(statement, token + 1, end)):
            needs_rows = True
        elif word == "default":
            has_value = "null" not in (statement.word(token + 1), statement.word(token + 2))
        token += 1
    # a constant that all rows have satisfies NOT NULL
    return needs_rows or (is_not_null and not has_value)


_BUILT_IN_TYPES = frozenset(
    "bigint bit bool boolean box bpchar bytea char character cidr circle date dec decimal double float float4"  # noqa: SIM905
    " float8 inet int int2 int4 int8 integer interval json jsonb line lseg macaddr macaddr8 money name national"
    " nchar numeric oid path pg_catalog point polygon real smallint text time timestamp timestamptz timetz tsquery"
    " tsvector uuid varbit varchar xml".split()
)


def _type_to_look_up(statement: Statement, first: int, end: int) -> str | None:
    """The type of a column that is added, where it may be a domain: that may have a computed default, and checks."""
    if statement.word(first) != "add" or statement.word(first + 1) in _ADD_CONSTRAINT:
        return None
    token = first + 1
    if statement.word(token) == "column":
        token += 1
    if statement.words(token, "if", "not", "exists"):
        token += 3
    if statement.word(token + 1) in _BUILT_IN_TYPES:
        return None
    chain = statement.chain(token + 1)
    if chain is None or chain.end > end or statement.word(chain.end) == "[":
        return None
    return statement.text(chain.first, chain.end)


_CONSTANT_WORDS = frozenset(("true", "false", "null"))
_AFTER_DEFAULT = frozenset(
    ("not", "null", "unique", "primary", "check", "references", "constraint", "collate", "generated")
)


def _is_constant(statement: Statement, first: int, end: int) -> bool:
    """Whether DEFAULT is a literal, possibly signed or cast; anything else may be volatile."""
    token = first
    if statement.word(token) in ("-", "+"):
        token += 1
    if token >= end:
        return False
    at = statement.tokens[token]
    if at.kind is not LITERAL and statement.word(token) not in _CONSTANT_WORDS:
        return False
    token += 1
    while token < end and statement.word(token) not in _AFTER_DEFAULT:
        # what may follow is a cast to a type: names, modifiers in parentheses, array brackets
        at = statement.tokens[token]
        if at.kind is OPERATOR or (at.kind is PUNCTUATION and at.value not in ("::", ".", "(", ")", "[", "]", ",")):
            return False
        token += 1
    return True


def _names_foreign_key(statement: Statement, entity: Entity, token: int) -> bool:
    """PostgreSQL checks those between the documents; the shells, empty, are no matter."""
    name = statement.tokens[token].value if statement.is_name(token) else None
    return any(key.name == name for key in entity.foreign_keys)


def _alter_column(statement: Statement, entity: Entity, first: int, end: int) -> bool:
    if statement.word(first) == "constraint":
        return not _names_foreign_key(statement, entity, first + 1)
    if statement.word(first) == "column":
        first += 1
    word, second = statement.word(first + 1), statement.word(first + 2)
    if word in ("set", "drop") and second == "default":
        return False
    return not (word in ("set", "reset") and second in ("statistics", "storage", "compression", "("))


# --- shared ---


def _object(statement: Statement) -> int:
    """The token that says what CREATE makes."""
    token = 1
    while statement.word(token) in _QUALIFIERS:
        token += 1
    return token


def _top_level(statement: Statement, first: int, end: int, word: str) -> int | None:
    token = first
    while token < end:
        at = statement.word(token)
        if at == "(" or at == "[":
            token = statement.partner(token)
        elif at == word:
            return token
        token += 1
    return None


def _entity_at(statement: Statement, token: int) -> Entity | None:
    if statement.word(token) == "only":
        token += 1
    chain = statement.chain(token)
    return statement.resolver.shared_table(statement.parts(chain)) if chain is not None else None


def _refusal(statement: Statement, token: int, message: str) -> RewriteError:
    return statement.refuse(token, message, hint=_HINT)


def _dedicate_named(statement: Statement, form: str) -> None:
    """What a form that is not known names is dedicated before it is used."""
    named = (_possible_entity(statement, token) for token in range(len(statement.tokens)))
    found = {entity.entity_id: entity for entity in named if entity is not None}
    if found:
        form = form if form.replace(" ", "").isalpha() and form.isascii() else "a command"
        statement.prelude = _block([_dedicate(entity, form) for entity in found.values()])


def _refuse_named(statement: Statement, message: str) -> None:
    """Refuses if any name in the statement may mean a shared entity."""
    for token in range(len(statement.tokens)):
        entity = _possible_entity(statement, token)
        if entity is not None:
            raise _refusal(statement, token, f'{message}: "{entity.name}"')


def _possible_entity(statement: Statement, token: int) -> Entity | None:
    for name in _names_at(statement, token):
        entity = statement.resolver.shared_table(name)
        if entity is not None:
            return entity
    return None


def all_names(statement: Statement) -> list[list[str]]:
    """All that may be the name of a relation: public.orders.name may be a column of public.orders."""
    return [name for token in range(len(statement.tokens)) for name in _names_at(statement, token)]


def _names_at(statement: Statement, token: int) -> list[list[str]]:
    if not statement.is_name(token) or statement.word(token - 1) == ".":
        return []
    chain = statement.chain(token)
    if chain is None:
        return []
    parts = statement.parts(chain)
    return [parts[:length] for length in range(1, len(parts) + 1)]


def _note_entities(statement: Statement) -> None:
    for name in all_names(statement):
        entity = statement.resolver.entity(name)
        if entity is not None:
            statement.name(entity.entity_id)
