"""How loud a recording is, moment by moment, and where the packets of its file lie.

One streamed decode: ten hours take a few megabytes of memory.
"""

from array import array
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import av
import numpy as np
from av.filter import Graph
from numpy.typing import NDArray

from meeting_pipeline.adapters.asr.levels import Sound, measured, speech_in
from meeting_pipeline.domain.levels import FRAME_S
from meeting_pipeline.domain.model import Audio
from meeting_pipeline.errors import RecordError

Loud = NDArray[np.float32]
Samples = NDArray[np.int16]

_RATE = 16_000
_FRAME = round(FRAME_S * _RATE)
_BATCH = 64  # frames between two looks into the filter
_PLAIN = (("fltp", _RATE, 1), ("flt", _RATE, 1))
_FLOAT_BYTES = 4
_SECOND_BYTES = _RATE * _FLOAT_BYTES
_FULL_SCALE = 32_768.0
_SILENCE_POWER = 1e-10  # -100 dBFS
_TOLERANCE_S, _TOLERANCE_SHARE = 0.3, 0.001


def listen(audio: Audio) -> Sound:
    """Decodes it only where its levels were not measured when it was made.

    Raises RecordError("corrupt_media") for what cannot be read or decoded, or is too short.
    """
    levels = measured(audio)
    try:
        with av.open(f"file:{audio.path}") as container:
            sound = _heard(container) if levels is None else _looked_at(container, audio, levels)
    except (av.FFmpegError, IndexError) as error:
        raise _corrupt(audio, type(error).__name__) from error
    lacking_s = audio.duration_s - sound.duration_s
    if lacking_s > max(_TOLERANCE_S, _TOLERANCE_SHARE * audio.duration_s):
        raise _corrupt(audio, f"{sound.duration_s:.1f} of {audio.duration_s:.1f} s")
    return sound


def _heard(container: Any) -> Sound:
    """The sound decoded from the first packet to the last."""
    track = container.streams.audio[0]
    meter = _Meter(_sound_of(track))
    packets = _packets(container, meter.hear)
    meter.finish()
    return _sound(track, meter.levels, meter.samples / _RATE, packets)


def _looked_at(container: Any, audio: Audio, levels: "array[float]") -> Sound:
    """The sound whose levels are known; only its packets are counted."""
    track, packets = container.streams.audio[0], _packets(container)
    return _sound(track, levels, min(audio.duration_s, packets.all_s), packets)


@dataclass(frozen=True)
class _Packets:
    """starts: the byte where each begins, and where the last ends. each_s: seconds of the last."""

    starts: "array[int]"
    each_s: float
    all_s: float


def _packets(container: Any, hear: Callable[[Any], None] | None = None) -> _Packets:
    """Where the packets lie; `hear` is given every frame that is in them."""
    track = container.streams.audio[0]
    starts = array("I")  # audio of 4 GB lasts twelve days
    end = duration = all_of_them = 0
    for packet in container.demux(track):
        if packet.size:
            starts.append(packet.pos or 0)
            end, duration = starts[-1] + packet.size, packet.duration or 0
            all_of_them += duration
        if hear:
            for frame in packet.decode():
                hear(frame)
    starts.append(end)
    each_s, all_s = (float(ticks * track.time_base) for ticks in (duration, all_of_them))
    return _Packets(starts, each_s, all_s)


def _sound(track: Any, levels: "array[float]", duration_s: float, packets: _Packets) -> Sound:
    return Sound(
        levels=levels,
        speech=speech_in(levels),
        duration_s=duration_s,
        is_mp3=track.container.format.name == "mp3",
        packets=packets.starts,
        packet_s=packets.each_s,
        lead_s=float((track.start_time or 0) * track.time_base),
    )


class _Meter:
    """Turns decoded frames into levels."""

    def __init__(self, sound: "_Plain | _Filtered") -> None:
        self.levels = array("f")  # one block; ten hours of little arrays take more
        self.samples = 0
        self._sound = sound
        self._waiting = 0

    def hear(self, frame: Any) -> None:
        """Take the next frame."""
        self._sound.push(frame)
        self._waiting += 1
        if self._waiting == _BATCH:
            self._waiting = 0
            self._measure()

    def finish(self) -> None:
        """There are no more frames."""
        self._sound.end()
        self._measure()

    def _measure(self) -> None:
        for second in self._sound.seconds():
            self.samples += len(second)
            self.levels.frombytes(_levels(second).tobytes())


class _Plain:
    """Sound that is decoded as our own mp3 is, 16 kHz mono float: half the work of a filter."""

    def __init__(self) -> None:
        self._waiting = bytearray()
        self._least = _SECOND_BYTES

    def push(self, frame: Any) -> None:
        self._waiting += memoryview(frame.planes[0])[: frame.samples * _FLOAT_BYTES]

    def end(self) -> None:
        """What is left may be less than a second."""
        self._least = 1

    def seconds(self) -> Iterator[Samples]:
        """What is there, in whole seconds."""
        while len(self._waiting) >= self._least:
            yield _whole_numbers(bytes(self._waiting[:_SECOND_BYTES]))
            del self._waiting[:_SECOND_BYTES]


class _Filtered:
    """Sound of any other shape, made 16 kHz mono."""

    def __init__(self, track: Any) -> None:
        self._graph = Graph()
        shape = f"sample_fmts=s16:sample_rates={_RATE}:channel_layouts=mono"
        chain = [
            self._graph.add_abuffer(template=track),
            self._graph.add("aformat", shape),
            self._graph.add("asetnsamples", f"n={_RATE}:p=0"),
            self._graph.add("abuffersink"),
        ]
        self._graph.link_nodes(*chain).configure()

    def push(self, frame: Any) -> None:
        self._graph.push(frame)

    def end(self) -> None:
        """What is left may be less than a second."""
        self._graph.push(None)

    def seconds(self) -> Iterator[Samples]:
        """What is there, in whole seconds."""
        while True:
            try:
                second: Any = self._graph.pull()
            except (av.BlockingIOError, av.EOFError):
                return
            yield np.frombuffer(second.planes[0], np.int16)[: second.samples]


def _sound_of(track: Any) -> _Plain | _Filtered:
    shape = (track.format.name, track.rate, track.channels)
    return _Plain() if shape in _PLAIN else _Filtered(track)


def _whole_numbers(sound: bytes) -> Samples:
    """Samples of -1 … 1 as the filter would give them, to the last bit."""
    scaled = np.rint(np.frombuffer(sound, np.float32) * np.float32(_FULL_SCALE))
    samples: Samples = np.clip(scaled, -_FULL_SCALE, _FULL_SCALE - 1).astype(np.int16)
    return samples


def _levels(sound: Samples) -> Loud:
    frames = -(-len(sound) // _FRAME)
    padded = np.zeros(frames * _FRAME, np.float32)
    padded[: len(sound)] = sound
    power = np.mean((padded.reshape(-1, _FRAME) / _FULL_SCALE) ** 2, axis=1)
    levels: Loud = 10 * np.log10(np.maximum(power, _SILENCE_POWER))
    return levels


def _corrupt(audio: Audio, trace: str) -> RecordError:
    return RecordError("corrupt_media", f"{audio.path.name} cannot be decoded whole ({trace})")
