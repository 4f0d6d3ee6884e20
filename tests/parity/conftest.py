"""Pairs of databases for the parity tests: made when needed, used for one case file after another."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.fix_postgres import SUPERUSER, PostgresServer
from tests.fix_proxy import ProxyProcess
from tests.parity.comparison import Pair
from tests.parity.sides import Side

# parity_owner owns the databases and is no superuser; the case files grant things to the other two.
ROLES = """
CREATE ROLE parity_owner LOGIN;
CREATE ROLE parity_reader LOGIN;
CREATE ROLE parity_writer LOGIN;
GRANT parity_reader, parity_writer TO parity_owner;
"""


class PairPool:
    """One pair at a time; a pair that cannot be cleaned is replaced."""

    def __init__(self, make: Callable[[], Pair]) -> None:
        self._make = make
        self._pair: Pair | None = None

    def take(self) -> Pair:
        pair = self._pair or self._make()
        self._pair = None
        return pair

    def give_back(self, pair: Pair) -> None:
        try:
            pair.clean()
        except BaseException:
            pair.close()
            raise
        self._pair = pair

    def close(self) -> None:
        if self._pair:
            self._pair.close()


@pytest.fixture(scope="session")
def parity_roles(postgres: PostgresServer) -> None:
    for statement in ROLES.strip().splitlines():
        postgres.execute(statement)


def pair_maker(
    postgres: PostgresServer, first: str, second: str, address: tuple[str, int] | None = None
) -> Callable[[], Pair]:
    """Makes pairs from two templates; `address` is where the second side's sessions connect."""
    direct = (postgres.host, postgres.port)

    def make() -> Pair:
        names = [postgres.create_database(template, prefix=f"parity_{n}") for n, template in enumerate((first, second))]
        # Names of equal length, so that they cannot shift a position.
        width = max(map(len, names))
        for name in names:
            padded = name.ljust(width, "_")
            if padded != name:
                postgres.execute(f"ALTER DATABASE {name} RENAME TO {padded}")
            postgres.execute(f"ALTER DATABASE {padded} OWNER TO parity_owner")
        plain, shared = (name.ljust(width, "_") for name in names)
        return Pair(
            Side(plain, direct, direct, SUPERUSER), Side(shared, address or direct, direct, SUPERUSER), postgres.version
        )

    return make


@pytest.fixture(scope="session")
def parity_pairs(
    postgres: PostgresServer, proxy: ProxyProcess, kameleon_template: str, parity_roles: None
) -> Iterator[PairPool]:
    pool = PairPool(pair_maker(postgres, "template1", kameleon_template, (proxy.host, proxy.port)))
    yield pool
    pool.close()


@pytest.fixture(scope="session")
def native_pairs(postgres: PostgresServer, parity_roles: None) -> Iterator[PairPool]:
    """Without Kameleon on either side: what differs here is the case files' own fault."""
    pool = PairPool(pair_maker(postgres, "template1", "template1"))
    yield pool
    pool.close()


@pytest.fixture
def pair(parity_pairs: PairPool) -> Iterator[Pair]:
    taken = parity_pairs.take()
    yield taken
    parity_pairs.give_back(taken)


@pytest.fixture
def native_pair(native_pairs: PairPool) -> Iterator[Pair]:
    taken = native_pairs.take()
    yield taken
    native_pairs.give_back(taken)
