"""Rows of the fault matrix about speech recognition: what a whole night makes of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from meeting_pipeline.domain.stages import Outcome, RecordStatus, StageName
from meeting_pipeline.sandbox.faults import Fault, Kind
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.command import meeting
from tests.support.sandbox_installation import Office
from tests.support.short_recordings import BURSTS, lesson, record_id, tone
from tests.support.speech_service import places
from tests.support.tone_recordings import tone_recording

FAILED, STOPPED, CONFIG = 4, 5, 3
ONCE = {(0, place): 1 for place in BURSTS}


def assert_whole(office: Office) -> None:
    """Done, with both bursts in their order and at their times."""
    transcript = office.detail(record_id(0)).transcript
    assert office.only().status is RecordStatus.DONE
    assert transcript and places(transcript) == [*BURSTS]
    assert [round(one.start_s) for one in transcript.segments] == [0, 4]


@pytest.mark.parametrize(
    ("row", "kind", "code"),
    [(51, Kind.EMPTY_TEXT, "asr_empty"), (52, Kind.HALLUCINATION, "asr_empty")],
)
def test_row_51_and_row_52_nothing_or_nonsense_is_never_summarized(
    office: Office, sandbox: Sandbox, row: int, kind: Kind, code: str
) -> None:
    sandbox.faults.add(Fault(kind, "transcriptions"))
    assert office.night().exit_code == FAILED
    assert office.first_error() == (code, 1), f"row {row}"
    assert sandbox.ledger.calls["transcriptions"] <= 2
    assert not sandbox.ledger.chats
    sandbox.faults.clear()
    office.make_due()
    assert office.night().exit_code == 0
    assert_whole(office)


@pytest.fixture
def long_lesson(sandbox: Sandbox, sounds: Path) -> list[int]:
    """In place of the short one: 40 seconds; the places of its bursts."""
    path = tone_recording(sounds / "long.m4a", 40.0, burst_s=2.0, period_s=5.0)
    sandbox.company.add(lesson(0, path))
    return list(range(8))


def heard(office: Office) -> list[int]:
    """Which bursts the transcript speaks of, in its order."""
    transcript = office.detail(record_id(0)).transcript
    return places(transcript) if transcript else []


def test_row_53_a_server_that_takes_less_gets_less_at_once(
    office: Office, sandbox: Sandbox, long_lesson: list[int]
) -> None:
    sandbox.faults.add(Fault(Kind.TOO_LARGE, "transcriptions", amount=90_000))
    assert office.night().exit_code == 0
    assert sandbox.ledger.bursts == {(0, place): 1 for place in long_lesson}
    assert heard(office) == long_lesson


def test_row_54_an_answer_that_is_lost_on_its_way_is_paid_once_more_at_most(
    office: Office, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault(Kind.LOST_REPLY, "transcriptions", calls=(1,)))
    assert office.night().exit_code == 0
    assert set(sandbox.ledger.bursts.values()) == {2}
    assert office.night().due == 0
    assert_whole(office)


def test_row_55_only_the_pieces_that_failed_are_asked_for_again_by_the_next_night(
    office: Office, sandbox: Sandbox, long_lesson: list[int]
) -> None:
    in_pieces = replace(office, changes={**office.changes, "ASR_MAX_CHUNK_S": "15"})
    sandbox.faults.add(Fault(Kind.BARE_ERROR, "transcriptions", calls=range(2, 100)))
    assert in_pieces.night().exit_code == FAILED
    assert 0 < len(sandbox.ledger.bursts) < len(long_lesson)
    sandbox.faults.clear()
    in_pieces.make_due()
    assert in_pieces.night().exit_code == 0
    assert sandbox.ledger.bursts == {(0, place): 1 for place in long_lesson}
    assert heard(in_pieces) == long_lesson


@pytest.mark.parametrize(
    ("fault", "settings", "code"),
    [
        (Kind.QUOTA, {}, "quota_spent"),
        (Kind.EXTRA_FIELDS, {"ASR_MODEL": "whisper-0"}, "unknown_model"),
        (Kind.EXTRA_FIELDS, {"ASR_API_KEY": "sk-wrong"}, "key_refused"),
        (Kind.EXTRA_FIELDS, {"ASR_API_KEY": "请填写"}, "bad_header"),
    ],
)
def test_row_57_what_no_recording_would_do_better_with_stops_the_night_and_costs_no_attempt(
    office: Office, sandbox: Sandbox, fault: Kind, settings: dict[str, str], code: str
) -> None:
    sandbox.faults.add(Fault(fault, "transcriptions"))
    report = replace(office, changes={**office.changes, **settings}).night()
    assert (report.exit_code, report.stopped_by) == (STOPPED, code)
    assert report.count(Outcome.DEFERRED) == 1
    assert office.only().stages[StageName.TRANSCRIBE].attempts == 0
    fetched = dict(sandbox.ledger.served)
    sandbox.faults.clear()
    assert office.night().exit_code == 0
    assert sandbox.ledger.served == fetched
    assert sandbox.ledger.bursts == ONCE
    assert_whole(office)


def test_row_58_a_local_model_that_is_not_there_is_a_setting_to_mend(office: Office) -> None:
    whisper = {"ASR_BACKEND": "whisper", "WHISPER_MODEL": "/nonexistent/model"}
    wrong = replace(office, changes={**office.changes, **whisper})
    ended = meeting("run", "--since", "7d", env=wrong.environment)
    assert ended.code == CONFIG
    assert "WHISPER_MODEL" in ended.err
    assert office.night().exit_code == 0
    assert_whole(office)


def test_security_07_a_transcript_of_tencents_above_20_mb_is_not_read(
    office: Office, sandbox: Sandbox, sounds: Path
) -> None:
    endless = "王老师(00:00:00): 你好\n" + "好" * (7 << 20)
    sandbox.company.add(lesson(0, tone(sounds), transcript=endless))
    by_both = replace(office, changes={**office.changes, "ASR_BACKEND": "auto"})
    assert by_both.night().exit_code == 0
    assert sandbox.ledger.bursts == ONCE, "it is transcribed instead"
    assert_whole(by_both)
    assert not [*(office.folder / "transcripts").iterdir()]
