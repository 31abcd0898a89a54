"""Wave files of many channels, and files of several tracks, made of voices and noises.

A voice is noise that comes and goes, as words do; what is said in it does not matter here.
"""

import wave
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream
from numpy.typing import NDArray

RATE = 16_000
SECONDS = 12.0
Signal = NDArray[np.int16]


def voice(begins_s: float = 0.0, ends_s: float = SECONDS, dbfs: float = -20.0) -> Signal:
    """Words of 0.3 s with pauses of 0.2 s between them, from one moment to another."""
    time = np.arange(int(SECONDS * RATE)) / RATE
    is_word = (time % 0.5 < 0.3) & (time >= begins_s) & (time < ends_s)
    return _scaled(np.random.default_rng(1).normal(0, 1, time.size) * is_word, dbfs)


def noise(dbfs: float = -25.0) -> Signal:
    """Nothing but hiss."""
    return _scaled(np.random.default_rng(2).normal(0, 1, int(SECONDS * RATE)), dbfs)


def silence() -> Signal:
    """Digital silence."""
    return np.zeros(int(SECONDS * RATE), np.int16)


def _scaled(samples: NDArray[np.float64], dbfs: float) -> Signal:
    return (samples * 32_768 * 10 ** (dbfs / 20)).clip(-32_768, 32_767).astype(np.int16)


def wav(path: Path, channels: Sequence[Signal]) -> Path:
    """Write a wave file without a layout, as recorders with many inputs do."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(len(channels))
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(np.stack(channels, axis=1).tobytes())
    return path


def tracks(path: Path, signals: Sequence[Sequence[Signal]], codec: str = "aac") -> Path:
    """Write a file with these tracks, each of which has one channel or two."""
    with av.open(str(path), "w") as container:
        streams = []
        for channels in signals:
            stream = container.add_stream(codec, RATE)
            assert isinstance(stream, AudioStream)
            stream.codec_context.layout = "stereo" if len(channels) > 1 else "mono"
            streams.append(stream)
        for begin in range(0, int(SECONDS * RATE), RATE):
            for stream, channels in zip(streams, signals, strict=True):
                container.mux(stream.encode(_frame(channels, begin)))
        for stream in streams:
            container.mux(stream.encode(None))
    return path


def _frame(channels: Sequence[Signal], begin: int) -> av.AudioFrame:
    second = np.stack([channel[begin : begin + RATE] for channel in channels], axis=1)
    layout = "stereo" if len(channels) > 1 else "mono"
    frame = av.AudioFrame.from_ndarray(second.reshape(1, -1), "s16", layout)
    frame.sample_rate, frame.time_base, frame.pts = RATE, Fraction(1, RATE), begin
    return frame
