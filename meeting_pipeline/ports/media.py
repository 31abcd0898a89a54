"""The interface to media libraries: inspect a media file and extract its audio."""

from array import array
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from meeting_pipeline.domain.sound_print import SoundPrint
from meeting_pipeline.ports.progress import Progress


@dataclass(frozen=True)
class MediaInfo:
    """What the container of a media file says.

    Attributes:
        duration_s: Where the audio ends on the timeline of the container, in seconds, or None if
            the container does not say.
        has_audio: Whether there is an audio track.
        audio_codec: The codec of the first audio track that can be decoded; None if there is none.
        created_at: When the file was recorded (aware UTC), or None.
        m4a_bytes: The size of the audio when its packets are copied into an m4a file, or None if
            its codec, a second track or a hole in its timeline does not allow that, or the size is
            not known.
        plain_channels: The number of channels, 1 or 2, if there is a single audio track that begins
            at once and has no holes, so that counting its samples gives the right times; else 0.
    """

    duration_s: float | None
    has_audio: bool
    audio_codec: str | None
    created_at: datetime | None
    m4a_bytes: int | None = None
    plain_channels: int = 0


@dataclass(frozen=True)
class ExtractedAudio:
    """The result of an extraction.

    Attributes:
        duration_s: The length of the decoded audio in seconds.
        levels: Its sound levels; see `domain.levels`.
        warnings: Codes of what an operator should know, see `domain.audio_warnings`.
        plays_alike: False for copied packets whose channels cannot simply be mixed: they cancel one
            another, or one is noise. Such audio has to be extracted in another format.
        promised_s: Where the audio ends according to the container; see `MediaInfo.duration_s`.
    """

    duration_s: float
    levels: "array[float]"
    warnings: tuple[str, ...] = ()
    plays_alike: bool = True
    promised_s: float | None = None


Probe = Callable[[Path], MediaInfo]
"""Inspects a media file, as `MediaTool.probe` does."""

Listen = Callable[[Path], SoundPrint]
"""Measures the sound of a media file; raises SkipRecord or RecordError if there is none."""


class MediaTool(Protocol):
    """Inspects media files and extracts their audio."""

    def probe(self, media: Path) -> MediaInfo:
        """Return what the container of a media file says.

        Args:
            media: The file.

        Raises:
            RecordError: The file is not a media container ("not_media"), or its container shows
                that its end is missing ("truncated_media").
        """

    def extract(
        self,
        media: Path,
        target: Path,
        audio_format: str,
        progress: Progress,
        accept_damage: bool = False,
    ) -> ExtractedAudio:
        """Decode all audio tracks and write their mix to a file.

        Every moment is where the time stamps of the container say: holes become silence.

        Args:
            media: The media file.
            target: The file to write.
            audio_format: "flac" (16 bit), "wav" or "mp3" (32 kbit/s) for mono 16 kHz audio, or
                "m4a" to copy the packets, which needs `MediaInfo.m4a_bytes`.
            progress: Called with the share that is done.
            accept_damage: Whether what cannot be decoded is left out instead of refused; not for
                "m4a". Where nothing can be decoded, the result has no duration.

        Raises:
            RecordError: A part of a track cannot be decoded ("corrupt_media"), there is no decoder
                for any track ("unsupported_codec"), or a part of the file was overwritten
                ("truncated_media").
            FatalError: The disk is full ("disk_full").
        """


AUDIO_FORMATS = ("m4a", "mp3", "flac", "wav")


@dataclass(frozen=True)
class AudioWanted:
    """The audio format that a transcriber needs.

    Short recordings are copied into an m4a file instead of being encoded again: that takes a third
    of the time and loses nothing.

    Attributes:
        format: The format of all other recordings: "flac", "wav" or "mp3".
        as_it_is_bytes: The size up to which audio is copied; 0 to copy none.
        as_it_is_s: The length in seconds up to which audio is copied.
    """

    format: str
    as_it_is_bytes: int = 0
    as_it_is_s: float = 0.0

    def format_of(self, media: MediaInfo) -> str:
        """Return the audio format for this recording."""
        size, duration_s = media.m4a_bytes, media.duration_s
        if size is None or duration_s is None:
            return self.format
        is_small = size <= self.as_it_is_bytes and duration_s <= self.as_it_is_s
        return "m4a" if is_small else self.format
