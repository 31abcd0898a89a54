"""The composition of a run from settings, rows and back ends."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.adapters.db.run_lock import DatabaseRunLock
from meeting_pipeline.domain.timing import Resource
from meeting_pipeline.ports.observer import Observers, RunObserver
from meeting_pipeline.ports.sources import NamesFiles, RecordingSource
from meeting_pipeline.run.batch import Batch
from meeting_pipeline.run.gates import Gates
from meeting_pipeline.run.observers.run_log import RunLog
from meeting_pipeline.run.observers.stopwatch import Stopwatch
from meeting_pipeline.run.pipeline import Pipeline
from meeting_pipeline.run.record_worker import RecordWorker, RetryRules, Stages
from meeting_pipeline.runtime.interrupts import Interrupts
from meeting_pipeline.runtime.memory import share_one_arena
from meeting_pipeline.settings.config import Settings
from meeting_pipeline.stages.download import Download
from meeting_pipeline.stages.extract import Extract
from meeting_pipeline.stages.store import Store
from meeting_pipeline.stages.summarize import Summarize
from meeting_pipeline.stages.transcribe import Transcribe
from meeting_pipeline.upkeep.retention import RetentionObserver
from meeting_pipeline.wiring import backends, capacity, stores
from meeting_pipeline.wiring.backends import utc_now
from meeting_pipeline.wiring.context import BackendContext
from meeting_pipeline.wiring.transcribers import make_transcriber


@contextmanager
def pipeline(
    settings: Settings,
    observer: RunObserver,
    jobs: int | None,
    held: DatabaseRunLock | None = None,
    max_runtime_s: float | None = None,
) -> Iterator[Pipeline]:
    """Compose a run, and close what it holds when the block ends.

    A signal ends the run in good order.

    Args:
        settings: The settings.
        observer: Is told what happens.
        jobs: How many recordings are in flight, or None for what the settings say.
        held: The lock on the database, as `stores.lock` gave it.
        max_runtime_s: Seconds after which no work is started, or None for what the settings say.
    """
    with stores.database(settings) as rows:
        yield from _composed(settings, rows, observer, jobs, held, max_runtime_s)


@contextmanager
def planning_pipeline(
    settings: Settings, command: str, observer: RunObserver, jobs: int | None
) -> Iterator[Pipeline]:
    """Compose a run that is only planned; where there are no rows yet, nothing is made for it.

    Args:
        settings: The settings.
        command: The command that other runs are told is the lock holder.
        observer: Is told what happens.
        jobs: How many recordings would be in flight, or None for what the settings say.

    Raises:
        Busy: A run is at work.
        ConfigError: A setting does not work.
        FatalError: The database cannot be reached.
    """
    with stores.planning(settings, command) as rows:
        yield from _composed(settings, rows, observer, jobs)


def _composed(
    settings: Settings,
    rows: Database,
    observer: RunObserver,
    jobs: int | None,
    held: DatabaseRunLock | None = None,
    max_runtime_s: float | None = None,
) -> Iterator[Pipeline]:
    share_one_arena()
    jobs = jobs or settings.run.jobs or capacity.default_jobs(settings)
    gates = Gates(capacity.slots(settings, jobs))
    stopwatch = Stopwatch(gates)
    has_folder = settings.source.data_dir.is_dir()  # a plan makes none to count calls
    with ExitStack() as services:
        context = BackendContext(settings, jobs, gates.closed, services, gates, has_folder)
        source = backends.make_source(context)
        retention = stores.retention(settings, rows, backends.source_clock(source))
        tidying = RetentionObserver(retention)
        observers = Observers([RunLog(), stopwatch, tidying, observer])
        observers.gates_opened(gates.use)
        stages = _stages(context, source, rows)
        worker = RecordWorker(
            stages=stages,
            store=rows.recordings,
            folder=stores.recordings_folder(settings),
            gates=gates,
            observer=observers,
            rules=RetryRules(max_attempts=settings.run.max_attempts),
            now=utc_now,
            file_name=source.file_name if isinstance(source, NamesFiles) else lambda meta: None,
        )

        interrupts = Interrupts(
            close_doors=gates.close,
            break_off=services.close,  # the records of what runs now are deferred
            max_runtime_s=max_runtime_s or settings.run.max_runtime_s,
            last_words=observers.run_given_up,
        )
        if held is not None:
            held.guard(rows.engine)
        with interrupts.handled():
            yield Pipeline(
                source=source,
                recordings=rows.recordings,
                runs=rows.runs,
                stats=rows.stats,
                batch=Batch(worker, gates, observers, jobs),
                observer=observers,
                stopwatch=stopwatch,
                teachers=settings.source.teacher_whitelist,
                made_with=stages.made_with,
                stop_code=interrupts.exit_code,
                stop_reason=interrupts.reason,
            )


def _stages(context: BackendContext, source: RecordingSource, rows: Database) -> Stages:
    transcriber = make_transcriber(context, source)
    minimum_s = context.settings.source.minimum_duration_s
    cpu = context.gate(Resource.CPU)
    return Stages(
        Download(
            source,
            backends.make_downloader(context),
            context.probe,
            rows.recordings.note_links,
            context.gate(Resource.DOWNLOAD),
            cpu,
            context.prepare_decoders,
        ),
        Extract(context.media, transcriber.audio, minimum_s, cpu),
        Transcribe(transcriber, rows.recordings),
        Summarize(backends.make_summarizer(context)),
        Store(rows.recordings),
    )
