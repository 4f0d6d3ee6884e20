"""pgbench's own tables and scripts, as entities."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.clients.conftest import WAYS
from tests.clients.support import Target
from tests.fix_postgres import PostgresServer

CLIENTS, TRANSACTIONS = 2, 50


@pytest.fixture(scope="module", params=WAYS)
def initialized(
    request: pytest.FixtureRequest, postgres: PostgresServer, make_target: Callable[[str], Target]
) -> Target:
    """`pgbench -i` on an empty database: drop, create, generate (COPY), vacuum, primary keys."""
    target = make_target(request.param)
    done = target.run([postgres.programs / "pgbench", "-i", "-s", "1", "--quiet"])
    assert done.returncode == 0, done.stderr
    assert "done in" in done.stderr
    return target


def pgbench(target: Target, *arguments: str | Path) -> int:
    """Run a benchmark; returns how many transactions went through. None may fail."""
    program = target.postgres.programs / "pgbench"
    done = target.run([program, "-n", "-c", str(CLIENTS), "-t", str(TRANSACTIONS), *arguments])
    assert done.returncode == 0, done.stderr
    assert re.search(r"number of failed transactions: 0 ", done.stdout)
    found = re.search(r"number of transactions actually processed: (\d+)/(\d+)", done.stdout)
    assert found, done.stdout
    assert found[1] == found[2]
    return int(found[1])


def balances(target: Target) -> list[tuple[int, ...]]:
    """The four sums that a TPC-B-like run keeps equal."""
    done = target.run(
        [
            target.postgres.programs / "psql",
            "-XAt",
            "-c",
            "SELECT (SELECT sum(abalance) FROM pgbench_accounts), (SELECT sum(tbalance) FROM pgbench_tellers),"
            " (SELECT sum(bbalance) FROM pgbench_branches), coalesce(sum(delta), 0), count(*) FROM pgbench_history",
        ]
    )
    assert done.returncode == 0, done.stderr
    return [tuple(int(value) for value in line.split("|")) for line in done.stdout.splitlines()]


def test_the_tables(initialized: Target) -> None:
    for table, count in (("accounts", 100_000), ("tellers", 10), ("branches", 1)):
        initialized.assert_stored(f"pgbench_{table}", count)


@pytest.mark.parametrize("protocol", ["simple", "extended", "prepared"])
def test_tpcb_like(initialized: Target, protocol: str) -> None:
    [(*_, before)] = balances(initialized)
    assert pgbench(initialized, "-M", protocol) == CLIENTS * TRANSACTIONS
    [(accounts, tellers, branches, history, after)] = balances(initialized)
    assert accounts == tellers == branches == history
    assert after - before == CLIENTS * TRANSACTIONS
    initialized.assert_stored("pgbench_history", after)


@pytest.mark.parametrize("script", ["select-only", "simple-update"])
@pytest.mark.parametrize("protocol", ["simple", "extended", "prepared"])
def test_other_scripts(initialized: Target, protocol: str, script: str) -> None:
    assert pgbench(initialized, "-M", protocol, "-b", script) == CLIENTS * TRANSACTIONS
    initialized.assert_stored("pgbench_accounts", 100_000)


def test_a_script_in_a_pipeline(initialized: Target, tmp_path: Path) -> None:
    script = tmp_path / "pipeline.sql"
    script.write_text(
        """
        \\set aid random(1, 100000)
        \\startpipeline
        BEGIN;
        UPDATE pgbench_accounts SET filler = 'seen' WHERE aid = :aid;
        SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
        INSERT INTO pgbench_history (tid, bid, aid, delta, mtime) VALUES (0, 0, :aid, 0, CURRENT_TIMESTAMP);
        END;
        \\endpipeline
        """
    )
    [(*_, before)] = balances(initialized)
    assert pgbench(initialized, "-M", "extended", "-f", script) == CLIENTS * TRANSACTIONS
    [(*_, after)] = balances(initialized)
    assert after - before == CLIENTS * TRANSACTIONS


def test_foreign_keys_and_server_side_generation(own_target: Target, postgres: PostgresServer) -> None:
    """`-I dtGvpf`: INSERT ... SELECT generate_series() instead of COPY, and foreign keys."""
    done = own_target.run([postgres.programs / "pgbench", "-i", "-s", "1", "-I", "dtGvpf", "--quiet"])
    assert done.returncode == 0, done.stderr
    own_target.assert_stored("pgbench_accounts", 100_000)
    described = own_target.run([postgres.programs / "psql", "-X", "-c", r"\d pgbench_tellers"])
    assert "FOREIGN KEY (bid) REFERENCES pgbench_branches(bid)" in described.stdout
    assert pgbench(own_target) == CLIENTS * TRANSACTIONS
