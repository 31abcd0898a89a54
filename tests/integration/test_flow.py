"""Several records in flight: fed while the source lists, held back by what is full, told truly."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from meeting_pipeline import exit_codes
from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.domain.stages import Outcome, StageName
from meeting_pipeline.domain.timing import Resource, StageWork
from meeting_pipeline.domain.views import RecordingFilter
from meeting_pipeline.errors import (
    ConfigError,
    FatalError,
    MeetingError,
    RecordError,
    RetryableError,
    Stopped,
)
from meeting_pipeline.ports.media import ExtractedAudio
from meeting_pipeline.ports.observer import RunObserver
from meeting_pipeline.ports.progress import Progress
from meeting_pipeline.ports.stage_context import StageContext
from meeting_pipeline.run.gates import Gates
from tests.support.fakes import FakeMedia, FakeSource, meta
from tests.support.nights import Installation

PATIENCE_S = 30.0
ALL = RecordingFilter()
METAS = [meta(number) for number in range(45)]


@dataclass
class Watched(RunObserver):
    """Remembers what happened, in order."""

    events: list[str] = field(default_factory=list)
    planned: list[int] = field(default_factory=list)

    def work_planned(self, due: int) -> None:
        self.planned.append(due)

    def records_listed(self, listed: int, new: int) -> None:
        self.events.append(f"listed {listed}")

    def record_started(self, recording_id: int, meta: RecordMeta) -> None:
        self.events.append(f"{recording_id} begins")

    def stage_finished(
        self, recording_id: int, meta: RecordMeta, stage: StageName, work: StageWork
    ) -> None:
        self.events.append(f"{recording_id} {stage}")


def listing(
    change: Callable[[Iterator[RecordMeta]], Iterator[RecordMeta]],
) -> Callable[[FakeSource], None]:
    """A source whose listing goes through `change`."""

    def changed(source: FakeSource) -> None:
        original = source.list_records
        source.list_records = lambda window: change(original(window))  # type: ignore[method-assign]

    return changed


@pytest.mark.parametrize("jobs", [1, 4])
def test_work_begins_while_the_source_is_still_listing(tmp_path: Path, jobs: int) -> None:
    installation = Installation(tmp_path, METAS, jobs=jobs)
    begun = threading.Event()

    def heard(context: StageContext) -> None:
        begun.set()

    def slow(metas: Iterator[RecordMeta]) -> Iterator[RecordMeta]:
        for number, one in enumerate(metas):
            if number == 30:
                assert begun.wait(PATIENCE_S), "nothing is worked on before the listing is over"
            yield one

    installation.transcriber.trouble = heard
    installation.change_source = listing(slow)

    report = installation.run()

    assert (report.listed, report.count(Outcome.DONE)) == (45, 45)
    assert report.adds_up()
    assert report.exit_code == exit_codes.OK


def test_a_listing_is_read_no_further_ahead_than_the_work_can_follow(tmp_path: Path) -> None:
    installation = Installation(tmp_path, METAS, jobs=2)
    read: list[RecordMeta] = []
    ahead: list[int] = []

    def counted(metas: Iterator[RecordMeta]) -> Iterator[RecordMeta]:
        for one in metas:
            read.append(one)
            yield one

    def trouble(context: StageContext) -> None:
        ahead.append(len(read) - len(installation.transcriber.heard))

    installation.transcriber.trouble = trouble
    installation.change_source = listing(counted)

    installation.run()

    assert ahead[0] <= 20, "the first page is worked on before the second is read"
    assert len(read) == 45


def test_with_one_job_a_record_is_through_before_the_next_begins(tmp_path: Path) -> None:
    watched = Watched()
    Installation(tmp_path, METAS[:25], jobs=1, observer=watched).run()

    told = [event for event in watched.events if not event.startswith("listed")]
    stages = [name.value for name in StageName]
    assert told == [f"{number} {what}" for number in range(1, 26) for what in ("begins", *stages)]
    assert watched.planned == [4, 12, 25]


def test_many_jobs_come_to_the_same_rows_as_one(tmp_path: Path) -> None:
    one, many = (Installation(tmp_path / str(jobs), METAS[:25], jobs=jobs) for jobs in (1, 8))
    for installation in (one, many):
        installation.folder.mkdir()
        installation.run()
    assert one.files() == many.files()
    assert one.rows().reading.stats() == many.rows().reading.stats()
    seen = [
        {(view.record_id, view.status, view.phase) for view in rows.reading.recordings(ALL)}
        for rows in (one.rows(), many.rows())
    ]
    assert seen[0] == seen[1]


def test_what_was_due_before_and_is_not_listed_comes_last_and_once(tmp_path: Path) -> None:
    installation = Installation(tmp_path, METAS[:3])
    installation.transcriber.trouble = lambda context: (
        RetryableError("busy", "busy", retry_after_s=9_999)
        if context.meta.key == METAS[0].key
        else None
    )
    installation.run()
    installation.later(days=2)
    installation.transcriber.trouble = lambda context: None
    installation.change_source = lambda source: source.metas.remove(METAS[0])

    report = installation.run()

    assert [record.record_id for record in report.records] == [METAS[0].key.record_id]
    assert report.records[0].status is Outcome.DONE
    assert (report.listed, report.due) == (2, 1)


def test_a_limit_takes_the_oldest_of_all(tmp_path: Path) -> None:
    newest_first = list(reversed(METAS))
    report = Installation(tmp_path, newest_first, jobs=2).run(limit=3)
    assert [one.record_id for one in report.records] == [one.key.record_id for one in METAS[:3]]


def test_what_was_listed_before_trouble_is_kept_and_worked_on(tmp_path: Path) -> None:
    installation = Installation(tmp_path, METAS[:7])

    def broken(source: FakeSource) -> None:
        source.trouble = RetryableError("network", "gone")

    installation.change_source = broken
    report = installation.run()
    assert (report.listed, report.count(Outcome.DONE), report.listing_complete) == (7, 7, False)
    assert (report.stopped_by, report.exit_code) == ("network", exit_codes.RECORDS_FAILED)


@pytest.mark.parametrize(
    ("trouble", "exit_code"),
    [
        (FatalError("signature_refused", "no"), exit_codes.STOPPED_EARLY),
        (Stopped("stopped", "asked to end"), exit_codes.RECORDS_FAILED),
    ],
)
def test_a_listing_that_cannot_go_on_ends_the_intake_and_closes_the_row_of_the_run(
    tmp_path: Path, trouble: MeetingError, exit_code: int
) -> None:
    installation = Installation(tmp_path, METAS[:7])
    installation.run()
    installation.later(days=2)

    def broken(source: FakeSource) -> None:
        source.metas.clear()
        source.trouble = trouble

    installation.change_source = broken
    report = installation.run()
    assert (report.due, report.listing_complete) == (0, False)
    assert (report.stopped_by, report.exit_code) == (trouble.code, exit_code)
    [latest, _first] = installation.rows().reading.runs(2)
    assert (latest.finished_at is not None, latest.stopped_by) == (True, trouble.code)


def test_a_wrong_setting_found_while_listing_is_raised_after_the_row_is_closed(
    tmp_path: Path,
) -> None:
    installation = Installation(tmp_path, METAS[:25])

    def wrong(metas: Iterator[RecordMeta]) -> Iterator[RecordMeta]:
        yield from metas
        raise ConfigError("bad_address", "no such address")

    installation.change_source = listing(wrong)
    with pytest.raises(ConfigError):
        installation.run()
    [latest] = installation.rows().reading.runs(1)
    assert (latest.exit_code, latest.stopped_by) == (exit_codes.CONFIG, "bad_address")
    assert latest.done == 25, "what came before is kept and worked on"


def test_a_fatal_error_defers_what_is_left_and_keeps_what_is_done(tmp_path: Path) -> None:
    installation = Installation(tmp_path, METAS[:25], jobs=1)
    installation.transcriber.trouble = lambda context: (
        FatalError("quota", "spent") if context.meta.key == METAS[5].key else None
    )
    report = installation.run()
    assert (report.count(Outcome.DONE), report.count(Outcome.DEFERRED)) == (5, report.due - 5)
    assert (report.stopped_by, report.exit_code) == ("quota", exit_codes.STOPPED_EARLY)
    installation.transcriber.trouble = lambda context: None
    installation.gates = Gates(dict.fromkeys(Resource, 2))
    again = installation.run()
    assert (again.count(Outcome.DONE), again.exit_code) == (20, exit_codes.OK)


def test_poison_costs_only_itself(tmp_path: Path) -> None:
    installation = Installation(tmp_path, METAS, jobs=6)
    poison = {one.key for one in METAS[::20]}
    installation.transcriber.trouble = lambda context: (
        RecordError("bad", "bad") if context.meta.key in poison else None
    )
    report = installation.run()
    assert (report.count(Outcome.DONE), report.count(Outcome.FAILED)) == (42, 3)


def test_the_report_says_where_the_time_went(tmp_path: Path) -> None:
    report = Installation(tmp_path, METAS[:5], jobs=2).run()
    timing = report.timing
    assert {name: stage.count for name, stage in timing.stages.items()} == dict.fromkeys(
        [name.value for name in StageName], 5
    )
    assert timing.stages["download"].size_bytes > 0
    uses = {use.resource: use for use in timing.gates}
    assert uses[Resource.DOWNLOAD].entries == 5
    assert all(use.used == use.waiting == 0 for use in timing.gates)
    assert 0 < timing.lower_bound_s <= timing.seconds
    assert timing.ratio is not None
    assert timing.ratio >= 1.0


@dataclass
class CrowdedMedia(FakeMedia):
    """Remembers how many were at the processor's gate whenever somebody was let in."""

    gates: Gates = field(default_factory=lambda: Gates({}))
    inside: list[int] = field(default_factory=list)

    def extract(
        self,
        media: Path,
        target: Path,
        audio_format: str,
        progress: Progress,
        accept_damage: bool = False,
    ) -> ExtractedAudio:
        self.inside.append(self.gates[Resource.CPU].use().used)
        return super().extract(media, target, audio_format, progress, accept_damage)


def test_a_full_gate_lets_nobody_else_into_its_stage(tmp_path: Path) -> None:
    gates = Gates({**dict.fromkeys(Resource, 8), Resource.CPU: 1})
    media = CrowdedMedia(gates=gates)
    installation = Installation(tmp_path, METAS[:20], jobs=8, gates=gates, media=media)
    assert installation.run().count(Outcome.DONE) == 20
    assert media.inside == [1] * 20
