"""What the pipeline needs from outside, as small protocols.

Adapters implement them and raise only `meeting_pipeline.errors`; each port has one suite of
contract tests that every adapter behind it passes.
"""

from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from meeting_pipeline.domain.erasure import Scope, Words
from meeting_pipeline.domain.model import (
    Audio,
    Minutes,
    Participant,
    RecordMeta,
    Summary,
    Transcript,
    Usage,
)
from meeting_pipeline.domain.retention import Cutoffs, Kept, Leftover, OldText
from meeting_pipeline.domain.stages import (
    Artifact,
    EndedStage,
    LedgerEntry,
    RecordStatus,
    RunReport,
    StageName,
    StageStatus,
    UsageTotals,
)
from meeting_pipeline.domain.views import RecordingView
from meeting_pipeline.domain.window import Window
from meeting_pipeline.files import RecordFolder

Progress = Callable[[float], None]
"""Told how far a piece of work is, 0..1."""


def no_progress(fraction: float) -> None:
    """For callers that nobody watches."""


@dataclass(frozen=True)
class Job:
    """What a stage is given beside its input: which record, its folder, and whom to tell.

    spent: called once for each call that used a service, as soon as its result is safe on disk.
    """

    recording_id: int
    meta: RecordMeta
    folder: RecordFolder
    progress: Progress
    spent: Callable[[Usage], None]


class Gate(Protocol):
    """Lets in as many as a resource takes at once."""

    def slot(self) -> AbstractContextManager[None]:
        """Wait for a place, hold it while the block runs.

        Raises Stopped once the run is asked to end.
        """


class _OpenGate:
    def slot(self) -> AbstractContextManager[None]:
        return nullcontext()


OPEN: Gate = _OpenGate()
"""For a resource that takes everybody."""


# ── sources and media ────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class MediaLink:
    """Where the media of one recording can be had right now.

    url: https:// with its credential, or file:// for a local file; never stored, never logged.
    suffix: "m4a", "mp4" … as the file will be named. size_bytes, sha256: as promised, or None.
    play_url, download_url: what may be stored, as in RecordMeta; None where the source has none.
    """

    url: str
    suffix: str
    size_bytes: int | None = None
    sha256: str | None = None
    play_url: str | None = None
    download_url: str | None = None


class RecordingSource(Protocol):
    """Lists recordings and says where their media is."""

    @property
    def name(self) -> str:
        """The `source` part of every key from here."""

    @property
    def waiting(self) -> int:
        """How many recordings the last listing saw that cannot be listed yet (still written)."""

    @property
    def oldest_waiting(self) -> datetime | None:
        """When the first recording began that has no files yet (aware UTC); None without any."""

    def list_records(self, window: Window) -> Iterator[RecordMeta]:
        """Every recording that starts in the window, each key once.

        Either complete or an error: raises RetryableError or FatalError when a part is missing.
        """

    def participants(self, meta: RecordMeta) -> tuple[Participant, ...] | None:
        """Who was there, asked for one recording; None where the source will not say."""

    def locate(self, meta: RecordMeta) -> MediaLink:
        """A link that works now; ask right before each download.

        Raises SkipRecord when there is nothing to download, RetryableError when there is not yet.
        """


class Downloader(Protocol):
    """Brings the bytes behind a link into a file."""

    def fetch(self, link: MediaLink, part: Path, progress: Progress) -> None:
        """Fill `part` completely, going on from what an earlier attempt left there.

        Raises LinkExpired when the link is no longer honoured, RetryableError for trouble on the
        way, RecordError for an answer that is no media, FatalError when the disk is full.
        """


@dataclass(frozen=True)
class MediaInfo:
    """What a container promises. duration_s: None where it does not say.

    m4a_bytes: how large its sound would be in an m4a, packet by packet as it is; None where it
    cannot be put there (another codec, or nobody knows).
    """

    duration_s: float | None
    has_audio: bool
    audio_codec: str | None
    created_at: datetime | None
    m4a_bytes: int | None = None


@dataclass(frozen=True)
class ExtractedAudio:
    """What came out. duration_s: decoded seconds; silent_share: 0..1 of it below -50 dBFS.

    levels: how loud it is, see `domain.levels`.
    """

    duration_s: float
    silent_share: float
    levels: "array[float]"


Probe = Callable[[Path], MediaInfo]
"""Looks into a media file, as `MediaTool.probe` does."""


class MediaTool(Protocol):
    """Looks into media files and takes their sound out."""

    def probe(self, media: Path) -> MediaInfo:
        """Raises RecordError("not_media") for a file that is no media container.

        ("truncated_media") for one whose container shows that its end is missing.
        """

    def extract(
        self, media: Path, target: Path, audio_format: str, progress: Progress
    ) -> ExtractedAudio:
        """Write the first audio track as mono 16 kHz "flac" (16 bit), "wav" or "mp3" (32 kbit/s).

        Or as "m4a": its packets as they are, where the probe said that they can be put there.
        Raises RecordError("corrupt_media") when any part of it cannot be decoded,
        FatalError("disk_full").
        """


# ── understanding ────────────────────────────────────────────────────────────────────────────────


AUDIO_FORMATS = ("m4a", "mp3", "flac", "wav")


@dataclass(frozen=True)
class AudioWanted:
    """How a transcriber wants its audio.

    format: what is made of every recording ("flac", "wav", "mp3"); but the sound of one that is no
    larger than as_it_is_bytes and no longer than as_it_is_s goes into an "m4a" as it is, which
    takes a third of the time and loses nothing.
    """

    format: str
    as_it_is_bytes: int = 0
    as_it_is_s: float = 0.0

    def format_of(self, media: MediaInfo) -> str:
        """What is to be made of this recording."""
        size, duration_s = media.m4a_bytes, media.duration_s
        if size is None or duration_s is None:
            return self.format
        is_small = size <= self.as_it_is_bytes and duration_s <= self.as_it_is_s
        return "m4a" if is_small else self.format


class Transcriber(Protocol):
    """Turns speech into text."""

    @property
    def settings(self) -> str:
        """What of the settings changes its result, as one line ("whisper base zh beam=5")."""

    @property
    def audio(self) -> AudioWanted:
        """How it wants its audio."""

    def transcribe(self, audio: Audio, job: Job) -> Transcript:
        """Raises SkipRecord("no_speech") when nobody speaks, else whatever the service says."""


class Summarizer(Protocol):
    """Says what a session was about."""

    @property
    def settings(self) -> str:
        """What of the settings changes its result (model, prompt and version)."""

    def summarize(self, transcript: Transcript, job: Job) -> Summary:
        """Raises RecordError when no valid summary can be had; never invents one."""


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Listed:
    """How many of a listing were new; waiting: not final at the source yet (among both)."""

    new: int
    known: int
    waiting: int


@dataclass(frozen=True)
class DueRecord:
    """A recording that a run shall work on. id: our own number.

    crashes: how many runs in a row ended, without a word, while they were at its present stage.
    """

    id: int
    meta: RecordMeta
    crashes: int = 0


@dataclass(frozen=True)
class Setback:
    """Why a stage did not end well, as ledger and recording will say it.

    made_with: the settings of this run, so that a skip is thought over again once they change.
    """

    stage: StageName
    status: StageStatus
    code: str
    message: str
    next_attempt_at: datetime | None = None
    made_with: str | None = None


class RecordingStore(Protocol):
    """The rows of recordings and their ledger. Every method is one committed transaction."""

    def upsert(self, listed: Sequence[RecordMeta]) -> Listed:
        """Rows for what a source listed, by key; writes only what changed.

        Attendance and student_ids are derived here; students whose numbers change are marked stale.
        A finished recording keeps its status; one that was waiting and is final becomes pending.
        """

    def unknown(self, listed: Sequence[RecordMeta]) -> list[RecordMeta]:
        """Those of a listing that have no row yet."""

    def numbers(self, listed: Sequence[RecordMeta]) -> list[int]:
        """Our numbers of recordings that have rows, in the given order."""

    def lacking_participants(self, listed: Sequence[RecordMeta]) -> list[RecordMeta]:
        """Those of a listing that are final, not skipped, and whose row knows no participants."""

    def due(self, window: Window | None, made_with: str, limit: int | None) -> list[DueRecord]:
        """What can be worked on now, oldest start first.

        With a window: unfinished recordings in it whose time has come, and those in it that a stage
        finished or skipped with other settings. Without one: unfinished ones of any time, only.
        """

    def due_among(self, listed: Sequence[RecordMeta]) -> list[DueRecord]:
        """What of a listing can be worked on now, oldest start first; it has rows already."""

    def ledger(self, recording_id: int) -> Mapping[StageName, LedgerEntry]:
        """How each stage of a recording stands."""

    def begin_stage(
        self,
        recording_id: int,
        stage: StageName,
        made_from: str,
        ended: EndedStage | None = None,
    ) -> int:
        """Commit that a stage starts, before it does anything; returns its attempt, from 1.

        ended: the stage before it, committed with it.
        """

    def end_stage(self, recording_id: int, ended: EndedStage) -> None:
        """Commit that a stage is done and what it left."""

    def set_back(self, recording_id: int, setback: Setback, status: RecordStatus) -> None:
        """Commit why a stage did not end well, and what that makes the recording.

        A stage that is WAITING gives its attempt back.
        """

    def note_links(self, recording_id: int, link: MediaLink) -> None:
        """Remember the page and the address of a recording that its link tells of."""

    def save(self, recording_id: int, minutes: Minutes) -> None:
        """Replace the texts, segments and phase of a recording; its students become stale."""

    def finish(self, recording_id: int, made_with: str, ended: EndedStage | None = None) -> None:
        """Commit that every stage is done with these settings, and the last one with it."""

    def spent(self, recording_id: int, run_id: int | None, usage: Usage) -> None:
        """Remember one service call; the same `usage.call` again changes nothing."""


class RunStore(Protocol):
    """Runs, and how far each source is known."""

    def start(self, command: str, window: Window | None) -> int:
        """A row for a run that begins; returns its id."""

    def finish(self, report: RunReport) -> None:
        """Complete the run's row."""

    def usage(self, run_id: int) -> UsageTotals:
        """What the run's calls used in all."""

    def watermark(self, source: str) -> datetime | None:
        """Everything before this is known (aware UTC), or None on the first night."""

    def set_watermark(self, source: str, until: datetime) -> None:
        """Everything before `until` is known now."""


@dataclass(frozen=True)
class StudentStats:
    """One row of student_stats. total_duration: whole minutes, rounded half up from seconds."""

    student_id: str
    record_cnt: int
    total_duration: int
    last_record_at: datetime | None


class StatsStore(Protocol):
    """student_stats, always recomputed from rows, never counted up."""

    def refresh(self) -> int:
        """Recompute the students marked stale, in one transaction; returns how many."""

    def rebuild(self) -> int:
        """Recompute everybody; returns how many students there are."""

    def differences(self) -> list[tuple[StudentStats | None, StudentStats | None]]:
        """(stored, recomputed) wherever they are not the same; nothing is written."""


class RetentionStore(Protocol):
    """Which files of recordings have had their time."""

    def due(
        self, cutoffs: Cutoffs, kinds: Collection[Kept], recording_id: int | None = None
    ) -> list[Leftover]:
        """Files that nothing needs any more and that are old enough; of one recording or of all.

        A file that a stage may still need is never among them. It costs what is due, not what is
        stored.
        """

    def removed(self, leftovers: Iterable[Leftover]) -> None:
        """Commit that these files were removed on purpose, now."""

    def settle(self) -> None:
        """What is committed is on disk, so that the input of a stage may go."""


class OldTextStore(Protocol):
    """Transcripts in the rows, to be removed. Every method is one committed transaction."""

    def due(self, ended_by: datetime) -> list[OldText]:
        """Those of recordings that are done and ended by then (aware), until `removed` is told."""

    def forget(self, texts: Iterable[OldText]) -> None:
        """The rows hold these no more, and no run works on the recordings again for it.

        Status, phase, summary, attendance and what is known of the transcript stay.
        """

    def removed(self, text: OldText, page: Artifact) -> None:
        """Commit that its files were removed on purpose, now; page: what the last stage left."""


@dataclass(frozen=True)
class Remnant:
    """A place where somebody is still named. where: "recordings.summary" or a file."""

    where: str
    recording_id: int | None = None


@dataclass(frozen=True)
class OpenRun:
    """A run whose row was never completed. started_at: aware UTC."""

    id: int
    command: str
    started_at: datetime


class RepairStore(Protocol):
    """Rows that were damaged, or that have survived their files.

    Every method but `recordings` is one transaction; each may be repeated.
    """

    def recordings(self) -> Iterator[RecordingView]:
        """Every recording, newest start first, read page by page."""

    def lacking_texts(self) -> frozenset[int]:
        """Our numbers of recordings that are done without transcript or summary in their rows."""

    def minutes(self, recording_id: int) -> tuple[RecordMeta, Minutes] | None:
        """What is stored of a recording; None without transcript or summary."""

    def reopen(self, recording_id: int, stages: Collection[StageName]) -> None:
        """These stages are to be done again; a recording that was done is pending then."""

    def replace_artifact(self, recording_id: int, stage: StageName, artifact: Artifact) -> None:
        """Commit that this file is what a stage has left, as if it had always been."""

    def set_back(self, recording_id: int, setback: Setback, status: RecordStatus) -> None:
        """As `RecordingStore.set_back`."""

    def open_runs(self) -> list[OpenRun]:
        """Runs that never ended, oldest first: killed ones, while no run is at work."""

    def close_run(self, run_id: int, stopped_by: str) -> None:
        """Commit that a run has ended by now, and why; a complete row stays as it is."""


class ErasureStore(Protocol):
    """A student's rows, to be erased. Every method is one committed transaction."""

    def find(self, student: str) -> Scope:
        """What there is of somebody, by the id they are counted under."""

    def was_erased(self, student: str) -> bool:
        """Whether they were erased before."""

    def erase(self, scope: Scope) -> None:
        """Remove it all, and remember by hashes what must not come back.

        Recordings of theirs alone go whole. In shared ones the texts go, and of the people only
        they; the others keep their attendance and their numbers.
        """

    def compact(self) -> None:
        """Leave nothing of what was removed in the database's files, as far as that is ours."""

    def remnants(self, words: Words) -> list[Remnant]:
        """Wherever one of the words still stands in a row."""
