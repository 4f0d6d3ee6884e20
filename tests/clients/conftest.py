"""The targets that clients are pointed at."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.clients.support import OWNER, Target
from tests.fix_postgres import PostgresServer

# A conftest.py of another pytest, run by test_sqlalchemy_suite.py.
collect_ignore = ["sqlalchemy_suite"]


@pytest.fixture(scope="session")
def make_target(request: pytest.FixtureRequest, postgres: PostgresServer) -> Iterator[Callable[[str], Target]]:
    """Makes targets, each with a database of its own: `make_target("proxied")`."""
    postgres.execute(f"CREATE ROLE {OWNER} LOGIN")
    names: list[str] = []

    def make(way: str) -> Target:
        proxied = way == "proxied"
        # Asked for only here: the direct half must run where the proxy cannot.
        template = request.getfixturevalue("kameleon_template") if proxied else "template1"
        server = request.getfixturevalue("proxy") if proxied else postgres
        name = postgres.create_database(template, prefix="clients")
        names.append(name)
        postgres.execute(f'ALTER DATABASE "{name}" OWNER TO {OWNER}')
        return Target(postgres, proxied, server.host, server.port, name)

    yield make
    for name in names:
        postgres.drop_database(name)


WAYS = ["direct", "proxied"]


@pytest.fixture(scope="module", params=WAYS)
def target(request: pytest.FixtureRequest, make_target: Callable[[str], Target]) -> Target:
    """A database for all the tests of a module; each test has tables of its own in it."""
    return make_target(request.param)


@pytest.fixture(params=WAYS)
def own_target(request: pytest.FixtureRequest, make_target: Callable[[str], Target]) -> Target:
    """An empty database for one test."""
    return make_target(request.param)
