"""Recordings whose tones encode their position; the sandbox transcribes them (`sandbox.tones`)."""

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np

from meeting_pipeline.sandbox.tones import (
    COUNT,
    HIGH_HZ,
    LOW_HZ,
    NUMBER_HZ,
    RATE,
    STEP_HZ,
    Samples,
)

BIT_RATE = 24_000
FAST = {"aac_coder": "fast", "compression_level": "9"}
CODECS = {".m4a": "aac", ".mp4": "aac", ".mp3": "libmp3lame", ".wav": "pcm_s16le"}


def tone_recording(
    path: Path, seconds: float, *, number: int = 0, burst_s: float = 8.0, period_s: float = 10.0
) -> Path:
    """Write a tone recording and return its path; the suffix picks the format.

    Burst k starts at k * period_s and lasts burst_s seconds. The number is 0 to 59.
    """
    with av.open(str(path), "w") as container:
        stream = container.add_stream(CODECS[path.suffix], rate=RATE, options=FAST)
        assert isinstance(stream, av.AudioStream)
        stream.bit_rate = BIT_RATE
        stream.layout = "mono"
        for samples in _sound(seconds, number, burst_s, period_s):
            pcm = (samples * 32_767).astype(np.int16).reshape(1, -1)
            frame = av.AudioFrame.from_ndarray(pcm, format="s16", layout="mono")
            frame.sample_rate = RATE
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _sound(seconds: float, number: int, burst_s: float, period_s: float) -> Iterator[Samples]:
    total = round(seconds * RATE)
    for place in range(-(-total // round(period_s * RATE))):
        first = round(place * period_s * RATE)
        length = min(round(period_s * RATE), total - first)
        time = np.arange(length, dtype=np.float32) / RATE
        swell = 0.65 + 0.35 * np.sin(2 * np.pi * 3.0 * time)
        waves = sum(np.sin(2 * np.pi * hertz * time) for hertz in _hertz(number, place))
        yield np.where(time < burst_s, 0.2 * swell * waves, 0.0).astype(np.float32)


def _hertz(number: int, place: int) -> tuple[float, float, float]:
    return (
        LOW_HZ + STEP_HZ * (place % COUNT),
        HIGH_HZ + STEP_HZ * (place // COUNT),
        NUMBER_HZ + STEP_HZ * number,
    )
