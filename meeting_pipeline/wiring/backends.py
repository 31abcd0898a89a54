"""The back ends by their names in the settings; heavy libraries are imported when one is chosen."""

import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from meeting_pipeline.domain.media_checks import (
    LARGEST_MEDIA_BYTES,
    LARGEST_TRANSCRIPT_BYTES,
    OVERSIZED,
)
from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.domain.timing import Resource
from meeting_pipeline.errors import ConfigError, RecordError
from meeting_pipeline.ports.gate import OPEN, Gate
from meeting_pipeline.ports.media import MediaInfo, MediaTool
from meeting_pipeline.ports.progress import no_progress
from meeting_pipeline.ports.services import Summarizer, Transcriber
from meeting_pipeline.ports.sources import Downloader, RecordingSource, ServiceClock
from meeting_pipeline.run.gates import Gates
from meeting_pipeline.runtime.programs import find_program
from meeting_pipeline.settings.config import Settings

if TYPE_CHECKING:
    from meeting_pipeline.adapters.asr.pieces import Packets
    from meeting_pipeline.adapters.asr.tencent import NativeTranscriber
    from meeting_pipeline.adapters.downloads.disk import DiskReservation
    from meeting_pipeline.adapters.downloads.hosts import AllowedHosts
    from meeting_pipeline.adapters.http.rate_limit import RateLimit
    from meeting_pipeline.adapters.processes.decoders import Decoders

log = logging.getLogger(__name__)

Chosen = TypeVar("Chosen")

_PACKETS = "meeting_pipeline.adapters.asr.packets"
_PYAV = "meeting_pipeline.adapters.media.pyav"
_TENCENT_CALLS = 4  # at once; how many a minute is another limit
_FLOOR_BYTES = 1 << 30  # stays free on the disk for the rows, the logs and everybody else


@dataclass(frozen=True)
class Parts:
    """What back ends are made from.

    jobs: records in flight. stop: set when the run shall end; every wait ends with it.
    services: gives back what a back end holds open. gates: None where nothing runs beside.
    """

    settings: Settings
    jobs: int
    stop: threading.Event
    services: ExitStack
    gates: Gates | None = None

    @cached_property
    def media(self) -> MediaTool:
        """ffmpeg where it is installed, else PyAV, which comes with us."""
        if ffmpeg := find_program("ffmpeg"):
            from meeting_pipeline.adapters.media.ffmpeg import FFmpegMedia

            tool = FFmpegMedia(ffmpeg, self._library)
            self.services.callback(tool.close)
            return tool
        return self._library

    def probe(self, media: Path) -> MediaInfo:
        """Look into a media file, in another process (`ports.media.Probe`)."""
        return self._library.probe(media)

    def prepare_decoders(self) -> None:
        """Have them ready when the first recording is here."""
        self._decoders.prepare()

    def packets(self, mp3: Path) -> "Packets":
        """Find where an mp3 can be cut, in another process."""
        found: Packets = self._decoders.call(_PACKETS, "packets_of", mp3)
        return found

    def gate(self, resource: Resource) -> Gate:
        """Where who uses this resource waits for a slot."""
        return self.gates[resource] if self.gates else OPEN

    def rate(self, name: str, per_minute: int | None, tokens: int | None = None) -> "RateLimit":
        """The limit of one service; its last minute is remembered from run to run."""
        from meeting_pipeline.adapters.http.rate_limit import RateLimit

        return RateLimit(
            per_minute,
            tokens_per_minute=tokens,
            history=self.rates_folder / f"{name}.jsonl",
            stop=self.stop,
        )

    @cached_property
    def _library(self) -> MediaTool:
        from meeting_pipeline.adapters.media.worker_process import WorkerProcessMedia

        return WorkerProcessMedia(self._decoders)

    @cached_property
    def _decoders(self) -> "Decoders":
        from meeting_pipeline.adapters.processes.decoders import Decoders

        decoders = Decoders(min(self.jobs, cores()), [_PYAV])
        self.services.callback(decoders.close)
        return decoders

    @cached_property
    def rates_folder(self) -> Path:
        """Where the last minute of every service is remembered from run to run."""
        folder = self.settings.source.data_dir / "rates"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder


def utc_now() -> datetime:
    """The clock of this machine, which may be wrong; see `source_clock`."""
    return datetime.fromtimestamp(time.time(), UTC)


def cores() -> int:
    """The cores this process may use."""
    return len(os.sched_getaffinity(0))


# ── names ────────────────────────────────────────────────────────────────────────────────────────


def transcriber_name(settings: Settings) -> str:
    """ASR_BACKEND, or what "auto" comes to: Tencent's own transcripts first, else the next."""
    if settings.speech.backend != "auto":
        return settings.speech.backend
    return "auto" if settings.source_name == "tencent" else recognizer_names(settings)[0]


def recognizer_names(settings: Settings) -> list[str]:
    """The recognisers that this installation has, the best first; at least one."""
    names = ["openai"] if settings.speech.base_url and settings.speech.model else []
    if find_spec("faster_whisper") or not names:
        names.append("whisper")
    return names


def slots(settings: Settings, jobs: int | None) -> Mapping[Resource, int]:
    """How much of each resource is used at once. jobs: records in flight, None for all it takes."""
    asks_a_server = _asks_a_server(settings)
    asks_a_model = settings.summarizer_name == "kimi"
    return {
        Resource.TENCENT: _TENCENT_CALLS,
        Resource.DOWNLOAD: settings.download.concurrency,
        Resource.CPU: cores(),
        Resource.ASR: settings.speech.concurrency
        if asks_a_server
        else min(jobs or cores(), cores()),
        Resource.LLM: settings.language_model.concurrency if asks_a_model else cores(),
    }


def default_jobs(settings: Settings) -> int:
    """JOBS=auto: one record for each slot there is, so that no slot need ever be empty."""
    return sum(slots(settings, None).values())


def _asks_a_server(settings: Settings) -> bool:
    name = transcriber_name(settings)
    return name == "openai" or (name == "auto" and recognizer_names(settings)[0] == "openai")


# ── sources ──────────────────────────────────────────────────────────────────────────────────────


def make_source(parts: Parts) -> RecordingSource:
    """What MEETING_SOURCE names."""
    return _chosen(_SOURCES, parts.settings.source_name)(parts)


def source_clock(source: RecordingSource) -> Callable[[], datetime]:
    """Return the clock that dates the recordings of a source: its own, else this machine's."""
    return source.now if isinstance(source, ServiceClock) else utc_now


def _folder_source(parts: Parts) -> RecordingSource:
    from meeting_pipeline.adapters.sources.folder import FolderSource

    source = parts.settings.source
    if source.folder is None:
        raise ConfigError(
            "no_folder",
            "MEETING_FOLDER is not set, and neither are the Tencent credentials",
            hint="set MEETING_FOLDER, or TQM_SECRET_ID and TQM_SECRET_KEY; or try `meeting demo`",
        )
    if source.folder.absolute() == source.data_dir.absolute():
        raise ConfigError(
            "same_folder",
            "MEETING_FOLDER and DATA_DIR are the same folder",
            hint="keep recordings and the program's own files apart",
        )
    return FolderSource(
        source.folder,
        settle_s=source.settle_s,
        zone=source.zone,
        index_file=source.data_dir / "folder-index.json",
        probe=parts.probe,
        now=utc_now,
    )


def _tencent_source(parts: Parts) -> RecordingSource:
    from meeting_pipeline.adapters.sources.tencent import connect

    tencent = parts.settings.tencent
    ids = connect.credentials(
        tencent.secret_id,
        tencent.secret_key,
        tencent.enterprise_id,
        tencent.app_id,
        tencent.sdk_id,
    )
    source = connect.connect(
        ids,
        base_url=tencent.base_url,
        scope=tencent.record_scope,
        operators=tencent.operator_ids,
        operator_type=tencent.operator_id_type,
        per_minute=tencent.per_minute,
        corp_per_minute=tencent.corp_per_minute,
        history=parts.rates_folder,
        stop=parts.stop,
        now=utc_now,
        gate=parts.gate(Resource.TENCENT),
    )
    parts.services.callback(source.close)
    return source


_SOURCES: Mapping[str, Callable[[Parts], RecordingSource]] = {
    "folder": _folder_source,
    "tencent": _tencent_source,
}


# ── downloads ────────────────────────────────────────────────────────────────────────────────────


def make_downloader(parts: Parts) -> Downloader:
    """What brings media of the chosen source here."""
    if parts.settings.source_name == "folder":
        from meeting_pipeline.adapters.downloads.local_file import LocalFileDownloader

        return LocalFileDownloader()
    return _chosen(_DOWNLOADERS, parts.settings.download.downloader)(parts)


def _hosts_and_disk(parts: Parts) -> tuple["AllowedHosts", "DiskReservation"]:
    from meeting_pipeline.adapters.downloads.disk import DiskReservation
    from meeting_pipeline.adapters.downloads.hosts import AllowedHosts

    download = parts.settings.download
    hosts = AllowedHosts(download.allowed_hosts, download.allow_private_hosts)
    return hosts, DiskReservation(parts.settings.source.data_dir, _FLOOR_BYTES)


def _aria2(parts: Parts) -> Downloader:
    from meeting_pipeline.adapters.downloads.aria2 import Aria2Downloader

    download = parts.settings.download
    hosts, disk = _hosts_and_disk(parts)
    downloader = Aria2Downloader(hosts, disk, download.connections, download.aria2c)
    parts.services.callback(downloader.close)
    return downloader


def _http(parts: Parts, largest_bytes: int = LARGEST_MEDIA_BYTES) -> Downloader:
    from meeting_pipeline.adapters.downloads.http import HttpDownloader

    downloader = HttpDownloader(*_hosts_and_disk(parts), largest_bytes=largest_bytes)
    parts.services.callback(downloader.close)
    return downloader


_DOWNLOADERS: Mapping[str, Callable[[Parts], Downloader]] = {"aria2": _aria2, "http": _http}


# ── transcripts ──────────────────────────────────────────────────────────────────────────────────


def make_transcriber(parts: Parts, source: RecordingSource) -> Transcriber:
    """What ASR_BACKEND names; speakers get the names that the source's own transcript knows."""
    name, native = transcriber_name(parts.settings), _native(parts, source)
    if name == "tencent":
        if native is None:
            raise ConfigError(
                "no_native_transcripts",
                f"ASR_BACKEND=tencent, but the source is {source.name}",
                hint="set ASR_BACKEND to auto, openai or whisper",
            )
        return native
    from meeting_pipeline.adapters.asr.choice import AutoTranscriber, NamedSpeakers

    if name == "auto":
        names = recognizer_names(parts.settings)
        return AutoTranscriber(native, [_RECOGNIZERS[one](parts) for one in names])
    recognizer = _chosen(_RECOGNIZERS, name)(parts)
    return NamedSpeakers(recognizer, native) if native else recognizer


def _native(parts: Parts, source: RecordingSource) -> "NativeTranscriber | None":
    if parts.settings.source_name != "tencent":
        return None  # and nothing of HTTP is loaded
    from meeting_pipeline.adapters.sources.tencent.source import TencentSource

    if not isinstance(source, TencentSource):
        return None
    from meeting_pipeline.adapters.asr.tencent import NativeTranscriber

    downloader = _http(parts, LARGEST_TRANSCRIPT_BYTES)
    scratch = parts.settings.source.data_dir / "transcripts"

    def text_of(meta: RecordMeta) -> str | None:
        link = source.native_transcript(meta)
        if link is None:
            return None
        scratch.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = scratch / f"{meta.key.record_id}.txt"
        try:
            downloader.fetch(link, part, no_progress)
            return part.read_text("utf-8", errors="replace")
        except RecordError as refusal:
            if refusal.code != OVERSIZED:
                raise
            log.warning("%s: Tencent's own transcript is not read: %s", meta.key, refusal)
            return None
        finally:
            part.unlink(missing_ok=True)

    return NativeTranscriber(text_of, parts.media)


def _endpoint(parts: Parts) -> Transcriber:
    from meeting_pipeline.adapters.asr.openai_compatible import EndpointTranscriber

    speech = parts.settings.speech
    transcriber = EndpointTranscriber(
        base_url=speech.base_url,
        api_key=speech.api_key,
        model=speech.model,
        rate=parts.rate("asr", speech.per_minute),
        stop=parts.stop,
        media=parts.media,
        packets=parts.packets,
        gate=parts.gate(Resource.ASR),
        cpu=parts.gate(Resource.CPU),
        language=speech.language,
        max_upload_mb=speech.max_upload_mb,
        max_chunk_s=speech.max_chunk_s,
    )
    parts.services.callback(transcriber.close)
    return transcriber


def _whisper(parts: Parts) -> Transcriber:
    from meeting_pipeline.adapters.asr.whisper import WhisperTranscriber

    speech = parts.settings.speech
    transcriber = WhisperTranscriber(
        model=speech.whisper_model,
        language=speech.language,
        beam=speech.whisper_beam,
        cache_dir=_model_cache(),
        processes=min(parts.jobs, cores()),
        gate=parts.gate(Resource.ASR),
    )
    parts.services.callback(transcriber.close)
    return transcriber


def _model_cache() -> Path:
    """Where packaged model weights are put together, once for all installations of a user."""
    cache = os.environ.get("XDG_CACHE_HOME")
    return (Path(cache) if cache else Path.home() / ".cache") / "meeting-pipeline"


_RECOGNIZERS: Mapping[str, Callable[[Parts], Transcriber]] = {
    "openai": _endpoint,
    "whisper": _whisper,
}


# ── summaries ────────────────────────────────────────────────────────────────────────────────────


def make_summarizer(parts: Parts) -> Summarizer:
    """What LLM_BACKEND names."""
    return _chosen(_SUMMARIZERS, parts.settings.summarizer_name)(parts)


def _extractive(parts: Parts) -> Summarizer:
    from meeting_pipeline.adapters.llm.extractive import ExtractiveSummarizer

    return ExtractiveSummarizer(parts.gate(Resource.LLM))


def _kimi(parts: Parts) -> Summarizer:
    from meeting_pipeline.adapters.llm.openai_compatible import ChatSummarizer

    model = parts.settings.language_model
    summarizer = ChatSummarizer(
        base_url=model.base_url,
        api_key=model.api_key,
        model=model.model,
        engine="kimi",
        rate=parts.rate("llm", model.per_minute, model.tokens_per_minute),
        stop=parts.stop,
        zone=parts.settings.source.zone,
        largest_call_tokens=model.tokens_per_minute,
        gate=parts.gate(Resource.LLM),
    )
    parts.services.callback(summarizer.close)
    return summarizer


_SUMMARIZERS: Mapping[str, Callable[[Parts], Summarizer]] = {
    "extractive": _extractive,
    "kimi": _kimi,
}


def _chosen(table: Mapping[str, Chosen], name: str) -> Chosen:
    if name not in table:
        raise ConfigError(
            "no_back_end", f"there is no back end {name!r}", hint=f"choose {', '.join(table)}"
        )
    return table[name]
