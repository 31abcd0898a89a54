"""Recordings whose tones encode their position, so that order, offset, loss and repetition show.

Each burst of a tone recording is three sine waves at once, swelling like syllables: one says which
recording it is, two say which burst of it (from 0). Between bursts there is silence.
"""

from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt

Samples = npt.NDArray[np.float32]

RATE = 16_000
FRAME = RATE // 20  # 50 ms
STEP_HZ = 20.0
LOW_HZ, HIGH_HZ, NUMBER_HZ = 300.0, 1_600.0, 3_000.0  # where each of the three bands begins
COUNT = 60  # values per band: 60 * 60 bursts, 60 recordings
SILENCE_RMS = 0.01
SHORTEST_SPAN_S = 0.3


@dataclass(frozen=True)
class Burst:
    """A recognised burst: the number of the recording, and its position there."""

    number: int
    place: int


def decode(path: Path) -> Samples:
    """Return the sound of a file, mono at 16 kHz; raise av.FFmpegError when it is not audio."""
    parts = []
    with av.open(str(path)) as container:
        resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
        for frame in container.decode(audio=0):
            parts += [part.to_ndarray().reshape(-1) for part in resampler.resample(frame)]
        parts += [part.to_ndarray().reshape(-1) for part in resampler.resample(None)]
    pcm = np.concatenate(parts) if parts else np.zeros(0, np.int16)
    return pcm.astype(np.float32) / np.float32(32_768)


def spans(samples: Samples) -> list[tuple[int, int]]:
    """Return the spans with sound as sample positions, ignoring pauses under 0.3 s."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    loud = np.sqrt((frames**2).mean(axis=1)) > SILENCE_RMS
    edges = np.flatnonzero(np.diff(np.concatenate(([False], loud, [False])).astype(np.int8)))
    found = [(int(a) * FRAME, int(b) * FRAME) for a, b in zip(edges[::2], edges[1::2], strict=True)]
    shortest = SHORTEST_SPAN_S * RATE
    gaps = [(a[1], b[0]) for a, b in pairwise(found) if b[0] - a[1] >= shortest]
    if not found:
        return []
    starts, stops = [found[0][0], *(b for _, b in gaps)], [*(a for a, _ in gaps), found[-1][1]]
    whole = zip(starts, stops, strict=True)
    return [(start, stop) for start, stop in whole if stop - start >= shortest]


def heard(samples: Samples) -> Burst | None:
    """Return the burst of this sound, or None when it is not one of our tones."""
    power = np.abs(np.fft.rfft(samples * np.hanning(len(samples)))) ** 2
    values, explained = [], 0.0
    for base in (LOW_HZ, HIGH_HZ, NUMBER_HZ):
        peak, share = _peak(power, base, len(samples))
        values.append(peak)
        explained += share
    if explained < 0.5 * float(power.sum()):
        return None
    return Burst(values[2], values[1] * COUNT + values[0])


def _peak(power: npt.NDArray[np.float64], base: float, length: int) -> tuple[int, float]:
    """Return the step of the strongest tone in a band, and the power around it."""
    per_bin = RATE / length
    low, high = (int((base + STEP_HZ * step) / per_bin) for step in (-0.5, COUNT - 0.5))
    strongest = low + int(np.argmax(power[low:high]))
    width = int(8 / per_bin) + 1
    share = float(power[max(0, strongest - width) : strongest + width + 1].sum())
    return round((strongest * per_bin - base) / STEP_HZ), share
