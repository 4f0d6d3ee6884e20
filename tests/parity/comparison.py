"""Runs a case file on both sides and says where they differ."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tests.parity.case_files import CaseFile, Step
from tests.parity.sides import PROFILES, Side

CLEAN_UP = """
SELECT 'DROP SCHEMA ' || quote_ident(nspname) || ' CASCADE' FROM pg_namespace
WHERE nspname !~ '^(pg_|information_schema$|kameleon$)'
"""

# What a case file must not leave behind for the next one.
LEFT_OVERS = """
SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE nspname !~ '^(pg_catalog|pg_toast|pg_temp_.*|pg_toast_temp_.*|information_schema|kameleon)$'
UNION ALL
SELECT proname FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
WHERE nspname !~ '^(pg_catalog|pg_temp_.*|information_schema|kameleon)$'
UNION ALL
SELECT relname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE nspname = 'kameleon' AND relname ~ '^kdb_(read|write|insert|records)_[1-9]' AND relname !~ '_2[0-9]{9}'
"""


@dataclass(frozen=True)
class Difference:
    """A statement that the two sides answer differently."""

    where: str
    sql: str
    direct: list[str]
    proxied: list[str]

    def __str__(self) -> str:
        lines = difflib.unified_diff(self.direct, self.proxied, "direct", "proxied", lineterm="", n=1)
        return "\n".join([f"{self.where}: {self.sql.strip()}", *("    " + line for line in [*lines][2:])])


class Pair:
    """A direct and a proxied database, to run one case file after another on."""

    def __init__(self, direct: Side, proxied: Side, version: int) -> None:
        self.direct = direct
        self.proxied = proxied
        self.version = version

    def run(self, case: CaseFile, mode: str, profile: str) -> list[Difference]:
        for side in self.sides():
            side.begin(case.user, PROFILES[profile])
        differences = [*self._run_steps(case, mode)]
        if len(case.settings) > 1:
            for reader in case.settings:
                if reader != profile:
                    differences += self._read_again(case, mode, reader, f"written under {profile}, read under {reader}")
        return differences

    def clean(self) -> None:
        """Empty both databases, the way a user would; nothing may stay behind."""
        for side in self.sides():
            side.begin(side.superuser, {"client_min_messages": "error"})
            session = side.session("clean up")
            for (drop,) in session.rows(CLEAN_UP):
                session.rows(str(drop))
            session.rows("CREATE SCHEMA public")
            session.rows("ALTER SCHEMA public OWNER TO pg_database_owner")
            session.rows("GRANT USAGE ON SCHEMA public TO PUBLIC")
            side.close_sessions()
            left = side.helper.rows(LEFT_OVERS)
            assert not left, f"dropping every schema leaves {left} behind"

    def sides(self) -> Iterator[Side]:
        yield self.direct
        yield self.proxied

    def close(self) -> None:
        for side in self.sides():
            side.close()

    def _run_steps(self, case: CaseFile, mode: str) -> Iterator[Difference]:
        name = "main"
        for step in case.steps:
            if step.since > self.version or (step.modes and mode not in step.modes):
                continue
            if step.session:
                name = step.session
                for side in self.sides():
                    side.session(name, step.session_settings)
            else:
                yield from self._compare(name, step, mode, f"{case.name}.sql:{step.line} [{mode}]")

    def _read_again(self, case: CaseFile, mode: str, profile: str, how: str) -> Iterator[Difference]:
        """What the file wrote, read by a session with other settings."""
        for side in self.sides():
            side.begin(case.user, PROFILES[profile])
        for step in case.steps:
            reads = re.match(r"\s*(select|table)\b", step.sql, re.IGNORECASE) and not step.batch
            if reads and step.since <= self.version:
                yield from self._compare("main", step, mode, f"{case.name}.sql:{step.line} [{mode}, {how}]")

    def _compare(self, name: str, step: Step, mode: str, where: str) -> Iterator[Difference]:
        if step.refused:
            yield from self._check_refusal(name, step, mode, where)
            return
        direct = flatten(self.direct.run(name, step, mode))
        proxied = flatten(self.proxied.run(name, step, mode))
        if direct != proxied:
            yield Difference(where, step.sql or " ".join(step.pipeline), direct, proxied)

    def _check_refusal(self, name: str, step: Step, mode: str, where: str) -> Iterator[Difference]:
        """Refused with just this SQLSTATE and a hint, in words of the user's world, and the session goes on."""
        lines = flatten(self.proxied.run(name, step, mode))
        errors = [line for line in lines if line.startswith("ErrorResponse")]
        fine = len(errors) == 1 and f"sqlstate={step.refused!r}" in errors[0] and "hint=" in errors[0]
        if not fine or "kdb_" in errors[0] or lines[-1] != "ReadyForQuery I":
            yield Difference(where, step.sql, [f"refused with {step.refused} and a hint"], lines)


#: Of several objects that depend on a column or type PostgreSQL tells one: whichever its catalog happens to have first.
_FIRST_DEPENDENT = re.compile(
    r"""(message='cannot alter type (?:of a column used |"[^"]*" because column ))[^']*'(?:, detail='[^']*')?"""
)


def flatten(exchanges: list[list[str]]) -> list[str]:
    return [_FIRST_DEPENDENT.sub(r"\1by something'", line) for exchange in exchanges for line in exchange]
