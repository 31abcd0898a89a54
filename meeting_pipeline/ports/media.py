"""What takes sound out of media."""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from meeting_pipeline.ports.progress import Progress


@dataclass(frozen=True)
class MediaInfo:
    """What a container promises. duration_s: None where it does not say.

    audio_codec: None also where the library has no decoder for it.
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
        ("unsupported_codec") when its codec is not known here, FatalError("disk_full").
        """


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
