"""The rows of one night, written by our own stores as a run writes them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bench.growing.rows import NEVER, NIGHT, PER_DAY, SETTINGS, SOURCE, Company, talk
from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.domain.model import Participant, RecordMeta, Usage
from meeting_pipeline.domain.stages import (
    Artifact,
    Outcome,
    RecordOutcome,
    RecordStatus,
    RunReport,
    StageName,
    StageStatus,
)
from meeting_pipeline.domain.window import Window
from meeting_pipeline.ports.rows import DueRecord, StageFailure
from meeting_pipeline.ports.sources import MediaLink
from meeting_pipeline.stages.fetch import Listing, fetch
from tests.support.rows import set_watermark

COMMAND = "measured night"
_LOOK_BACK = timedelta(days=7)
_ONE_IN_FIFTY_FAILS = 50


class Clock:
    """A clock that always shows the beginning of a night."""

    def __init__(self) -> None:
        self.now = NIGHT

    def __call__(self) -> datetime:
        return self.now


@dataclass
class ListedSource:
    """A source that lists the recordings from number `first` to `last`, newest first."""

    company: Company
    first: int
    last: int
    name: str = SOURCE
    waiting: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    oldest_waiting: datetime | None = None
    notes: tuple[str, ...] = ()

    def list_records(self, window: Window) -> Iterator[RecordMeta]:
        return (self.company.meta(number) for number in range(self.last, self.first - 1, -1))

    def participants(self, meta: RecordMeta) -> tuple[Participant, ...] | None:
        return meta.participants

    def locate(self, meta: RecordMeta) -> MediaLink:
        return MediaLink("https://media.invalid/x", "m4a", play_url=meta.play_url)


def work_through(rows: Database, company: Company, night: int, clock: Clock, new: int) -> RunReport:
    """The night-th night (from 0): a listing with `new` new ones, all their stages, statistics."""
    clock.now = NIGHT + timedelta(days=night + 1)
    last = company.size + PER_DAY * night + new
    first = max(company.size + PER_DAY * night + 1 - 7 * PER_DAY, 1)
    known_until = rows.runs.watermark(SOURCE) or clock.now
    window = Window(known_until - _LOOK_BACK, clock.now)
    run_id = rows.runs.start(COMMAND, window)
    pages = fetch(ListedSource(company, first, last), rows.recordings, window, [])
    listing, due = Listing(), list[DueRecord]()
    for page in pages:
        listing += page.listing
        due += rows.recordings.due_among(page.metas)
    assert not rows.recordings.due(None, SETTINGS, None)[len(due) :], "the listing left some out"
    outcomes = tuple(_process(rows, record, run_id) for record in due)
    rows.stats.refresh()
    report = RunReport(
        run_id=run_id,
        window=window,
        listed=listing.total,
        new=listing.new,
        known=listing.known,
        due=len(due),
        records=outcomes,
        exit_code=0,
        seconds=0.0,
        usage=rows.runs.usage(run_id),
    )
    rows.runs.finish(report)
    set_watermark(rows.runs, SOURCE, clock.now)
    return report


def _process(rows: Database, record: DueRecord, run_id: int) -> RecordOutcome:
    """What a run writes of one record; the stages themselves take no time here."""
    store = rows.recordings
    if int(record.meta.key.record_id) % _ONE_IN_FIFTY_FAILS == 0:
        store.begin_stage(record.id, StageName.DOWNLOAD, SETTINGS)
        failure = StageFailure(
            StageName.DOWNLOAD, StageStatus.FAILED, "timeout", "no answer", NEVER
        )
        store.set_back(record.id, failure, RecordStatus.FAILED)
        return RecordOutcome.of(record.id, record.meta, Outcome.FAILED)
    for stage in StageName:
        _take(rows, record, run_id, stage)
    store.finish(record.id, SETTINGS)
    return RecordOutcome.of(record.id, record.meta, Outcome.DONE)


def _take(rows: Database, record: DueRecord, run_id: int, stage: StageName) -> None:
    """Write what a run writes of one stage: two commits and what lies between them."""
    store, number = rows.recordings, record.id
    store.begin_stage(number, stage, SETTINGS)
    if stage is StageName.DOWNLOAD:
        link = MediaLink("https://media.invalid/x", "m4a", play_url=record.meta.play_url)
        store.note_links(number, link)
    if stage is StageName.TRANSCRIBE:
        store.spent(number, run_id, Usage("asr", "asr", "whisper-1", audio_seconds=3600.0))
    if stage is StageName.SUMMARIZE:
        store.spent(number, run_id, Usage("llm", "llm", "kimi-k2.6", 0.0, 20_000, 900, 0.3))
    if stage is StageName.STORE:
        store.save(number, talk(number))
    store.end_stage(number, stage, Artifact(f"{stage}.bin", 1 << 20, SETTINGS, 3600.0))
