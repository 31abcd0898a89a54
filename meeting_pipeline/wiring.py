"""The composition root: names in the settings become objects, and nothing else does that.

Back ends are tables: a name, and the function that makes one. Heavy libraries are imported when
their back end is chosen.
"""

import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from meeting_pipeline import locking
from meeting_pipeline.adapters.db.database import Database, open_database
from meeting_pipeline.batch import Batch
from meeting_pipeline.config import Settings
from meeting_pipeline.domain.checks import Check
from meeting_pipeline.domain.views import RecordingDetail
from meeting_pipeline.errors import ConfigError, RecordError
from meeting_pipeline.events import Observers, RunObserver
from meeting_pipeline.gates import Gates
from meeting_pipeline.interrupts import Interrupts
from meeting_pipeline.pipeline import Pipeline
from meeting_pipeline.ports import (
    Downloader,
    MediaTool,
    RecordingSource,
    Summarizer,
    Transcriber,
)
from meeting_pipeline.record_worker import RecordWorker, RetryRules, Stages
from meeting_pipeline.run_log import RunLog
from meeting_pipeline.stages.base import Resource
from meeting_pipeline.stages.download import Download
from meeting_pipeline.stages.extract import Extract
from meeting_pipeline.stages.store import Store
from meeting_pipeline.stages.summarize import Summarize
from meeting_pipeline.stages.transcribe import Transcribe

if TYPE_CHECKING:
    from meeting_pipeline.adapters.db.migrate import SchemaStatus

Made = TypeVar("Made")


def utc_now() -> datetime:
    """The clock of the program."""
    return datetime.now(UTC)


def lock(settings: Settings, command: str) -> AbstractContextManager[None]:
    """The right to run in this installation; raises Busy when somebody else has it."""
    now = utc_now().astimezone(settings.source.zone)
    return locking.run_lock(settings.source.data_dir / "run.lock", command, now)


@contextmanager
def raw_database(settings: Settings) -> Iterator[Database]:
    """The rows, open while the block runs, whatever schema they have."""
    settings.source.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    rows = open_database(settings.database_url, settings.source.teacher_whitelist, utc_now)
    try:
        yield rows
    finally:
        rows.close()


@contextmanager
def database(settings: Settings) -> Iterator[Database]:
    """The rows, open while the block runs; an empty database gets its tables.

    Raises ConfigError when the tables are older or newer than the program.
    """
    with raw_database(settings) as rows:
        rows.make_ready()
        yield rows


def schema_status(settings: Settings) -> "SchemaStatus":
    """Which schema the database has, and which one this program needs."""
    from meeting_pipeline.adapters.db import migrate

    with raw_database(settings) as rows:
        return migrate.status(rows.engine)


def upgrade_schema(settings: Settings) -> "SchemaStatus":
    """Bring the tables to what this program needs."""
    from meeting_pipeline.adapters.db import migrate

    with raw_database(settings) as rows:
        return migrate.upgrade(rows.engine)


def schema_sql(dialect: str) -> str:
    """The whole schema as SQL; raises ConfigError for a dialect there is none for."""
    from meeting_pipeline.adapters.db import migrate

    if dialect not in migrate.DIALECTS:
        known = " or ".join(migrate.DIALECTS)
        raise ConfigError("bad_dialect", f"there is no SQL for {dialect!r}", hint=f"say {known}")
    return migrate.dump_sql(dialect)


def database_checks(settings: Settings) -> list[Check]:
    """Whether the database is fit; an empty one gets its tables first."""
    from meeting_pipeline.adapters.db import health

    with database(settings) as rows:
        return health.examine(rows.engine)


def find(rows: Database, reference: str) -> RecordingDetail:
    """The recording with this number or record id; raises RecordError("no_such_recording")."""
    number = rows.reading.find(reference)
    detail = rows.reading.show(number) if number is not None else None
    if detail is None:
        raise RecordError(
            "no_such_recording",
            f"there is no recording {reference}",
            hint="`meeting status` lists the numbers",
        )
    return detail


@contextmanager
def pipeline(settings: Settings, observer: RunObserver, jobs: int | None) -> Iterator[Pipeline]:
    """Everything a run needs, closed when the block ends. A signal ends the run in good order.

    jobs: records in flight, or None for what the settings say.
    """
    jobs = jobs or settings.run.jobs or cores()
    observers = Observers([RunLog(), observer])
    with database(settings) as rows, ExitStack() as services:
        media = media_tool()
        source = make_source(settings, media)
        transcriber = make_transcriber(settings, jobs, services)
        stages = Stages(
            Download(source, make_downloader(settings), media),
            Extract(media, transcriber.audio_format, settings.source.minimum_duration_s),
            Transcribe(transcriber),
            Summarize(make_summarizer(settings)),
            Store(rows.recordings),
        )
        gates = Gates(slots(settings, jobs))
        worker = RecordWorker(
            stages=stages,
            store=rows.recordings,
            folder=settings.source.data_dir / "recordings",
            gates=gates,
            observer=observers,
            rules=RetryRules(max_attempts=settings.run.max_attempts),
            now=utc_now,
        )

        def stop() -> None:
            gates.close()
            services.close()  # what runs now breaks off, and its record is deferred

        interrupts = Interrupts(on_first=stop)
        with interrupts.handled():
            yield Pipeline(
                source=source,
                recordings=rows.recordings,
                runs=rows.runs,
                stats=rows.stats,
                batch=Batch(worker, gates, observers, jobs),
                observer=observers,
                teachers=settings.source.teacher_whitelist,
                made_with=stages.made_with,
                stop_code=interrupts.exit_code,
            )


def cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0))


def slots(settings: Settings, jobs: int) -> Mapping[Resource, int]:
    """How much of each resource is used at once."""
    return {
        Resource.DOWNLOAD: settings.download.concurrency,
        Resource.CPU: cores(),
        Resource.ASR: jobs,
        Resource.LLM: jobs,
    }


def transcriber_name(settings: Settings) -> str:
    """ASR_BACKEND, or what "auto" comes to here."""
    return settings.speech.backend if settings.speech.backend != "auto" else "whisper"


def summarizer_name(settings: Settings) -> str:
    """LLM_BACKEND, or what leaving it empty comes to here."""
    return settings.language_model.backend or "extractive"


def media_tool() -> MediaTool:
    """ffmpeg where both its programs are installed, else PyAV, which comes with the program."""
    ffmpeg, ffprobe = shutil.which("ffmpeg"), shutil.which("ffprobe")
    if ffmpeg and ffprobe:
        from meeting_pipeline.adapters.media.ffmpeg import FFmpegMedia

        return FFmpegMedia(ffmpeg, ffprobe)
    from meeting_pipeline.adapters.media.pyav import PyAVMedia

    return PyAVMedia()


def model_cache() -> Path:
    """Where packaged model weights are put together, once for all installations of a user."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "meeting-pipeline"


def make_source(settings: Settings, media: MediaTool) -> RecordingSource:
    """What MEETING_SOURCE names."""
    return _chosen(SOURCES, settings.source_name)(settings, media)


def make_transcriber(settings: Settings, jobs: int, services: ExitStack) -> Transcriber:
    """What ASR_BACKEND names; what it holds open is given back with `services`."""
    return _chosen(TRANSCRIBERS, transcriber_name(settings))(settings, jobs, services)


def make_summarizer(settings: Settings) -> Summarizer:
    """What LLM_BACKEND names."""
    return _chosen(SUMMARIZERS, summarizer_name(settings))(settings)


def make_downloader(settings: Settings) -> Downloader:
    """What brings media of the chosen source here."""
    from meeting_pipeline.adapters.media.local_file import LocalFileDownloader

    return LocalFileDownloader()


def _folder_source(settings: Settings, media: MediaTool) -> RecordingSource:
    from meeting_pipeline.adapters.sources.folder import FolderSource

    folder = settings.source.folder
    if folder is None:
        raise ConfigError(
            "no_folder",
            "MEETING_FOLDER is not set, and neither are the Tencent credentials",
            hint="set MEETING_FOLDER, or TQM_SECRET_ID and TQM_SECRET_KEY; or try `meeting demo`",
        )
    if folder.absolute() == settings.source.data_dir.absolute():
        raise ConfigError(
            "same_folder",
            "MEETING_FOLDER and DATA_DIR are the same folder",
            hint="keep recordings and the program's own files apart",
        )
    return FolderSource(
        folder,
        settle_s=settings.source.settle_s,
        zone=settings.source.zone,
        index_file=settings.source.data_dir / "folder-index.json",
        probe=media.probe,
        now=utc_now,
    )


def _whisper(settings: Settings, jobs: int, services: ExitStack) -> Transcriber:
    from meeting_pipeline.adapters.asr.whisper import WhisperTranscriber

    speech = settings.speech
    transcriber = WhisperTranscriber(
        model=speech.whisper_model,
        language=speech.language,
        beam=speech.whisper_beam,
        cache_dir=model_cache(),
        processes=min(jobs, cores()),
    )
    services.callback(transcriber.close)
    return transcriber


def _extractive(settings: Settings) -> Summarizer:
    from meeting_pipeline.adapters.llm.extractive import ExtractiveSummarizer

    return ExtractiveSummarizer()


SOURCES: Mapping[str, Callable[[Settings, MediaTool], RecordingSource]] = {
    "folder": _folder_source,
}
TRANSCRIBERS: Mapping[str, Callable[[Settings, int, ExitStack], Transcriber]] = {
    "whisper": _whisper,
}
SUMMARIZERS: Mapping[str, Callable[[Settings], Summarizer]] = {
    "extractive": _extractive,
}


def _chosen(table: Mapping[str, Made], name: str) -> Made:
    if name not in table:
        raise ConfigError(
            "no_back_end", f"there is no back end {name!r}", hint=f"choose {', '.join(table)}"
        )
    return table[name]
