"""System catalogs as tools are shown them."""

from __future__ import annotations

from tests.catalog.fix_catalog import CatalogDatabase, rows

# What documents are made of, in every form: guards, children, views, keys, casts, triggers, an index by a user's name.
TABLES = """
    CREATE TYPE size AS ENUM ('s', 'm');
    CREATE TABLE customers (
        id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name text UNIQUE CHECK (name <> ''), size size DEFAULT 's');
    CREATE TABLE orders (id int PRIMARY KEY, customer_id int REFERENCES customers ON DELETE CASCADE, note text);
    CREATE INDEX by_note ON orders (lower(note));
    CREATE VIEW names AS SELECT name FROM customers;
    CREATE TABLE parts (id int) PARTITION BY RANGE (id);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES FROM (1) TO (10);
"""


def test_conditions_are_cheap_to_plan(catalog: CatalogDatabase) -> None:
    """A tool's query joins a dozen catalogs: a sub-select in each took tens of milliseconds to plan."""
    session = catalog.session()
    with_plans = {}
    for number, name in rows(session, "SELECT number, catalog FROM kameleon.shown_catalogs()"):
        if name.startswith("pg_"):
            plan = "\n".join(line for (line,) in rows(session, f"EXPLAIN SELECT * FROM kameleon.kdb_read_{number}"))
            if "SubPlan" in plan:
                with_plans[name] = plan.count("SubPlan")
    # of its rules; of its relations; of its own making
    assert with_plans.keys() <= {"pg_depend", "pg_locks", "pg_stats_ext"}


def test_what_is_shown_does_not_depend_on_the_search_path(catalog: CatalogDatabase) -> None:
    session = catalog.session("SET client_min_messages = error")
    session.execute(TABLES.encode())
    shown = {}
    for path in ("public", "kameleon, public", "public, kameleon", "''", "pg_catalog, kameleon"):
        session.execute(f"SET search_path = {path}".encode())
        shown[path] = {
            name: sorted(
                line
                for (line,) in rows(session, f"SELECT ROW(v.*)::text FROM kameleon.kdb_read_{number} v")
                if "pg_toast_" not in line  # those of the settings' table are not told from others then
            )
            for number, name in rows(
                session,
                "SELECT s.number, c.relname FROM kameleon.shown_catalogs() s JOIN pg_class c ON c.oid = s.catalog"
                " WHERE c.relname IN ('pg_inherits', 'pg_class', 'pg_type', 'pg_constraint', 'pg_rewrite', 'pg_cast',"
                " 'pg_sequence', 'pg_partitioned_table')",
            )
        }
    for path, found in shown.items():
        for name, lines in found.items():
            assert lines == shown["public"][name], f"{name} with search_path = {path}"
    inherited = rows(session, "SELECT kdb.inhrelid::regclass::text FROM kameleon.kdb_read_0 kdb ORDER BY 1")
    assert inherited == [("public.parts_1",)]


def test_the_tables_of_schema_kameleon_are_not_shown(catalog: CatalogDatabase) -> None:
    """Nor, then, their indexes and constraints; those of a client's table of the same name are."""
    session = catalog.session()
    session.execute("CREATE TABLE settings (id int PRIMARY KEY)")
    views = {
        name: f"kameleon.kdb_read_{number}"
        for number, name in rows(session, "SELECT number, catalog FROM kameleon.shown_catalogs()")
    }
    of_schema = f"SELECT c.relname FROM {views['pg_class']} c WHERE c.relnamespace = 'kameleon'::regnamespace"
    assert rows(session, of_schema + " AND c.relkind IN ('r', 'i')") == []
    assert rows(session, of_schema + " AND c.relname = 'entities'") == [("entities",)]
    indexes = (
        f"SELECT x.indexrelid::regclass::text FROM {views['pg_class']} t JOIN pg_index x ON x.indrelid = t.oid"
        f" JOIN {views['pg_class']} i ON i.oid = x.indexrelid WHERE t.relname = 'settings'"
    )
    assert rows(session, indexes) == [("settings_pkey",)]
    assert rows(session, f"SELECT count(*) FROM {views['pg_constraint']} k WHERE k.conindid >= 16384") == [(1,)]


def test_every_constraint_can_be_printed(catalog: CatalogDatabase) -> None:
    # a view of an extension's may do that, and functions read it past the proxy
    session = catalog.session()
    session.execute(TABLES.encode())
    printed = rows(session, "SELECT DISTINCT left(pg_get_constraintdef(oid), 7) FROM pg_constraint WHERE contype = 'p'")
    assert printed == [("PRIMARY",)]
