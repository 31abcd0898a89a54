"""An installation whose Tencent Meeting, media host, speech service and Kimi are a sandbox."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from meeting_pipeline.actions.night import night
from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.domain.stages import RunReport, StageStatus
from meeting_pipeline.domain.views import RecordingDetail, RecordingFilter, RecordingView
from meeting_pipeline.ports.observer import RunObserver
from meeting_pipeline.sandbox.server import Sandbox
from meeting_pipeline.settings import config
from meeting_pipeline.settings.config import Settings
from meeting_pipeline.wiring import stores
from tests.support.canaries import ENVIRONMENT

NO_FILE = Path("no.env")
FILES = (
    "recording.m4a",
    "audio.flac",
    "audio.levels",
    "transcript.json",
    "summary.json",
    "summary.md",
)
"""What a finished recording leaves in its folder."""

TEACHERS = '["teacher_0","teacher_1","teacher_2"]'


@dataclass
class Office:
    """Each `night` is a process of its own in all but name. changes: of the sandbox's settings."""

    sandbox: Sandbox
    folder: Path
    scope: str = "corp"
    changes: Mapping[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        """Every setting, as a process would find it."""
        ours = {"DATA_DIR": str(self.folder), "TEACHER_WHITELIST": TEACHERS}
        return {**self.sandbox.environment(self.scope), **ENVIRONMENT, **ours, **self.changes}

    @property
    def settings(self) -> Settings:
        return config.load(NO_FILE, self.environment)

    def night(self) -> RunReport:
        """One incremental night."""
        report = night(self.settings, RunObserver())
        assert report.adds_up()
        return report

    @contextmanager
    def database(self) -> Iterator[Database]:
        with stores.database(self.settings) as rows:
            yield rows

    def rows(self) -> dict[str, RecordingView]:
        """Every row by its record id; asserts that the statistics are those of the rows."""
        with self.database() as rows:
            views = rows.reading.recordings(RecordingFilter())
            assert rows.stats.differences() == []
        by_id = {view.record_id: view for view in views}
        assert len(by_id) == len(views), "a recording has two rows"
        return by_id

    def only(self) -> RecordingView:
        """The only row."""
        (row,) = self.rows().values()
        return row

    def detail(self, record_id: str) -> RecordingDetail:
        with self.database() as rows:
            number = rows.reading.find(record_id)
            detail = rows.reading.show(number) if number is not None else None
        assert detail is not None
        return detail

    def watermark(self) -> datetime | None:
        """Everything before this is known."""
        with self.database() as rows:
            return rows.runs.watermark("tencent")

    def first_error(self) -> tuple[str | None, int]:
        """Of the only row: the code of the stage that failed, and its attempts."""
        entries = self.only().stages.values()
        failed = [entry for entry in entries if entry.status is not StageStatus.DONE]
        return failed[0].error_code, failed[0].attempts

    def files(self) -> list[str]:
        """The names of all files in the folders of recordings."""
        root = self.folder / "recordings"
        return sorted(path.name for path in root.rglob("*") if path.is_file())

    def make_due(self) -> None:
        """Reopen what failed, as `meeting retry` does, instead of waiting for its time."""
        with self.database() as rows:
            for view in rows.reading.recordings(RecordingFilter(failed=True)):
                rows.recordings.retry(view.id)
