"""A pipeline over real rows and files with back ends by order."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.adapters.downloads.local_file import LocalFileDownloader
from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.domain.stages import RunReport, RunRequest, StageName
from meeting_pipeline.domain.timing import Resource
from meeting_pipeline.domain.window import Window
from meeting_pipeline.ports.observer import Observers, RunObserver
from meeting_pipeline.run.batch import Batch
from meeting_pipeline.run.gates import Gates
from meeting_pipeline.run.observers.stopwatch import Stopwatch
from meeting_pipeline.run.pipeline import Pipeline
from meeting_pipeline.run.record_worker import RecordWorker, RetryRules, Stages
from meeting_pipeline.stages.download import Download
from meeting_pipeline.stages.extract import Extract
from meeting_pipeline.stages.store import Store
from meeting_pipeline.stages.summarize import Summarize
from meeting_pipeline.stages.transcribe import Transcribe
from tests.support.fakes import MEDIA, FakeMedia, FakeSource, FakeSummarizer, FakeTranscriber

ALL_TIME = Window(datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC))


@dataclass
class Installation:
    """One installation in a folder; each `run` is a new process in all but name."""

    folder: Path
    metas: Sequence[RecordMeta]
    transcriber: FakeTranscriber = field(default_factory=FakeTranscriber)
    summarizer: FakeSummarizer = field(default_factory=FakeSummarizer)
    media: FakeMedia = field(default_factory=FakeMedia)
    teachers: Sequence[str] = ("teacher_li",)
    jobs: int = 1
    now: datetime = datetime(2026, 2, 1, tzinfo=UTC)
    observer: RunObserver = field(default_factory=RunObserver)
    gates: Gates = field(default_factory=lambda: Gates(dict.fromkeys(Resource, 2)))
    change_source: Callable[[FakeSource], None] = lambda source: None

    def run(
        self, until: StageName | None = None, everywhere: bool = True, limit: int | None = None
    ) -> RunReport:
        """List everything, then work on what is due."""
        rows = self.rows()
        try:
            wanted = RunRequest("run", ALL_TIME, until=until, everywhere=everywhere, limit=limit)
            return self.pipeline(rows).run(wanted)
        finally:
            rows.close()

    def rows(self) -> Database:
        """The rows of this installation."""
        rows = Database(f"sqlite:///{self.folder / 'meeting.db'}", self.teachers, lambda: self.now)
        rows.make_ready()
        return rows

    def later(self, **by: float) -> None:
        """Let time pass."""
        self.now += timedelta(**by)

    def files(self) -> list[str]:
        """Everything in the record folders, by path."""
        root = self.folder / "recordings"
        return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())

    def media_file(self) -> Path:
        """What every link leads to."""
        path = self.folder / "source.m4a"
        if not path.exists():
            path.write_bytes(MEDIA)
        return path

    def pipeline(self, rows: Database) -> Pipeline:
        """Put together as the composition root does it."""
        source = FakeSource(list(self.metas), self.media_file())
        self.change_source(source)
        stages = Stages(
            Download(
                source,
                LocalFileDownloader(),
                self.media.probe,
                rows.recordings.note_links,
                self.gates[Resource.DOWNLOAD],
                self.gates[Resource.CPU],
            ),
            Extract(self.media, self.transcriber.audio, 30.0, self.gates[Resource.CPU]),
            Transcribe(self.transcriber, rows.recordings),
            Summarize(self.summarizer),
            Store(rows.recordings),
        )
        stopwatch = Stopwatch(self.gates)
        observer = Observers([stopwatch, self.observer])
        worker = RecordWorker(
            stages=stages,
            store=rows.recordings,
            folder=self.folder / "recordings",
            gates=self.gates,
            observer=observer,
            rules=RetryRules(),
            now=lambda: self.now,
        )
        return Pipeline(
            source=source,
            recordings=rows.recordings,
            runs=rows.runs,
            stats=rows.stats,
            batch=Batch(worker, self.gates, observer, self.jobs),
            observer=observer,
            stopwatch=stopwatch,
            teachers=self.teachers,
            made_with=stages.made_with,
            stop_code=lambda: None,
        )
