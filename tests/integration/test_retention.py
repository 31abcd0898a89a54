"""Whole nights under retention: what goes, what stays, and what is never done again for it."""

import logging
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from pathlib import Path

import pytest

from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.domain.retention import SWEPT, RetainedKind, RetentionRules
from meeting_pipeline.domain.stages import Outcome, StageName
from meeting_pipeline.errors import RecordError, RetryableError, SkipRecord
from meeting_pipeline.ports.observer import Observers, RunObserver
from meeting_pipeline.run.pipeline import Pipeline
from meeting_pipeline.upkeep.retention import Retention, RetentionObserver
from tests.support.crash import killed_at
from tests.support.fakes import FakeSummarizer, FakeTranscriber, meta
from tests.support.nights import Installation

EVERY = 12  # a twelfth of the steps on every run; `make faults` takes them all
TEXTS = ["summary.json", "summary.md", "transcript.json"]


@dataclass
class Started(RunObserver):
    """Which stages really ran."""

    stages: list[StageName] = field(default_factory=list)

    def stage_started(self, recording_id: int, meta: RecordMeta, stage: StageName) -> None:
        self.stages.append(stage)


@dataclass
class Office(Installation):
    """An installation that keeps its files by rules."""

    rules: RetentionRules = field(default_factory=RetentionRules)
    started: Started = field(default_factory=Started)

    def retention(self, rows: Database) -> Retention:
        return Retention(rows.retention, self.folder / "recordings", self.rules, lambda: self.now)

    def pipeline(self, rows: Database) -> Pipeline:
        tidying = RetentionObserver(self.retention(rows))
        self.observer = Observers([tidying, self.started])
        return super().pipeline(rows)

    def names(self) -> list[str]:
        return [Path(path).name for path in self.files()]


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path, [meta(0)])


def test_security_09_after_a_night_the_media_is_gone_and_after_seven_days_the_audio(
    office: Office,
) -> None:
    assert office.run().exit_code == 0
    assert office.names() == ["audio.flac", "audio.levels", *TEXTS]

    office.later(days=6)
    office.run()
    assert "audio.flac" in office.names()

    office.later(days=2)
    office.run()
    assert office.names() == TEXTS


def test_media_goes_while_the_night_is_still_at_work(tmp_path: Path) -> None:
    """A long back-fill must not need the room of all its media at once."""
    seen: list[list[str]] = []
    office = Office(tmp_path, [meta(number) for number in range(3)])
    office.transcriber = FakeTranscriber(trouble=lambda job: seen.append(office.names()))

    assert office.run().exit_code == 0

    assert len(seen) == 3
    assert not any(name.startswith("recording") for names in seen for name in names)


def test_media_that_an_earlier_run_has_fetched_goes_as_soon(tmp_path: Path) -> None:
    office, seen = Office(tmp_path, [meta(0)]), []
    office.run(until=StageName.DOWNLOAD)
    assert office.names() == ["recording.m4a"]
    office.transcriber = FakeTranscriber(trouble=lambda job: seen.append(office.names()))

    assert office.run().exit_code == 0

    assert [name for names in seen for name in names if name.startswith("recording")] == []
    assert len(seen) == 1


def test_with_days_both_stay_that_long(office: Office) -> None:
    office.rules = RetentionRules(media_days=2, audio_days=1)
    office.run()
    office.later(days=1.5)
    office.run()
    assert office.names() == ["recording.m4a", *TEXTS]

    office.later(days=1)
    office.run()
    assert office.names() == TEXTS


def test_another_language_model_needs_neither_media_nor_audio(office: Office) -> None:
    office.rules = RetentionRules(0, 0)
    office.run()
    assert office.names() == TEXTS
    office.started.stages.clear()
    office.transcriber.heard.clear()
    office.summarizer = FakeSummarizer("fake prompt-2")

    report = office.run(everywhere=False)

    assert [record.status for record in report.records] == [Outcome.DONE]
    assert office.started.stages == [StageName.SUMMARIZE, StageName.STORE]
    assert office.transcriber.heard == []
    assert office.names() == TEXTS


def test_another_speech_model_fetches_again_and_then_removes_again(office: Office) -> None:
    office.rules = RetentionRules(0, 0)
    office.run()
    office.started.stages.clear()
    office.transcriber = FakeTranscriber("fake model-2")

    report = office.run(everywhere=False)

    assert (report.exit_code, len(office.transcriber.heard)) == (0, 1)
    assert office.started.stages[:2] == [StageName.DOWNLOAD, StageName.EXTRACT]
    assert office.names() == TEXTS
    rows = office.rows()
    assert rows.stats.differences() == []
    rows.close()


def test_what_retention_has_removed_is_no_alarm_when_it_is_needed_again(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="meeting_pipeline")
    office.rules = RetentionRules(0, 0)
    office.run()
    office.transcriber = FakeTranscriber("fake model-2")
    office.run(everywhere=False)

    assert "audio.flac was removed by retention" in caplog.text
    assert "gone or altered" not in caplog.text


def test_a_recording_that_is_tried_again_keeps_its_audio(office: Office) -> None:
    trouble = RetryableError("network", "no answer", retry_after_s=3600)
    office.rules = RetentionRules(0, 0)
    office.transcriber = FakeTranscriber(trouble=lambda job: trouble)
    office.run()
    office.later(days=30)

    assert office.names() == ["audio.flac", "audio.levels"]
    office.transcriber = FakeTranscriber()
    office.started.stages.clear()
    assert office.run().exit_code == 0
    assert office.started.stages[0] is StageName.TRANSCRIBE
    assert office.names() == TEXTS


def test_a_silent_recording_leaves_nothing_and_its_folder_goes(office: Office) -> None:
    office.rules = RetentionRules(0, 0)
    silent = SkipRecord("no_speech", "nobody speaks")
    office.transcriber = FakeTranscriber(trouble=lambda job: silent)

    office.run()

    assert office.names() == []
    assert list((office.folder / "recordings" / "fake").iterdir()) == []


def test_a_dead_recording_is_kept_for_a_week_to_be_looked_into(office: Office) -> None:
    broken = RecordError("bad_audio", "cannot be understood")
    office.transcriber = FakeTranscriber(trouble=lambda job: broken)
    for _ in range(5):
        office.run()
        office.later(days=1)
    assert office.names() == ["audio.flac", "audio.levels"]

    office.later(days=7)
    office.run()

    assert office.names() == []


def test_foreign_files_and_links_in_the_folder_stay(office: Office, tmp_path: Path) -> None:
    kept = tmp_path / "elsewhere.m4a"
    kept.write_bytes(b"mine")
    office.rules = RetentionRules(0, 0)
    office.run(until=StageName.DOWNLOAD)
    [media] = (office.folder / "recordings").rglob("recording.m4a")
    for name in ("recording.txt", "audio.notes.md", "my.part"):
        media.with_name(name).write_text("mine", "utf-8")
    media.with_name("recording.link.part").symlink_to(kept)

    office.run()

    assert {"recording.txt", "audio.notes.md", "my.part"} < set(office.names())
    assert not {"recording.m4a", "audio.flac", "audio.levels"} & set(office.names())
    assert kept.read_bytes() == b"mine"


def test_a_file_that_cannot_be_removed_costs_no_other_and_is_tried_again(tmp_path: Path) -> None:
    office = Office(tmp_path, [meta(0), meta(1)], rules=RetentionRules(365, 365))
    office.run()
    first, second = sorted((office.folder / "recordings").rglob("recording.m4a"))
    first.unlink()
    (first / "in the way").mkdir(parents=True)
    office.rules = RetentionRules(0, 365)
    office.later(seconds=1)

    rows = office.rows()
    removal = office.retention(rows).sweep()
    assert (removal.count(RetainedKind.MEDIA), len(removal.failed)) == (1, 1)
    assert not second.exists()
    (first / "in the way").rmdir()
    first.rmdir()
    again = office.retention(rows).sweep()
    assert (len(again.removed), len(again.failed)) == (1, 0)
    assert office.retention(rows).sweep().removed == ()
    rows.close()


def test_the_moment_of_removal_is_the_sweep_s(office: Office) -> None:
    office.run()
    began = office.now
    office.later(days=8)
    office.run()

    rows = office.rows()
    ledger = rows.recordings.ledger(1)
    assert ledger[StageName.DOWNLOAD].file_removed_at == began
    assert ledger[StageName.EXTRACT].file_removed_at == began + timedelta(days=8)
    assert ledger[StageName.TRANSCRIBE].file_removed_at is None
    rows.close()


def test_of_many_recordings_the_rows_say_of_each_that_its_media_is_gone(tmp_path: Path) -> None:
    office = Office(tmp_path, [meta(number) for number in range(45)], jobs=4)
    office.run()

    rows = office.rows()
    removed = [
        rows.recordings.ledger(number)[StageName.DOWNLOAD].file_removed_at
        for number in range(1, 46)
    ]
    assert removed == [office.now] * 45
    assert office.retention(rows).sweep().removed == ()
    rows.close()


def test_killed_at_any_step_the_next_night_finds_what_is_due(tmp_path: Path) -> None:
    killed = 0
    for step in count(1, EVERY):
        office = Office(tmp_path / str(step), [meta(0), meta(1)], rules=RetentionRules(0, 0))
        office.folder.mkdir()
        if not killed_at(step, office.run):
            break
        killed += 1

        assert office.run().exit_code == 0
        assert office.names() == TEXTS * 2, f"killed at step {step}"
        rows = office.rows()
        assert office.retention(rows).sweep().removed == ()
        for number in (1, 2):
            ledger = rows.recordings.ledger(number)
            assert all(ledger[kind.stage].file_removed_at for kind in SWEPT)
        rows.close()
    assert killed > 10
