"""Decoding of a recording part by part: ten hours take no more memory than ten minutes."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import av
import numpy as np
from av import AudioFrame
from av.audio.resampler import AudioResampler
from av.container import InputContainer
from numpy.typing import NDArray

from meeting_pipeline.adapters.asr.levelling import levelled
from meeting_pipeline.adapters.asr.speech import (
    SAMPLE_RATE,
    Speech,
    Stretch,
    speech_of,
    spoken,
)
from meeting_pipeline.errors import RecordError

_LATEST = 300 * SAMPLE_RATE
_EARLIEST = 200 * SAMPLE_RATE  # the wider the choice, the longer the pause that is found
_ENOUGH = 360 * SAMPLE_RATE  # more than _LATEST, so that the last part is not tiny
_BLOCK = 10 * SAMPLE_RATE
_FULL_SCALE = 32_768.0

Pcm = NDArray[np.int16]


@dataclass(frozen=True)
class Part:
    """One part of a recording.

    Attributes:
        seconds: Its duration.
        speech: The speech in it; None where there is none.
    """

    seconds: float
    speech: Speech | None


def parts(audio: Path) -> Iterator[Part]:
    """Yield a recording in parts, cut at long pauses.

    The cuts depend on the recording alone, so every run makes the same ones. Broken frames are
    skipped.

    Raises:
        RecordError: "corrupt_media" when the file cannot be decoded.
    """
    start, pending = 0, np.zeros(0, np.int16)
    for block in _blocks(_decoded(audio)):
        pending = np.concatenate([pending, block])
        if len(pending) >= _ENOUGH:
            spans = spoken(_levelled(pending))
            end = cut(spans)
            yield _part(pending[:end], [span for span in spans if span[0] < end], start)
            start, pending = start + end, pending[end:]
    yield _part(pending, spoken(_levelled(pending)), start)


def _part(pcm: Pcm, spans: list[Stretch], start: int) -> Part:
    return Part(len(pcm) / SAMPLE_RATE, speech_of(_levelled(pcm), spans, start / SAMPLE_RATE))


def _levelled(pcm: Pcm) -> NDArray[np.float32]:
    """Return samples in which quiet speech is louder, for the detector and for the model."""
    return levelled(pcm.astype(np.float32) / _FULL_SCALE)


def cut(spans: list[Stretch]) -> int:
    """Return the middle of the longest pause in the last third of a part, in samples."""
    edges = [0, *(edge for span in spans for edge in span), _ENOUGH]
    pauses = [
        (max(start, _EARLIEST), min(end, _LATEST))
        for start, end in zip(edges[::2], edges[1::2], strict=True)
        if end >= _EARLIEST and start <= _LATEST
    ]
    start, end = max(pauses, key=lambda pause: pause[1] - pause[0])
    return (start + end) // 2


def _blocks(frames: Iterable[Pcm]) -> Iterator[Pcm]:
    """Join the frames into fewer, larger arrays."""
    gathered: list[Pcm] = []
    for frame in frames:
        gathered.append(frame)
        if sum(map(len, gathered)) >= _BLOCK:
            yield np.concatenate(gathered)
            gathered.clear()
    if gathered:
        yield np.concatenate(gathered)


def _decoded(audio: Path) -> Iterator[Pcm]:
    """Yield the audio as mono 16 kHz samples, frame by frame."""
    resampler = AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)
    try:
        with av.open(f"file:{audio}", metadata_errors="ignore") as container:
            for frame in chain(_frames(container), [None]):
                for resampled in resampler.resample(frame):
                    yield resampled.to_ndarray()[0]
    except (av.FFmpegError, IndexError) as error:
        raise corrupt(audio, type(error).__name__) from error


def _frames(container: InputContainer) -> Iterator[AudioFrame]:
    for packet in container.demux(container.streams.audio[0]):
        with suppress(av.InvalidDataError):
            for frame in packet.decode():
                frame.pts = None  # a gap in the timestamps is not a gap in the audio
                yield frame


def corrupt(audio: Path, trace: str) -> RecordError:
    """Return the error for audio that cannot be decoded to its end.

    Args:
        audio: The file.
        trace: What was found, for the message.
    """
    return RecordError("corrupt_media", f"{audio.name} cannot be decoded completely ({trace}).")
