"""The reader of the case files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.parity import case_files
from tests.parity.case_files import CaseFile, read_case_file, read_parameters


@pytest.fixture
def read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(case_files, "CASES", tmp_path)

    def write_and_read(text: str) -> CaseFile:
        path = tmp_path / "case.sql"
        path.write_text(text)
        return read_case_file(path)

    return write_and_read


def test_a_statement_ends_at_a_semicolon_or_a_blank_line(read):
    steps = read("select 1;\nselect\n  2;\nselect 3\n\nselect ';'; -- not the end\n;\n").steps
    assert [step.sql for step in steps] == ["select 1", "select\n  2", "select 3", "select ';'; -- not the end\n"]


def test_a_dollar_quoted_body_is_not_split(read):
    (step,) = read("do $x$\nbegin\n\n  null;\nend $x$;\n").steps
    assert step.sql == "do $x$\nbegin\n\n  null;\nend $x$"


def test_directives_belong_to_the_next_statement(read):
    first, second = read("-- A comment\n-- params: 1, 'a, b', null\n-- ordered\nselect $1;\nselect 2;\n").steps
    assert (first.params, first.ordered, first.line) == ([["1", "a, b", None]], True, 4)
    assert (second.params, second.ordered) == ([], False)


def test_batches_and_pipelines_go_on_to_the_blank_line(read):
    batch, pipeline = read("-- batch\nselect 1;\nselect 2;\n\n-- pipeline\nselect 3;\n-- sync\nselect\n4;\n").steps
    assert batch.sql == "select 1;\nselect 2;"
    assert pipeline.pipeline == ["select 3", "", "select\n4"]


def test_copy_data_and_sessions(read):
    session, copy = read("-- session: b user=parity_reader\n-- copy: 1\tx\n-- copy: 2\ncopy t from stdin;\n").steps
    assert (session.session, session.session_settings) == ("b", {"user": "parity_reader"})
    assert copy.copy == b"1\tx\n2\n"


def test_headers(read):
    case = read("-- settings: default, dmy\n-- user: postgres\n\nselect 1;\n")
    assert (case.settings, case.user) == (["default", "dmy"], "postgres")


def test_a_misspelt_directive_is_an_error(read):
    with pytest.raises(AssertionError, match="unknown directive 'parms'"):
        read("-- parms: 1\nselect $1;\n")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("1", ["1"]),
        ("'it''s', ''", ["it's", ""]),
        ("null, 'null'", [None, "null"]),
        ("'{1,2}', 5", ["{1,2}", "5"]),
    ],
)
def test_parameters(text, expected):
    assert read_parameters(text) == expected


def test_there_are_cases():
    cases = case_files.case_files()
    assert sum(len(case.steps) for case in cases) > 1000
