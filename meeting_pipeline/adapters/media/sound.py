"""Measurement of decoded audio, and the target file: common to both media tools."""

import os
from array import array
from audioop import rms  # in C, and without the memory that numpy would take
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import log10
from pathlib import Path

from meeting_pipeline.domain.levels import FRAME_S, NOTHING_DB
from meeting_pipeline.domain.media_checks import LONGEST_S, check_not_too_long
from meeting_pipeline.errors import FatalError, RecordError
from meeting_pipeline.ports.media import ExtractedAudio
from meeting_pipeline.ports.progress import Progress
from meeting_pipeline.storage.files import disk_full

SAMPLE_RATE = 16_000
FRAME = round(FRAME_S * SAMPLE_RATE)
"""Samples of one frame."""
SAMPLE_BYTES = 2
_FULL_SCALE = 32_768
_DISK_FULL = ("No space left on device", "Disk quota exceeded", "File too large")


class SoundMeter:
    """A meter that counts mono 16 kHz 16-bit samples and measures the level of every FRAME_S.

    Args:
        longest_s: Maximum duration in seconds, whatever the container announced. A longer recording
            raises RecordError("longer_than_a_day").
    """

    def __init__(self, longest_s: float = LONGEST_S) -> None:
        self._longest_s = longest_s
        self._pending = b""
        self._counted = 0
        self._levels = array("f")

    def add(self, samples: bytes) -> None:
        """Add the next native-endian samples; a sample may be cut between two calls.

        Raises:
            RecordError: "longer_than_a_day".
        """
        samples = self._pending + samples
        whole = len(samples) - len(samples) % (SAMPLE_BYTES * FRAME)
        self._pending = samples[whole:]
        self._counted += whole // SAMPLE_BYTES
        self._measure(samples[:whole])
        check_not_too_long(self.duration_s, self._longest_s)

    @property
    def duration_s(self) -> float:
        """Seconds of audio so far."""
        return (self._counted + len(self._pending) // 2) / SAMPLE_RATE

    def result(self) -> ExtractedAudio:
        """Return the duration and the levels."""
        self._counted += len(self._pending) // SAMPLE_BYTES
        if self._pending:
            self._measure(self._pending.ljust(SAMPLE_BYTES * FRAME, b"\0"))
        self._pending = b""
        return ExtractedAudio(self.duration_s, self._levels)

    def _measure(self, samples: bytes) -> None:
        for at in range(0, len(samples), SAMPLE_BYTES * FRAME):
            self._levels.append(level_of(samples[at : at + SAMPLE_BYTES * FRAME]))


def level_of(samples: bytes) -> float:
    """Return the level of 16-bit samples in dBFS, -100 for digital silence."""
    amplitude = rms(samples, SAMPLE_BYTES)
    return 20 * log10(amplitude / _FULL_SCALE) if amplitude else NOTHING_DB


@contextmanager
def saying_how_far(meter: SoundMeter) -> Iterator[None]:
    """Add to the message of "corrupt_media" how many seconds could be decoded before the damage."""
    try:
        yield
    except RecordError as error:
        if error.code != "corrupt_media":
            raise
        message = f"{error.message} (after {meter.duration_s:.1f} s)"
        raise RecordError(error.code, message, hint=error.hint) from error


def as_fraction(promised_s: float | None, progress: Progress) -> Callable[[float], None]:
    """Return a function that reports decoded seconds as a fraction of a recording.

    Args:
        promised_s: Duration of the recording; without one nothing is reported.
        progress: Called with the fraction, 0..1.
    """

    def report(decoded_s: float) -> None:
        if promised_s:
            progress(min(1.0, decoded_s / promised_s))

    return report


def make_target(target: Path) -> None:
    """Create the file empty and readable only by its owner, or empty an existing one.

    It is created here because FFmpeg would give it the permissions of the umask.

    Raises:
        FatalError: "disk_full" or "cannot_write".
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    try:
        os.close(os.open(target, flags, 0o600))
    except OSError as error:
        raise unwritable(target, error.strerror or str(error)) from error


def is_disk_full(reason: str) -> bool:
    """Return whether a message of the system means that no space is left."""
    return any(words in reason for words in _DISK_FULL)


def unwritable(target: Path, reason: str) -> FatalError:
    """Return the error for a target that cannot be written, "disk_full" or "cannot_write"."""
    if is_disk_full(reason):
        return disk_full(f"no space left for {target.name}")
    return FatalError("cannot_write", f"cannot write {target.name}: {reason}")
