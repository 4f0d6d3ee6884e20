"""Alembic: revisions up and down, and autogenerate, which must find nothing to do afterwards."""

from __future__ import annotations

import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlalchemy import create_engine, inspect, pool

from tests.clients.alembic_project.models import metadata
from tests.clients.support import Target

PROJECT = Path(__file__).parent / "alembic_project"


def configuration(target: Target, **attributes: Any) -> Config:
    config = Config(stdout=io.StringIO())
    config.set_main_option("script_location", str(PROJECT))
    config.set_main_option("path_separator", "os")
    config.set_main_option("sqlalchemy.url", target.sqlalchemy_url("postgresql+psycopg"))
    config.attributes.update(attributes)
    return config


def printed(config: Config) -> str:
    assert isinstance(config.stdout, io.StringIO)
    return config.stdout.getvalue()


def tables(target: Target) -> list[str]:
    engine = create_engine(target.sqlalchemy_url("postgresql+psycopg"), poolclass=pool.NullPool)
    return sorted(inspect(engine).get_table_names())


@pytest.mark.parametrize("transaction_per_migration", [False, True], ids=["one-transaction", "one-each"])
def test_up_to_head_and_down_to_base(own_target: Target, transaction_per_migration: bool) -> None:
    target = own_target
    config = configuration(target, transaction_per_migration=transaction_per_migration)
    command.upgrade(config, "head")
    assert tables(target) == ["account", "alembic_version", "purchase"]
    command.current(config)
    assert "0005 (head)" in printed(config)

    with psycopg.connect(target.url) as connection:
        rows = connection.execute("SELECT id, full_name, email, balance, state, profile, code FROM account ORDER BY id")
        assert rows.fetchall() == [
            (1, "Ada", "ada@example.org", Decimal("10.00"), "active", {"news": None}, 17),
            (2, "Bob", "bob@example.org", Decimal("20.00"), "active", {"news": None}, None),
            (3, "Nobody", "nobody@example.org", Decimal("30.00"), "active", {"news": None}, 9000000000),
        ]
        assert connection.execute("SELECT count(*), count(at) FROM purchase").fetchall() == [(3, 3)]
    target.assert_stored("account", 3)
    target.assert_stored("purchase", 3)
    target.assert_stored("alembic_version", 1)
    if target.proxied:
        assert {document["code"] for document in target.documents("account") if "code" in document} == {17, 9000000000}

    command.downgrade(config, "0002")
    assert tables(target) == ["account", "alembic_version", "buys"]
    with psycopg.connect(target.url) as connection:
        rows = connection.execute("SELECT name, code, balance FROM account ORDER BY id")
        assert rows.fetchall() == [("Ada", "17", 0), ("Bob", None, 0), ("Nobody", "9000000000", 0)]
    command.downgrade(config, "base")
    assert tables(target) == ["alembic_version"]
    command.upgrade(config, "+1")
    target.assert_stored("account", 3)


def test_autogenerate_finds_no_difference(own_target: Target) -> None:
    config = configuration(own_target)
    command.upgrade(config, "head")
    command.check(config)
    engine = create_engine(own_target.sqlalchemy_url("postgresql+psycopg"), poolclass=pool.NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []


def test_a_failing_revision_leaves_nothing(own_target: Target) -> None:
    target = own_target
    config = configuration(target)
    command.upgrade(config, "0003")
    # Revision 0005 will make full_name NOT NULL, and this row stays without a name: 0004 cannot help it.
    with psycopg.connect(target.url) as connection:
        connection.execute("INSERT INTO account (full_name, email, code) VALUES ('x', 'x@example.org', 'not a number')")
    with pytest.raises(Exception, match='invalid input syntax for type bigint: "not a number"'):
        command.upgrade(config, "head")
    command.current(config)
    assert "0003" in printed(config)
    with psycopg.connect(target.url) as connection:
        rows = connection.execute("SELECT full_name, profile, code FROM account ORDER BY id").fetchall()
    assert rows == [("Ada", None, "17"), ("Bob", None, None), (None, None, "9000000000"), ("x", None, "not a number")]
    target.assert_stored("account", 4)


def test_autogenerate_drops_nothing_of_any_schema(own_target: Target) -> None:
    command.upgrade(configuration(own_target), "head")
    engine = create_engine(own_target.sqlalchemy_url("postgresql+psycopg"), poolclass=pool.NullPool)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_schemas": True})
        assert compare_metadata(context, metadata) == []
