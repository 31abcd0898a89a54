"""What both media tools make of a recording, and how they measure it on the way."""

import os
from audioop import rms  # in C, and without the memory that numpy would take
from collections.abc import Callable
from pathlib import Path

from meeting_pipeline.adapters.media.disk import disk_full
from meeting_pipeline.domain.gates import LONGEST_S, check_not_too_long
from meeting_pipeline.errors import FatalError
from meeting_pipeline.ports import ExtractedAudio, Progress

SAMPLE_RATE = 16_000
_WINDOW = SAMPLE_RATE // 10
_BYTES = 2  # of a sample
_SILENCE_RMS = 32_768 * 10 ** (-50 / 20)  # -50 dBFS
_DISK_FULL = ("No space left on device", "Disk quota exceeded", "File too large")


class SoundMeter:
    """Counts mono 16 kHz 16-bit samples and how many lie in windows (0.1 s) below -50 dBFS.

    longest_s: more of them, whatever was promised, raises RecordError("longer_than_a_day").
    """

    def __init__(self, longest_s: float = LONGEST_S) -> None:
        self._longest_s = longest_s
        self._pending = b""
        self._heard = 0
        self._silent = 0

    def hear(self, samples: bytes) -> None:
        """Take native-endian samples in order; a sample may be cut between two calls."""
        samples = self._pending + samples
        whole = len(samples) - len(samples) % (_BYTES * _WINDOW)
        self._pending = samples[whole:]
        self._measure(samples[:whole], _WINDOW)
        check_not_too_long(self.duration_s, self._longest_s)

    @property
    def duration_s(self) -> float:
        """Seconds heard so far."""
        return (self._heard + len(self._pending) // 2) / SAMPLE_RATE

    def result(self) -> ExtractedAudio:
        """What was heard; nothing at all counts as silence."""
        rest = self._pending[: len(self._pending) // 2 * 2]
        self._pending = b""
        self._measure(rest, max(1, len(rest) // _BYTES))
        return ExtractedAudio(self.duration_s, self._silent / self._heard if self._heard else 1.0)

    def _measure(self, samples: bytes, window: int) -> None:
        for at in range(0, len(samples), _BYTES * window):
            self._heard += window
            if rms(samples[at : at + _BYTES * window], _BYTES) < _SILENCE_RMS:
                self._silent += window


def towards(promised_s: float | None, progress: Progress) -> Callable[[float], None]:
    """Turn decoded seconds into a fraction; without a promised length nobody is told anything."""

    def tell(decoded_s: float) -> None:
        if promised_s:
            progress(min(1.0, decoded_s / promised_s))

    return tell


def make_target(target: Path) -> None:
    """Make the file empty, for its owner only, so that neither tool chooses how it is created.

    Raises FatalError.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    try:
        os.close(os.open(target, flags, 0o600))
    except OSError as error:
        raise unwritable(target, error.strerror or str(error)) from error


def is_disk_full(reason: str) -> bool:
    """Whether these words of the system mean that no space is left."""
    return any(words in reason for words in _DISK_FULL)


def unwritable(target: Path, reason: str) -> FatalError:
    """The error for a target that does not take what is written."""
    if is_disk_full(reason):
        return disk_full(f"no space left for {target.name}")
    return FatalError("cannot_write", f"cannot write {target.name}: {reason}")
