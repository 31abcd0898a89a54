"""Rows of the fault matrix about the language model: what a whole night makes of them."""

import pytest

from meeting_pipeline.domain.stages import Outcome, RecordStatus, StageName
from meeting_pipeline.sandbox.faults import Fault, Kind
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.sandbox_installation import Office
from tests.support.short_recordings import BURSTS, record_id

FAILED, STOPPED = 4, 5
ONCE = {(0, place): 1 for place in BURSTS}


def assert_nothing_invented(office: Office) -> None:
    """The transcript is kept, and there is neither a summary nor a phase."""
    assert office.only().phase is None
    assert office.detail(record_id(0)).summary is None
    assert "transcript.json" in office.files()
    assert "summary.json" not in office.files()


def assert_only_the_model_is_asked_again(office: Office) -> None:
    """The next night goes on at the summary: nothing is fetched or transcribed again."""
    sandbox = office.sandbox
    sandbox.faults.clear()
    office.make_due()
    fetched = dict(sandbox.ledger.served)
    assert office.night().exit_code == 0
    assert sandbox.ledger.served == fetched
    assert sandbox.ledger.bursts == ONCE
    detail = office.detail(record_id(0))
    assert detail.recording.status is RecordStatus.DONE
    assert detail.recording.phase is not None and detail.summary is not None


@pytest.mark.parametrize(
    ("kind", "code", "calls"),
    [
        (Kind.NOT_JSON, "bad_reply", 2),
        (Kind.WRONG_ENUM, "bad_reply", 2),
        (Kind.HUGE_ANSWER, "reply_too_large", 1),
        (Kind.FINISH_LENGTH, "reply_cut", 2),
        (Kind.EMPTY_CHOICES, "empty_reply", 2),
    ],
)
def test_row_59_row_60_row_62_row_63_and_security_07_no_summary_is_made_of_no_good_reply(
    office: Office, sandbox: Sandbox, kind: Kind, code: str, calls: int
) -> None:
    sandbox.faults.add(Fault(kind, "chat"))
    assert office.night().exit_code == FAILED
    assert office.first_error() == (code, 1)
    assert sandbox.ledger.calls["chat"] == calls
    assert_nothing_invented(office)
    assert_only_the_model_is_asked_again(office)


@pytest.mark.parametrize("kind", [Kind.FENCED, Kind.TRAILING_TEXT])
def test_row_59_talk_round_a_good_reply_costs_nothing(
    office: Office, sandbox: Sandbox, kind: Kind
) -> None:
    sandbox.faults.add(Fault(kind, "chat"))
    assert office.night().exit_code == 0
    assert sandbox.ledger.calls["chat"] == 1


@pytest.mark.parametrize("kind", [Kind.WRONG_ENUM, Kind.MISSING_KEY])
def test_row_60_a_reply_is_mended_once(office: Office, sandbox: Sandbox, kind: Kind) -> None:
    sandbox.faults.add(Fault(kind, "chat", calls=(1,)))
    assert office.night().exit_code == 0
    assert sandbox.ledger.calls["chat"] == 2
    assert set(sandbox.ledger.chats.values()) == {1}


@pytest.mark.parametrize("kind", [Kind.CONTENT_FILTER, Kind.FINISH_FILTER])
def test_row_63_a_filtered_transcript_is_dead_at_once_and_never_paid_for_again(
    office: Office, sandbox: Sandbox, kind: Kind
) -> None:
    sandbox.faults.add(Fault(kind, "chat"))
    assert office.night().exit_code == FAILED
    assert office.only().status is RecordStatus.DEAD
    assert office.first_error() == ("filtered", 1)
    assert office.night().due == 0
    assert sandbox.ledger.calls["chat"] == 1
    assert_nothing_invented(office)


@pytest.mark.parametrize(
    ("kind", "code"), [(Kind.QUOTA, "quota_spent"), (Kind.FORBIDDEN, "quota_spent")]
)
def test_row_66_a_spent_balance_stops_the_night_and_the_next_goes_on_at_the_summary(
    office: Office, sandbox: Sandbox, kind: Kind, code: str
) -> None:
    sandbox.faults.add(Fault(kind, "chat"))
    report = office.night()
    assert (report.exit_code, report.stopped_by) == (STOPPED, code)
    assert report.count(Outcome.DEFERRED) == 1
    assert sandbox.ledger.calls["chat"] == 1
    assert office.only().stages[StageName.SUMMARIZE].attempts == 0
    assert_nothing_invented(office)
    assert_only_the_model_is_asked_again(office)
