"""What a session makes of the rewriter's answers; and of its failure."""

import pytest
import structlog

from proxy.wire.frontend import Bind, Execute, Parse, Query
from rewriter import cache
from tests.playbook import READY, SYNC, as_bytes, entity, playbook
from tests.proxy.stand_ins import refused_in_pipeline, refused_parse, stand_in_error

READ = b"SELECT * FROM orders WHERE name = 'a secret' AND id = 4711"


@pytest.fixture
def fault(monkeypatch):
    def fail(*_args, **_kwargs):
        raise TypeError("unsupported: 'a secret'")

    with monkeypatch.context() as patch:
        patch.setattr(cache.QueryRouter, "route", fail)
        yield patch


def test_a_fault_of_the_rewriter_is_an_error_of_the_statement(fault):
    script = playbook(entity()).client(Query(READ)).caught_up()
    script.to_upstream(refused_parse(READ)).upstream(stand_in_error(), READY)
    shown = as_bytes(script._sent_to_client)
    assert b"CXX000\0" in shown
    assert b"TypeError" in shown
    assert b"\0HIt was not run." in shown
    assert b"secret" not in shown
    assert shown.endswith(READY.encode())
    fault.undo()
    script._sent_to_client.clear()
    script.client(Query(b"SELECT * FROM orders")).to_upstream(Query(b"SELECT * FROM kameleon.kdb_read_17 AS orders"))
    assert script.relay.pipeline.queue


def test_a_fault_of_the_rewriter_in_a_pipeline(fault):
    rest = Bind(b"", b""), Execute(b""), SYNC
    script = playbook(entity()).client(Parse(b"", READ), *rest).caught_up()
    script.to_upstream(refused_in_pipeline(READ, name=b""), *rest).upstream(stand_in_error(), READY)
    shown = as_bytes(script._sent_to_client)
    assert b"CXX000\0" in shown
    assert shown.endswith(READY.encode())
    assert script.relay.is_idle


def test_a_fault_of_the_rewriter_is_logged_by_its_shape(fault):
    with structlog.testing.capture_logs() as logs:
        playbook(entity()).client(Query(READ)).caught_up()
    assert logs
    assert logs[0]["statement"] == "SELECT * FROM orders WHERE name = ? AND id = ?"
    assert logs[0]["error"] == "TypeError"
    assert any("test_knowledge.py" in frame for frame in logs[0]["where"])
    assert "secret" not in str(logs)
    assert "4711" not in str(logs)
