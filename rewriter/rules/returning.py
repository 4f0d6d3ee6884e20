"""RETURNING over the write view, which has columns that the client must not see: stars are written out."""

from __future__ import annotations

from catalog.model import Entity
from rewriter.parse import Item, Reference, Tree
from rewriter.parts import Relation, Returning
from rewriter.rules.columns import row_of, target_name
from rewriter.rules.joins import joined_columns
from rewriter.rules.system_columns import columns_of
from rewriter.statement import Statement, field_list


def returning(
    statement: Statement,
    tree: Tree,
    entity: Entity,
    target: Relation,
    clause: Returning | None,
    from_clause: tuple[int, int] | None,
    *,
    is_upsert: bool = False,
    target_is_last: bool = False,
) -> None:
    """RETURNING *, (o)  ->  RETURNING o."id", o."name", (ROW(o."id", o."name")::"public"."orders")"""
    if clause is not None:
        _Stars(statement, tree, entity, target, clause, from_clause, target_is_last).write()
    whole_rows(statement, tree, entity, target, clause, is_upsert=is_upsert)


class _Stars:
    def __init__(
        self,
        statement: Statement,
        tree: Tree,
        entity: Entity,
        target: Relation,
        clause: Returning,
        from_clause: tuple[int, int] | None,
        target_is_last: bool,
    ) -> None:
        self.statement = statement
        self.tree = tree
        self.entity = entity
        self.target = target
        self.clause = clause
        self.from_clause = from_clause
        self.target_is_last = target_is_last
        self.columns = [field.name for field in entity.fields]

    def write(self) -> None:
        statement = self.statement
        for first, end in statement.items(self.clause.first, self.clause.end):
            if end == first + 1 and statement.word(first) == "*":
                statement.replace(first, end, self._everything(first))
            else:
                self._star_of(first, end)

    def _everything(self, star: int) -> str:
        own = field_list(self.columns, target_name(self.statement, self.target))
        if self.from_clause is None:
            return own
        others: list[str] | None = None
        if any(self.statement.word(token) in ("using", "natural") for token in range(*self.from_clause)):
            others = joined_columns(self.statement, self._others(star), *self.from_clause)
            if others is None:
                raise self.statement.needs_table(
                    star,
                    "RETURNING * with JOIN ... USING or NATURAL JOIN is not supported"
                    f' on the shared entity "{self.entity.name}"',
                    hint="Name the columns, or join with ON.",
                )
        if others is None:
            others = [columns_of(self.statement, item) for item in self._others(star)]
        return ", ".join([*others, own] if self.target_is_last else [own, *others])

    def _others(self, star: int) -> list[Item]:
        for scope in self.tree.scopes:
            if any(item.relation is self.target for item in scope.items):
                return [item for item in scope.items if item.relation is not self.target]
        raise self.statement.needs_table(star, "RETURNING * is not supported here", hint="Name the columns.")

    def _star_of(self, first: int, end: int) -> None:
        """orders.*, public.orders.*, old.*, new.*"""
        statement = self.statement
        chain = statement.chain(first)
        if chain is None or statement.word(chain.end) != "." or statement.word(chain.end + 1) != "*":
            return
        if chain.end + 2 != end:
            return
        name = statement.tokens[chain.end - 1].value
        if chain.end - chain.first == 1 and name in self._row_names():
            statement.replace(first, end, field_list(self.columns, statement.text(first, first + 1)))
        elif chain.end - chain.first > 1 and self.target.alias is None:
            entity = statement.resolver.shared(statement.parts(chain))
            if entity is not None and entity.entity_id == self.entity.entity_id:
                statement.replace(first, end, field_list(self.columns, target_name(statement, self.target)))
                statement.settled.add(first)

    def _row_names(self) -> set[str]:
        return row_names(self.statement, self.target, self.clause)


def row_names(statement: Statement, target: Relation, clause: Returning | None) -> set[str]:
    """What the clause calls rows of the target: its name, and OLD and NEW or what they were renamed to."""
    names = {statement.tokens[target.alias if target.alias is not None else target.chain.end - 1].value}
    return names | _old_and_new(statement, clause)


def _old_and_new(statement: Statement, clause: Returning | None) -> set[str]:
    if clause is None:
        return set()
    return {
        statement.tokens[clause.old].value if clause.old is not None else "old",
        statement.tokens[clause.new].value if clause.new is not None else "new",
    }


def whole_rows(
    statement: Statement,
    tree: Tree,
    entity: Entity,
    target: Relation,
    clause: Returning | None,
    *,
    is_upsert: bool = False,
) -> None:
    """A row of the target as a value has the type of the shell, not of the write view."""
    for reference in tree.references:
        chain = reference.chain
        if chain.end - chain.first != 1:
            continue
        token = chain.first
        name = statement.tokens[token].value
        if not _means_target(statement, reference, target, clause, name, is_upsert):
            continue
        if not chain.star and entity.field(name) is not None:
            continue  # the column of that name
        if chain.star and _is_item(statement, clause, token):
            continue  # written out above
        is_in_parentheses = not chain.star and statement.word(token - 1) == "(" and statement.words(token + 1, ")", ".")
        if is_in_parentheses and statement.word(token + 3) != "*":
            continue  # (orders).id is the column
        columns = field_list([field.name for field in entity.fields], statement.text(token, token + 1))
        if chain.star and (statement.words(token - 2, "row", "(") or token in tree.listed):
            statement.replace(token, token + 3, columns)
            continue
        is_item = clause is not None and any(
            first == token and end == token + (3 if statement.word(token + 1) == "as" else 1)
            for first, end in statement.items(clause.first, clause.end)
        )
        text = row_of(statement, entity, columns, is_output=is_item)
        if name in _old_and_new(statement, clause) and reference.scope.find(name) is None:
            # a row that there is not, of a DELETE or MERGE say, is NULL, and not one of NULLs
            text = f"CASE WHEN {statement.text(token, token + 1)} IS DISTINCT FROM NULL THEN {text} END"
        if tree.listed.get(token) is False:
            text += " AS " + statement.text(token, token + 1)
        statement.replace(token, token + (3 if chain.star else 1), text)
        named = _end_of_item_it_names(statement, clause, token)
        if named is not None:
            statement.insert_after(named - 1, " AS " + statement.text(token, token + 1))


def _end_of_item_it_names(statement: Statement, clause: Returning | None, row: int) -> int | None:
    """Where an item of RETURNING ends whose column PostgreSQL calls by the row in it: orders, (orders.*)::text."""
    if clause is None:
        return None
    for first, end in statement.items(clause.first, clause.end):
        if first <= row < end:
            return end if _is_called(statement, first, end, row) else None
    return None


def _is_called(statement: Statement, first: int, end: int, row: int) -> bool:
    if statement.words(first, "cast", "(") and statement.partner(first + 1) == end - 1:
        as_ = next((token for token in range(first + 2, end) if statement.word(token) == "as"), end)
        return _is_called(statement, first + 2, as_, row)
    if statement.word(first) == "(":
        after = statement.partner(first) + 1
        if not _is_called(statement, first + 1, after - 1, row):
            return False
    elif first == row:
        after = row + 3 if statement.words(row + 1, ".", "*") else row + 1
    else:
        return False
    while after < end and statement.word(after) in ("::", "collate"):
        chain = statement.chain(after + 1)
        if chain is None:
            return False
        after = chain.end
        while after < end and statement.word(after) in ("(", "["):
            after = statement.partner(after) + 1
    return after == end


def _means_target(
    statement: Statement, reference: Reference, target: Relation, clause: Returning | None, name: str, is_upsert: bool
) -> bool:
    """Whether a lone name stands for a row of the target: by its name, in RETURNING as OLD or NEW, or as EXCLUDED."""
    item = reference.scope.find(name)
    if item is not None:
        return item.relation is target
    if not any(item.relation is target for item in reference.scope.visible()):
        return False
    if clause is not None and reference.chain.first >= clause.first:
        return name in row_names(statement, target, clause)
    return name == "excluded" and is_upsert


def _is_item(statement: Statement, clause: Returning | None, token: int) -> bool:
    return clause is not None and (token, token + 3) in statement.items(clause.first, clause.end)
