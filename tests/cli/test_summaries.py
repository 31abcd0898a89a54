"""`meeting summaries` and `meeting phase`: what an operator reads and changes."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from meeting_pipeline import exit_codes
from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.domain.enums import Phase
from tests.support.command import meeting
from tests.support.rows import SETTINGS, meta, minutes

NOW = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture
def office(tmp_path: Path) -> dict[str, str]:
    environment = {"DATA_DIR": str(tmp_path / "data"), "MEETING_FOLDER": str(tmp_path)}
    rows = Database(f"sqlite:///{environment['DATA_DIR']}/meeting.db", (), lambda: NOW)
    rows.make_ready()
    rows.recordings.upsert([meta(1), meta(2)])
    for title, phase in (("第一版", Phase.RESUME), ("第二版", Phase.OFFER)):
        one = minutes(phase)
        rows.recordings.save(1, replace(one, summary=replace(one.summary, title=title)))
    rows.recordings.finish(1, SETTINGS)
    rows.close()
    return environment


def test_versions_are_listed_the_newest_first(office: dict[str, str]) -> None:
    told = meeting("summaries", "1", env=office)
    document = meeting("summaries", "1", "--json", env=office).document

    assert told.code == exit_codes.OK
    assert told.out.index("第二版") < told.out.index("第一版")
    assert "当前 current" in told.out
    assert [(one["version"], one["current"]) for one in document["summaries"]] == [
        (2, True),
        (1, False),
    ]
    assert (document["recording_id"], document["phase"]) == ("1", "Offer后续")


def test_a_version_is_chosen_and_shown(office: dict[str, str]) -> None:
    chosen = meeting("summaries", "1", "--use", "1", "--json", env=office).document
    shown = meeting("show", "1", "--json", env=office).document

    assert [one["version"] for one in chosen["summaries"] if one["current"]] == [1]
    assert (shown["summary"]["title"], shown["phase"]) == ("第一版", "简历优化")


def test_a_version_that_does_not_exist_is_refused_with_those_that_do(
    office: dict[str, str],
) -> None:
    refused = meeting("summaries", "1", "--use", "7", env=office)

    assert refused.code == exit_codes.USAGE
    assert "no_such_version" in refused.err
    assert "2, 1" in refused.err


def test_a_phase_is_set_by_hand_and_given_back(office: dict[str, str]) -> None:
    told = meeting("phase", "1", "面试模拟", env=office)
    by_hand = meeting("status", "--json", env=office).document["recordings"]
    cleared = meeting("phase", "1", "--clear", "--json", env=office).document

    assert "手工设定 set by hand" in told.out
    assert "meeting phase 1 --clear" in told.out
    assert {one["id"]: one["phase"] for one in by_hand}["1"] == "面试模拟"
    assert (cleared["phase"], cleared["phase_by_hand"]) == ("Offer后续", None)


@pytest.mark.parametrize(
    "words", [("1",), ("1", "闲聊"), ("1", "面试模拟", "--clear"), ("99", "面试模拟")]
)
def test_a_wrong_phase_is_a_usage_error(office: dict[str, str], words: tuple[str, ...]) -> None:
    assert meeting("phase", *words, env=office).code == exit_codes.USAGE


def test_a_recording_without_a_summary_says_so(office: dict[str, str]) -> None:
    assert "还没有摘要 no summary yet" in meeting("summaries", "2", env=office).out
