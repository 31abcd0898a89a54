"""Media with a timeline of its own: holes where the network lost packets, a late start."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.audio.stream import AudioStream

Timeline = Callable[[float], float | None]
"""Says by how many seconds the packet of a moment comes later; None drops it."""


@dataclass(frozen=True)
class Container:
    """How a recorder writes: muxer, codec, and the options of the muxer."""

    muxer: str
    codec: str
    options: Mapping[str, str] = field(default_factory=dict)


MP4 = Container("mp4", "aac")
FRAGMENTS = Container(
    "mp4", "aac", {"movflags": "+empty_moov+default_base_moof", "frag_duration": "500000"}
)
WEBM = Container("webm", "libopus")
LIVE_WEBM = Container("webm", "libopus", {"live": "1"})
MKV = Container("matroska", "aac")
OGG = Container("ogg", "libopus")
VORBIS = Container("ogg", "vorbis")
TS = Container("mpegts", "aac")
FLV = Container("flv", "aac")
WMA = Container("asf", "wmav2")


def late(seconds: float) -> Timeline:
    """The microphone was opened so many seconds after the recording began."""
    return lambda _: seconds


def hole(begins_s: float, length_s: float) -> Timeline:
    """Recording was paused."""
    return lambda moment: length_s if moment >= begins_s else 0.0


def dropouts(every_s: float, length_s: float) -> Timeline:
    """The network loses packets again and again."""
    return lambda moment: None if moment % every_s < length_s else 0.0


def lost(begins_s: float, ends_s: float) -> Timeline:
    """The network loses everything for a while."""
    return lambda moment: None if begins_s <= moment < ends_s else 0.0


def record(
    path: Path, container: Container, seconds: float, timeline: Timeline, rate: int = 48_000
) -> Path:
    """Write noise whose packets come when the timeline says."""
    with av.open(str(path), "w", format=container.muxer, options=dict(container.options)) as out:
        experimental = {"strict": "experimental"}
        stream = out.add_stream(container.codec, rate, experimental, bit_rate=64_000)
        assert isinstance(stream, AudioStream)
        stream.codec_context.layout = "stereo" if container.codec == "vorbis" else "mono"
        for frame in [*_noise(seconds, rate, stream.codec_context.layout.name), None]:
            for packet in stream.encode(frame):
                _shift(packet, timeline, out.mux)
    return path


def remuxed(media: Path, path: Path, timeline: Timeline) -> Path:
    """Write the packets of another recording when the timeline says; the suffix picks the muxer."""
    with av.open(str(media)) as given, av.open(str(path), "w") as out:
        stream = out.add_stream_from_template(given.streams.audio[0])
        for packet in given.demux(given.streams.audio[0]):
            if packet.dts is not None:
                packet.stream = stream
                _shift(packet, timeline, out.mux)
    return path


def _shift(
    packet: "av.Packet[AudioStream]",
    timeline: Timeline,
    write: "Callable[[av.Packet[AudioStream]], None]",
) -> None:
    assert packet.pts is not None and packet.dts is not None and packet.time_base is not None
    later_s = timeline(max(0.0, float(packet.pts * packet.time_base)))
    if later_s is None:
        return
    ticks = round(later_s / packet.time_base)
    packet.pts += ticks
    packet.dts += ticks
    write(packet)


def _noise(seconds: float, rate: int, layout: str) -> Sequence[av.AudioFrame]:
    chance = np.random.default_rng(20250106)
    channels, size = (2 if layout == "stereo" else 1), rate // 10
    frames = []
    for block in range(round(seconds * 10)):
        samples = chance.normal(0, 4000, (1, size * channels)).clip(-32768, 32767)
        frame = av.AudioFrame.from_ndarray(samples.astype(np.int16), "s16", layout)
        frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
        frame.pts = block * size
        frames.append(frame)
    return frames
