"""sqlsmith's random statements: through the proxy they answer, or fail, as they do directly."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.clients.support import Target, required_program
from tests.fix_proxy import ProxyProcess

TABLES = (Path(__file__).parent / "sqlsmith" / "tables.sql").read_text()

# What has no single right answer is taken out: which rows a LIMIT or a sample takes, which value is the third, and
# whether a statement that failed had drawn from a sequence before.
LIMIT = re.compile(r"\blimit \d+\b(?! offset)")
ONE_OF = re.compile(r"(?<=\(select )(\w+ from [\w.]+)(?= limit 1 offset \d+\))")
SAMPLE = re.compile(r"(?<=tablesample )(system|bernoulli) \([\d.e-]+\)")
LASTVAL = re.compile(r"pg_catalog\.lastval\(\)")

# What evaluating an expression raises: whether it is evaluated at all depends on the plan, for instance on whether
# the planner knows that a column IS NOT NULL, or on which side of a join a condition comes. (55000: functions that want
# another state of the server.) Any other error is equal or a difference.
PLANS_DIFFER = ("22", "42501", "55000")
#: What has PostgreSQL plan a statement otherwise, so that it meets the rows in another order.
OTHER_PLANS = (
    ("enable_hashjoin",),
    ("enable_nestloop",),
    ("enable_hashjoin", "enable_nestloop"),
    ("enable_hashjoin", "enable_mergejoin"),
    ("enable_seqscan",),
    ("enable_indexscan", "enable_indexonlyscan", "enable_bitmapscan"),
)
#: Moves some rows to the end of their tables.
OTHER_ORDER = """
UPDATE people SET id = id WHERE id % 3 = 0; UPDATE orders SET id = id WHERE id % 3 <> 1;
UPDATE lines SET number = number WHERE number % 3 <> 2; UPDATE files SET size = size WHERE size < 50;
"""
MAY_DIFFER = 0.005  # of all statements


@pytest.fixture
def tables(make_target: Callable[[str], Target]) -> Callable[[str], Target]:
    def make(way: str) -> Target:
        target = make_target(way)
        with psycopg.connect(target.url) as connection:
            connection.execute(TABLES)
        return target

    return make


class Runner:
    """Runs statements in a database, each in a transaction that is rolled back."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._connection: psycopg.Connection[Any] | None = None

    def run(self, statement: str, without: tuple[str, ...] = ()) -> tuple[Any, ...]:
        """The command tag, columns and rows in any order; or the error. `without`: settings of the planner."""
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(self._target.url, options="-c statement_timeout=5s")
        try:
            for setting in without:
                self._connection.execute(f"SET LOCAL {setting} = off".encode())
            cursor = self._connection.execute(statement.encode())
            if cursor.description is None:
                return cursor.statusmessage, None, None
            own = 16384  # the first OID that is not the same everywhere
            columns = [(column.name, min(column.type_code, own)) for column in cursor.description]
            return cursor.statusmessage, columns, sorted(map(repr, cursor))
        except psycopg.Error as error:
            told = error.diag
            return "error", told.sqlstate or str(error), told.message_primary, told.message_detail
        finally:
            self._connection.rollback()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def drawing_lots(target: Target) -> re.Pattern[str]:
    """Calls of volatile functions, as sqlsmith writes them."""
    with psycopg.connect(target.url) as connection:
        names = connection.execute(
            "SELECT DISTINCT proname FROM pg_proc WHERE provolatile = 'v' AND pronamespace = 'pg_catalog'::regnamespace"
        )
        return re.compile(rf"\bpg_catalog\.(?:{'|'.join(re.escape(name) for (name,) in names)})\(")


def gist(outcome: tuple[Any, ...]) -> tuple[Any, ...]:
    """An outcome less its values."""
    return outcome[:3] if outcome[0] == "error" else ()


def sqlsmith(target: Target, *arguments: str) -> subprocess.CompletedProcess[str]:
    where = f"host={target.host} port={target.port} user={target.user} dbname={target.dbname}"
    done = target.run([required_program("sqlsmith"), f"--target={where}", "--exclude-catalog", *arguments])
    assert done.returncode == 0, done.stderr[-2000:]
    return done


@pytest.mark.parametrize(
    ("seed", "count"), [(1, 300), *(pytest.param(seed, 2500, marks=pytest.mark.slow) for seed in range(2, 6))]
)
def test_random_statements(
    tables: Callable[[str], Target], seed: int, count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    # Two databases directly: what differs between them (names, process IDs, the text of the statement) is no answer.
    targets = [tables(way) for way in ("direct", "direct", "proxied")]
    made = sqlsmith(targets[0], "--dry-run", f"--max-queries={count}", f"--seed={seed}").stdout
    made = ONE_OF.sub(r"\1 order by 1", LASTVAL.sub("1::int8", LIMIT.sub("", SAMPLE.sub(r"\1 (100)", made))))
    assert made.count(" limit 1 offset ") == made.count(" order by 1 limit 1 offset ")
    statements = [text.strip() for text in made.split(";\n") if text.strip()]
    assert len(statements) >= count
    with psycopg.connect(targets[1].url) as connection:
        connection.execute(OTHER_ORDER)
    runners = [Runner(target) for target in targets]
    lots = drawing_lots(targets[0])
    outcomes: Counter[str] = Counter()
    planned_otherwise, different = [], []
    for statement in statements:
        direct, again, proxied = (
            runner.run(text) for runner, text in zip(runners, (statement, f"/**/{statement}", statement), strict=True)
        )
        outcomes[direct[1] if direct[0] == "error" else "answered"] += 1
        story = f"{statement}\n-- direct {direct}\n-- proxied {proxied}"
        if proxied in (direct, again):
            continue
        natively = [direct, again]
        if direct == again and not lots.search(statement):
            natively += (runner.run(statement, without) for runner in runners[:2] for without in OTHER_PLANS)
        varies = lots.search(statement) or any(outcome != direct for outcome in natively)
        if varies and gist(proxied) in map(gist, natively):
            continue  # the time of day, process IDs, random numbers, which row is the third
        if all(outcome[0] != "error" or outcome[1].startswith(PLANS_DIFFER) for outcome in (direct, proxied)) and (
            "error" in (direct[0], proxied[0])
        ):
            planned_otherwise.append(story)
        else:
            different.append(story)
    for runner in runners:
        runner.close()
    with capsys.disabled():
        print(f"\nsqlsmith {seed}: {dict(outcomes)}, other plans {len(planned_otherwise)}")
    assert outcomes["answered"] > count / 4
    assert different == [], "\n\n".join(different[:10])
    assert len(planned_otherwise) <= max(2, MAY_DIFFER * count), "\n\n".join(planned_otherwise)


@pytest.mark.slow
def test_sqlsmith_itself(tables: Callable[[str], Target], proxy: ProxyProcess) -> None:
    """Left to itself, it learns from errors and goes on; it says so if the server goes away."""
    target = tables("proxied")
    done = sqlsmith(target, "--max-queries=4000", "--seed=1", "--verbose")
    assert "server closed the connection" not in done.stdout + done.stderr
    assert "Traceback" not in proxy.log
    target.assert_stored("people", 12)
