import pytest

from proxy.pipeline import ASYNCHRONOUS, EXPECTED, Asked, Fate, Outcome, Owed, Pipeline, Step
from proxy.wire.backend import Backend

# What PostgreSQL may answer to each message, by the protocol's documentation: the table has to say the same.
MAY_ANSWER = {
    Asked.QUERY: "T D H d c G W C I E Z",
    Asked.PARSE: "1 E",
    Asked.BIND: "2 E",
    Asked.DESCRIBE_STATEMENT: "t T n E",
    Asked.DESCRIBE_PORTAL: "T n E",
    Asked.EXECUTE: "T D H d c G W C I s E",
    Asked.CLOSE: "3 E",
    Asked.SYNC: "E Z",
    Asked.FUNCTION_CALL: "V E Z",
    Asked.COPY_END: "",
    Asked.CALL: "2 n T D H d c G W C I E Z",
}


@pytest.mark.parametrize("asked", Asked, ids=lambda asked: asked.name)
def test_every_message_against_every_entry(asked):
    allowed = {ord(letter) for letter in MAY_ANSWER[asked].split()}
    for kind in Backend:
        step = EXPECTED[asked].get(kind)
        assert (step is not None) == (kind in allowed), (asked, kind)
        if kind is Backend.READY_FOR_QUERY and step is not None:
            assert step is Step.READY
        if kind in ASYNCHRONOUS:
            assert step is None


@pytest.mark.parametrize("asked", [each for each in Asked if each is not Asked.COPY_END], ids=lambda asked: asked.name)
def test_every_entry_can_end(asked):
    steps = set(EXPECTED[asked].values())
    assert steps & {Step.DONE, Step.READY}
    in_extended = asked not in (Asked.QUERY, Asked.SYNC, Asked.FUNCTION_CALL)
    assert EXPECTED[asked][Backend.ERROR_RESPONSE] is (Step.SKIP if in_extended else Step.FAILED)


def pipeline(*asked: Asked) -> Pipeline:
    made = Pipeline()
    made.queue.extend(Owed(each) for each in asked)
    return made


def left(of: Pipeline) -> list[Asked]:
    return [entry.asked for entry in of.queue]


def test_an_error_discards_up_to_sync():
    sent = pipeline(Asked.PARSE, Asked.BIND, Asked.EXECUTE, Asked.SYNC, Asked.PARSE, Asked.SYNC)
    discarded = sent.discard_to_sync()
    assert [entry.outcome for entry in discarded] == [Outcome.FAILED, Outcome.SKIPPED, Outcome.SKIPPED]
    assert left(sent) == [Asked.SYNC, Asked.PARSE, Asked.SYNC]
    assert not sent.skipping


def test_an_error_without_a_sync_makes_upstream_deaf_until_one_is_sent():
    sent = pipeline(Asked.PARSE, Asked.BIND)
    sent.discard_to_sync()
    assert left(sent) == []
    assert sent.skipping
    assert sent.sync_sent()
    assert not sent.skipping


def test_a_query_among_discarded_messages_is_discarded_too():
    sent = pipeline(Asked.BIND, Asked.QUERY, Asked.SYNC)
    assert len(sent.discard_to_sync()) == 2


def test_a_sync_sent_before_copy_in_began_is_never_answered():
    sent = pipeline(Asked.EXECUTE, Asked.SYNC)
    sent.copy_in_began()
    assert left(sent) == [Asked.EXECUTE]
    assert sent.copying_in
    sent.copy_ended()
    assert not sent.copying_in
    assert sent.sync_sent()


def test_a_sync_during_copy_in_is_never_answered():
    sent = pipeline(Asked.EXECUTE)
    sent.copy_in_began()
    assert not sent.sync_sent()


def test_a_sync_that_crossed_the_failure_of_its_copy_is_answered_after_all():
    sent = pipeline(Asked.EXECUTE)
    sent.copy_in_began()
    assert not sent.sync_sent()
    sent.discard_to_sync()
    assert sent.take_unowed_ready()
    assert not sent.take_unowed_ready()


def test_a_sync_sent_before_a_copy_that_fails_at_once_is_answered_after_all():
    for asked in ((Asked.EXECUTE, Asked.SYNC), (Asked.CALL,)):
        sent = pipeline(*asked)
        sent.copy_in_began()
        sent.discard_to_sync()
        assert sent.take_unowed_ready()
        assert not sent.skipping


def test_the_sync_of_a_call_is_answered_whatever_fails():
    for sent in (pipeline(Asked.CALL, Asked.CALL), pipeline(Asked.PARSE, Asked.CALL, Asked.CALL)):
        sent.discard_to_sync()
        assert left(sent) == [Asked.SYNC, Asked.CALL]
        assert not sent.skipping


def test_what_a_failed_call_leaves_unanswered():
    call = Owed(Asked.CALL)
    call.size, call.begun = 3, 1
    assert call.unanswered == 2
    assert Owed(Asked.EXECUTE).unanswered == 1


def test_the_sync_of_a_call_that_copies_in_is_never_answered():
    sent = pipeline(Asked.CALL)
    sent.copy_in_began()
    assert left(sent) == [Asked.EXECUTE]
    assert sent.copying_in


def test_copy_data_sent_ahead_of_copy_in_response():
    """Execute, Sync, CopyData, CopyDone, Sync in one write: only the second Sync is answered."""
    sent = pipeline(Asked.EXECUTE, Asked.SYNC)
    sent.copy_ended()
    sent.queue.append(Owed(Asked.SYNC))
    sent.copy_in_began()
    assert left(sent) == [Asked.EXECUTE, Asked.SYNC]
    assert not sent.copying_in


def test_copy_done_without_a_copy_leaves_the_queue_by_itself():
    sent = pipeline(Asked.EXECUTE)
    sent.copy_ended()
    sent.queue.append(Owed(Asked.SYNC))
    sent.pop()
    assert left(sent) == [Asked.SYNC]


def test_pop_marks_the_entry_done():
    sent = pipeline(Asked.SYNC)
    assert sent.pop().outcome is Outcome.DONE


def test_forward_is_false():
    """The relay's loop tests the fate as a truth value."""
    assert [fate for fate in Fate if not fate] == [Fate.FORWARD]
