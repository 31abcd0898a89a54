"""What back ends are made from: settings, gates, and the tools that several of them share."""

import threading
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from meeting_pipeline.adapters.asr.pieces import Packets
from meeting_pipeline.adapters.http.rate_limit import RateLimit
from meeting_pipeline.adapters.media.ffmpeg import FFmpegMedia
from meeting_pipeline.adapters.media.worker_process import WorkerProcessMedia
from meeting_pipeline.adapters.processes.decoders import Decoders
from meeting_pipeline.domain.sound_print import SoundPrint
from meeting_pipeline.domain.timing import Resource
from meeting_pipeline.ports.gate import OPEN, Gate
from meeting_pipeline.ports.media import MediaInfo, MediaTool
from meeting_pipeline.run.gates import Gates
from meeting_pipeline.runtime.programs import find_program
from meeting_pipeline.settings.config import Settings
from meeting_pipeline.wiring.capacity import cores

_PACKETS = "meeting_pipeline.adapters.asr.packets"
_PYAV = "meeting_pipeline.adapters.media.pyav"


@dataclass(frozen=True)
class BackendContext:
    """What back ends are made from.

    Attributes:
        settings: The settings.
        jobs: How many recordings are in flight.
        stop: Ends every wait once it is set.
        services: Closes at the end of the run what a back end holds open.
        gates: Limit how much of each resource is used at once; None where nothing else runs.
        records_calls: Whether its calls count for the rate limits, here and in later runs.
    """

    settings: Settings
    jobs: int
    stop: threading.Event
    services: ExitStack
    gates: Gates | None = None
    records_calls: bool = True

    @cached_property
    def media(self) -> MediaTool:
        """The ffmpeg program where it is installed, else PyAV, which is a dependency."""
        if ffmpeg := find_program("ffmpeg"):
            tool = FFmpegMedia(ffmpeg, self._library)
            self.services.callback(tool.close)
            return tool
        return self._library

    @property
    def media_name(self) -> str:
        """The name of the library or program that decodes media."""
        return "FFmpeg" if isinstance(self.media, FFmpegMedia) else "PyAV"

    def probe(self, media: Path) -> MediaInfo:
        """Look into a media file, in another process (`ports.media.Probe`)."""
        return self._library.probe(media)

    def sound_print(self, media: Path) -> SoundPrint:
        """Measure the sound of a media file, in another process (`ports.media.Listen`)."""
        return self._library.sound_print(media)

    def prepare_decoders(self) -> None:
        """Start a decoder before the first recording needs it."""
        self._decoders.prepare()

    def packets(self, mp3: Path) -> Packets:
        """Find where an mp3 can be cut, in another process."""
        found: Packets = self._decoders.call(_PACKETS, "packets_of", mp3)
        return found

    def gate(self, resource: Resource) -> Gate:
        """Return the gate of a resource, which is entered where the resource is used."""
        return self.gates[resource] if self.gates else OPEN

    def rate(self, name: str, per_minute: int | None, tokens: int | None = None) -> RateLimit:
        """Return the rate limit of a service, whose last minute is kept from run to run.

        Args:
            name: Of the service, for its file.
            per_minute: Calls per minute, or None for any number.
            tokens: Tokens per minute, or None for any number.
        """
        return RateLimit(
            per_minute,
            tokens_per_minute=tokens,
            history=self.rates_folder / f"{name}.jsonl",
            records=self.records_calls,
            stop=self.stop,
        )

    @cached_property
    def _library(self) -> WorkerProcessMedia:
        return WorkerProcessMedia(self._decoders)

    @cached_property
    def _decoders(self) -> Decoders:
        decoders = Decoders(min(self.jobs, cores()), [_PYAV])
        self.services.callback(decoders.close)
        return decoders

    @property
    def rates_folder(self) -> Path:
        """The folder that keeps the last minute of every service from run to run."""
        return self.settings.source.data_dir / "rates"
