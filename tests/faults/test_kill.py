"""kill -9 at any step of a night, then one more night: everything once, nothing left over."""

from itertools import count
from pathlib import Path

import pytest

from meeting_pipeline.domain.stages import RecordStatus
from meeting_pipeline.domain.views import RecordingFilter
from tests.support.crash import killed_at
from tests.support.fakes import meta
from tests.support.fault_table import ALL, PARTS
from tests.support.nights import Installation

EVERY = 3 * PARTS if ALL else 18

WHOLE = [
    "audio.flac",
    "audio.levels",
    "recording.m4a",
    "summary.json",
    "summary.md",
    "transcript.json",
]


def installation(folder: Path) -> Installation:
    folder.mkdir(exist_ok=True)
    return Installation(folder, [meta(0), meta(1, student="stu_chen")])


@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(PARTS))
def test_a_night_killed_at_any_step_is_made_whole_by_the_next(tmp_path: Path, part: int) -> None:
    killed = 0
    for step in count(1 + part, EVERY):
        folder = tmp_path / str(step)
        if not killed_at(step, installation(folder).run):
            break
        killed += 1
        after_one_more_night(folder)
    assert killed > 120 // EVERY


def test_a_night_killed_twice_is_made_whole_by_the_third(tmp_path: Path) -> None:
    for step in range(20, 80, 13):
        folder = tmp_path / str(step)
        assert killed_at(step, installation(folder).run)
        killed_at(step // 2, installation(folder).run)
        after_one_more_night(folder)


def after_one_more_night(folder: Path) -> None:
    """The invariants: every recording once and done, statistics true, no file too many."""
    again = installation(folder)
    report = again.run()
    rows = again.rows()
    try:
        views = rows.reading.recordings(RecordingFilter())
        assert report.exit_code == 0
        assert [view.status for view in views] == [RecordStatus.DONE] * 2
        assert rows.stats.differences() == []
        assert [student.record_cnt for student in rows.reading.stats()] == [1, 1]
        for view in views:
            detail = rows.reading.show(view.id)
            assert detail and detail.transcript and detail.summary
        wanted = [f"fake/{view.record_id}/{name}" for view in views for name in WHOLE]
        assert again.files() == sorted(wanted)
    finally:
        rows.close()
