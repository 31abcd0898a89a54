"""How loud a recording is, moment by moment, and where the packets of its file lie.

One streamed decode: ten hours take a few megabytes of memory.
"""

import math
from array import array
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import av
import numpy as np
from av.filter import Graph
from numpy.typing import NDArray

from meeting_pipeline.adapters.asr.guards import Span
from meeting_pipeline.adapters.asr.sound import FRAME_S, Sound
from meeting_pipeline.domain.model import Audio
from meeting_pipeline.errors import RecordError

_RATE = 16_000
_FRAME = round(FRAME_S * _RATE)
_BATCH = 64  # packets between two looks into the filter
_FULL_SCALE = 32_768.0
_SILENCE_POWER = 1e-10  # -100 dBFS
_ALWAYS_SILENT_DB, _ALWAYS_HEARD_DB = -50.0, -35.0
_ABOVE_NOISE_DB = 6.0
_NOISE_PERCENTILE = 10
_BREATH_S = 0.5
_CLICK_S = 0.2
_TOLERANCE_S, _TOLERANCE_SHARE = 0.3, 0.001


def listen(audio: Audio) -> Sound:
    """Raises RecordError("corrupt_media") for what cannot be decoded, or is too short."""
    try:
        with av.open(f"file:{audio.path}") as container:
            sound = _heard(container)
    except (av.FFmpegError, IndexError) as error:
        raise _corrupt(audio, type(error).__name__) from error
    lacking_s = audio.duration_s - sound.duration_s
    if lacking_s > max(_TOLERANCE_S, _TOLERANCE_SHARE * audio.duration_s):
        raise _corrupt(audio, f"{sound.duration_s:.1f} of {audio.duration_s:.1f} s")
    return sound


def _heard(container: Any) -> Sound:
    track = container.streams.audio[0]
    meter, packets, end = _Meter(track), array("Q"), 0
    for packet in container.demux(track):
        if packet.size:
            packets.append(packet.pos or 0)
            end, packet_s = packets[-1] + packet.size, packet.duration * track.time_base
        for frame in packet.decode():
            meter.hear(frame)
    packets.append(end)
    meter.finish()
    return Sound(
        levels=meter.levels,
        speech=_speech(np.frombuffer(meter.levels, np.float32)),
        duration_s=meter.samples / _RATE,
        is_mp3=container.format.name == "mp3",
        packets=packets,
        packet_s=float(packet_s) if end else 0.0,
        lead_s=float((track.start_time or 0) * track.time_base),
    )


class _Meter:
    """Turns decoded frames of any shape into levels."""

    def __init__(self, track: Any) -> None:
        self.levels = array("f")  # one block; ten hours of little arrays take more
        self.samples = 0
        self._waiting = 0
        self._graph = Graph()
        self._input = self._graph.add_abuffer(template=track)
        shape = f"sample_fmts=s16:sample_rates={_RATE}:channel_layouts=mono"
        chain = [
            self._input,
            self._graph.add("aformat", shape),
            self._graph.add("asetnsamples", f"n={_RATE}:p=0"),
            self._graph.add("abuffersink"),
        ]
        self._graph.link_nodes(*chain).configure()

    def hear(self, frame: Any) -> None:
        """Take the next frame."""
        self._graph.push(frame)
        self._waiting += 1
        if self._waiting == _BATCH:
            self._measure()

    def finish(self) -> None:
        """There are no more frames."""
        self._graph.push(None)
        self._measure()

    def _measure(self) -> None:
        self._waiting = 0
        for second in self._filtered():
            sound = np.frombuffer(second.planes[0], np.int16)[: second.samples]
            self.samples += second.samples
            self.levels.frombytes(_levels(sound).tobytes())

    def _filtered(self) -> Iterator[Any]:
        while True:
            try:
                yield self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return


def _levels(sound: NDArray[np.int16]) -> NDArray[np.float32]:
    frames = -(-len(sound) // _FRAME)
    padded = np.zeros(frames * _FRAME, np.float32)
    padded[: len(sound)] = sound
    power = np.mean((padded.reshape(-1, _FRAME) / _FULL_SCALE) ** 2, axis=1)
    levels: NDArray[np.float32] = 10 * np.log10(np.maximum(power, _SILENCE_POWER))
    return levels


def _speech(levels: NDArray[np.float32]) -> list[Span]:
    loud = levels > _threshold(levels)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], loud, [False])).astype(np.int8)))
    runs = [(a * FRAME_S, b * FRAME_S) for a, b in edges.reshape(-1, 2).tolist()]
    return [(a, b) for a, b in _joined(runs) if b - a > _CLICK_S]


def _threshold(levels: NDArray[np.float32]) -> float:
    """Above it somebody speaks: a little more than the noise, and never absurdly low or high."""
    noise = float(np.percentile(levels, _NOISE_PERCENTILE)) if len(levels) else -math.inf
    return min(max(noise + _ABOVE_NOISE_DB, _ALWAYS_SILENT_DB), _ALWAYS_HEARD_DB)


def _joined(runs: list[Span]) -> list[Span]:
    """Runs with no more than a breath between them become one."""
    if not runs:
        return []
    breaks = [
        (left[1], right[0]) for left, right in pairwise(runs) if right[0] - left[1] > _BREATH_S
    ]
    starts = [runs[0][0], *(start for _, start in breaks)]
    ends = [*(end for end, _ in breaks), runs[-1][1]]
    return list(zip(starts, ends, strict=True))


def _corrupt(audio: Audio, trace: str) -> RecordError:
    return RecordError("corrupt_media", f"{audio.path.name} cannot be decoded whole ({trace})")
