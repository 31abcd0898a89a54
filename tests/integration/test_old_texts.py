"""Transcripts removed by age: nothing of them is left, nothing is damaged, nothing heard again."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from sqlalchemy import delete

from meeting_pipeline.adapters.db.schema import summaries
from meeting_pipeline.domain.damage import Kind
from meeting_pipeline.domain.retention import Cutoffs, ExpiredFile, RetainedKind, RetentionRules
from meeting_pipeline.domain.stages import StageName
from meeting_pipeline.storage.files import RecordFolder
from meeting_pipeline.storage.paid_calls import PaidCalls
from meeting_pipeline.upkeep.repair.survey import Survey, repaired
from meeting_pipeline.upkeep.retention import Retention
from tests.support.crash import killed_at
from tests.support.fakes import FakeSummarizer, FakeTranscriber, meta
from tests.support.nights import Installation

EVERY = 3  # a third of the steps on every run
SAID = "我们来看简历，fake model-1"  # by FakeTranscriber; the summary quotes less of it
ANSWER = f'{{"text": "{SAID}"}}'.encode()
KEPT = ["audio.flac", "audio.levels", "recording.m4a", "summary.json", "summary.md"]
REMOVED = timedelta(days=400)


@dataclass
class Office(Installation):
    """Two finished lessons, whose speech was paid for."""

    def heard(self) -> "Office":
        self.folder.mkdir(exist_ok=True)
        assert self.run().exit_code == 0
        for one in self.metas:
            folder = RecordFolder(self.folder / "recordings", one.key)
            PaidCalls(folder).remember("a" * 64, lambda keep: keep(ANSWER))
        self.later(days=REMOVED.days)
        return self

    def remove(self, ended_by: datetime | None = None) -> list[ExpiredFile]:
        """What could not be removed of all that ended by then, or until now."""
        rows, moment = self.rows(), ended_by or self.now
        retention = Retention(
            rows.retention, self.folder / "recordings", RetentionRules(), lambda: self.now
        )
        cutoffs = Cutoffs(moment, moment, texts=moment)
        removal = retention.remove(retention.due(cutoffs, [RetainedKind.TEXTS]))
        rows.erasure.compact()
        rows.close()
        return list(removal.failed)

    def damage(self, *, repair: bool = False) -> Sequence[Kind]:
        rows = self.rows()
        survey = Survey(rows.repair, self.folder / "recordings", True, lambda: False)
        found = repaired(survey.findings()) if repair else survey.findings()
        kinds = [one.kind for one in found]
        rows.close()
        return kinds

    def holding(self, words: str) -> list[str]:
        """Every file of the installation in which these words stand."""
        files = (path for path in self.folder.rglob("*") if path.is_file())
        return sorted(path.name for path in files if words.encode() in path.read_bytes())

    def names(self) -> list[str]:
        return [Path(name).name for name in self.files()]


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path / "office", [meta(0), meta(1)]).heard()


def test_security_09_nothing_of_what_was_said_is_left_in_rows_and_files(office: Office) -> None:
    assert {"meeting.db", "transcript.json", "summary.md"} <= set(office.holding(SAID))
    assert office.names().count(f"{'a' * 64}.json") == 2

    assert office.remove() == []

    assert office.holding(SAID) == []
    assert office.names() == sorted(KEPT) * 2
    summaries_are_in = ["meeting.db", "summary.json", "summary.json", "summary.md", "summary.md"]
    assert office.holding("看了简历。") == summaries_are_in


def test_younger_ones_stay(office: Office) -> None:
    first, second = sorted(one.start_ts for one in office.metas)
    assert first < second
    assert office.remove(second) == []
    assert office.names().count("transcript.json") == 1
    assert office.damage() == []


def test_it_is_no_damage_and_may_be_asked_for_again(office: Office) -> None:
    for _ in range(2):
        assert office.remove() == []
        assert office.damage() == []
    rows = office.rows()
    assert rows.stats.differences() == []
    assert {stats.record_cnt for stats in rows.reading.stats()} == {2}
    rows.close()


def test_what_is_left_of_the_texts_is_made_again_from_the_rows(office: Office) -> None:
    office.remove()
    [page, *_] = (office.folder / "recordings").rglob("summary.md")
    before = page.read_bytes()
    page.unlink()
    page.with_name("summary.json").write_bytes(b"{}")

    assert office.damage(repair=True) == [Kind.TEXTS_LOST] * 2

    assert page.read_bytes() == before
    assert office.damage() == []
    assert office.holding(SAID) == []


def test_no_night_and_no_other_model_hears_it_again(office: Office) -> None:
    office.remove()
    before = office.files()
    office.transcriber = FakeTranscriber("fake model-2")
    office.summarizer = FakeSummarizer("fake prompt-2")

    for everywhere in (True, False):
        report = office.run(everywhere=everywhere)
        assert (report.exit_code, report.due) == (0, 0)
    assert office.transcriber.heard == office.summarizer.read == []
    assert office.files() == before


def test_rows_that_are_lost_then_are_no_reason_to_hear_it_again(office: Office) -> None:
    office.remove()
    rows = office.rows()
    with rows.engine.begin() as connection:
        connection.execute(delete(summaries).where(summaries.c.recording_id == 1))
    rows.close()

    assert office.damage(repair=True) == []

    office.transcriber.heard.clear()
    assert office.run().due == 0
    assert office.transcriber.heard == []


def test_a_file_that_cannot_be_removed_costs_no_other_and_is_tried_again(office: Office) -> None:
    first, second = sorted((office.folder / "recordings").rglob("transcript.json"))
    first.unlink()
    (first / "in the way").mkdir(parents=True)

    assert len(office.remove()) == 1

    assert not second.exists()
    assert office.damage() == [Kind.REMOVAL_BROKEN_OFF]
    (first / "in the way").rmdir()
    first.rmdir()
    assert office.remove() == []
    assert office.damage() == []


def test_foreign_files_stay(office: Office) -> None:
    [transcript, *_] = (office.folder / "recordings").rglob("transcript.json")
    mine = [transcript.parent / name for name in ("transcript.txt", "my.md", "calls/mine.json")]
    for path in mine:
        path.write_text("mine", "utf-8")

    assert office.remove() == []

    assert all(path.read_text("utf-8") == "mine" for path in mine)
    assert not transcript.exists()


def test_killed_at_any_step_nothing_is_damaged_or_heard_again_and_the_same_completes_it(
    tmp_path: Path,
) -> None:
    killed = 0
    for step in count(1, EVERY):
        office = Office(tmp_path / str(step), [meta(0), meta(1)]).heard()
        if not killed_at(step, office.remove):
            break
        killed += 1
        before = office.files()
        office.transcriber = FakeTranscriber("fake model-1")
        office.summarizer = FakeSummarizer("fake prompt-2")
        assert set(office.damage()) <= {Kind.REMOVAL_BROKEN_OFF}
        office.damage(repair=True)
        assert office.run(until=StageName.TRANSCRIBE).exit_code == 0
        assert office.run(everywhere=False).exit_code == 0
        assert office.transcriber.heard == [], f"killed at step {step}: {before}"

        assert office.remove() == []

        assert office.damage() == []
        assert office.holding(SAID) == []
        assert office.names() == sorted(KEPT) * 2
    assert killed > 5
