"""A recording's sound, part by part, so that ten hours take no more memory than ten minutes."""

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

from meeting_pipeline.adapters.asr.speech import (
    SAMPLE_RATE,
    Speech,
    Stretch,
    speech_of,
    spoken,
)
from meeting_pipeline.errors import RecordError

_LATEST = 300 * SAMPLE_RATE
_EARLIEST = 200 * SAMPLE_RATE  # the longer the choice, the longer the pause found
_ENOUGH = 360 * SAMPLE_RATE  # so that what is left is no crumb
_BLOCK = 10 * SAMPLE_RATE
_FULL_SCALE = 32_768.0

Pcm = NDArray[np.int16]


@dataclass(frozen=True)
class Part:
    """So many seconds of a recording, and the speech in them, if any."""

    seconds: float
    speech: Speech | None


def parts(audio: Path) -> Iterator[Part]:
    """The recording cut at long pauses; where depends on the recording alone.

    Raises RecordError("corrupt_media") for what cannot be decoded; broken frames are left out.
    """
    start, waiting = 0, np.zeros(0, np.int16)
    for block in _blocks(_decoded(audio)):
        waiting = np.concatenate([waiting, block])
        if len(waiting) >= _ENOUGH:
            spans = spoken(_scaled(waiting))
            end = cut(spans)
            yield _part(waiting[:end], [span for span in spans if span[0] < end], start)
            start, waiting = start + end, waiting[end:]
    yield _part(waiting, spoken(_scaled(waiting)), start)


def _part(pcm: Pcm, spans: list[Stretch], start: int) -> Part:
    return Part(len(pcm) / SAMPLE_RATE, speech_of(_scaled(pcm), spans, start / SAMPLE_RATE))


def _scaled(pcm: Pcm) -> NDArray[np.float32]:
    return pcm.astype(np.float32) / _FULL_SCALE


def cut(spans: list[Stretch]) -> int:
    """The middle of the longest pause in the last third of a part."""
    edges = [0, *(edge for span in spans for edge in span), _ENOUGH]
    pauses = [
        (max(start, _EARLIEST), min(end, _LATEST))
        for start, end in zip(edges[::2], edges[1::2], strict=True)
        if end >= _EARLIEST and start <= _LATEST
    ]
    start, end = max(pauses, key=lambda pause: pause[1] - pause[0])
    return (start + end) // 2


def _blocks(frames: Iterable[Pcm]) -> Iterator[Pcm]:
    """The same sound in fewer and larger arrays."""
    gathered: list[Pcm] = []
    for frame in frames:
        gathered.append(frame)
        if sum(map(len, gathered)) >= _BLOCK:
            yield np.concatenate(gathered)
            gathered.clear()
    if gathered:
        yield np.concatenate(gathered)


def _decoded(audio: Path) -> Iterator[Pcm]:
    """Mono 16 kHz, frame by frame."""
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
                frame.pts = None  # gaps in the times are no gaps in the sound
                yield frame


def corrupt(audio: Path, trace: str) -> RecordError:
    """The error for sound that is not there whole."""
    return RecordError("corrupt_media", f"{audio.name} cannot be decoded whole ({trace}).")
