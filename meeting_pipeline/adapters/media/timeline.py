"""The timeline of a container: decoded frames at the times that their time stamps say.

Recorders leave holes where the network lost packets, where recording was paused and where nothing
was said, and a microphone may be opened after the camera. Without the time stamps, everything after
a hole would be heard too early.
"""

from collections.abc import Callable, Iterator

from av.audio.frame import AudioFrame
from av.container import InputContainer

from meeting_pipeline.adapters.media.containers import LONGEST_GAP_S
from meeting_pipeline.adapters.media.sound import SAMPLE_BYTES, SAMPLE_RATE

_TIMED = frozenset({"mov", "matroska", "ogg", "mpegts", "asf", "flv"})
"""Formats with a time stamp for each packet; in the others one packet follows another."""

_OVERLAP_S = 1.0  # of frames; a longer step back is a clock that was set
_LONGEST_HOLE_S = 12 * 3600.0  # a longer step forward is a clock that was set, too
_LATEST_START_S = 3600.0  # a later one is the clock of a broadcast, of which this is a part


def is_timed(container: InputContainer) -> bool:
    """Return whether the packets of a container have time stamps."""
    return container.format.name.split(",")[0] in _TIMED


def zero_of(container: InputContainer) -> float:
    """Return the time stamp, in seconds, at which the timeline of a container begins.

    It is 0, wherever the first sound is, except in transport streams and in parts of a broadcast,
    whose clock began before the recording.
    """
    starts = [
        float(stream.start_time * stream.time_base)
        for stream in container.streams
        if stream.start_time is not None and stream.time_base is not None
    ]
    earliest = min(starts, default=0.0)
    has_own_zero = container.format.name != "mpegts" and earliest <= _LATEST_START_S
    return 0.0 if has_own_zero else earliest


def continuous(
    frames: Iterator[AudioFrame], zero_s: float, check_gap: Callable[[float], None]
) -> Iterator[AudioFrame]:
    """Yield the frames of a track, with silence where the timeline has a hole.

    Args:
        frames: The decoded frames.
        zero_s: The time stamp of the beginning.
        check_gap: Called before a hole is filled with the time at which it ends, in seconds.
    """
    ends_at = 0.0
    for frame in frames:
        if frame.time is not None:
            gap_s = frame.time - zero_s - ends_at
            if not -_OVERLAP_S <= gap_s <= _LONGEST_HOLE_S:
                zero_s += gap_s
            elif gap_s > LONGEST_GAP_S:
                check_gap(ends_at + gap_s)
                yield from _silence(frame, round(gap_s * frame.sample_rate))
                ends_at += gap_s
        ends_at += frame.samples / frame.sample_rate
        yield frame


def padded(
    seconds: Iterator[bytes], ends_at_s: float, is_whole: Callable[[], bool]
) -> Iterator[bytes]:
    """Yield samples, and silence after them where only the picture continues.

    Args:
        seconds: Mono 16 kHz samples of one second after another.
        ends_at_s: The end of the recording.
        is_whole: Called if the samples end earlier; returns whether nothing of the file is missing.
    """
    missing_bytes = round(ends_at_s * SAMPLE_RATE) * SAMPLE_BYTES
    for second in seconds:
        missing_bytes -= len(second)
        yield second
    if missing_bytes > LONGEST_GAP_S * SAMPLE_RATE * SAMPLE_BYTES and is_whole():
        each = SAMPLE_RATE * SAMPLE_BYTES
        for at in range(0, missing_bytes, each):
            yield bytes(min(each, missing_bytes - at))


def last_time_of(container: InputContainer) -> float:
    """Return where the last packet of any track ends, in seconds, by reading all of them."""
    return max(
        (
            float((packet.pts + (packet.duration or 0)) * packet.time_base)
            for packet in container.demux()
            if packet.pts is not None and packet.time_base is not None
        ),
        default=0.0,
    )


def _silence(like: AudioFrame, samples: int) -> Iterator[AudioFrame]:
    """Yield frames of silence in the format of another frame, none longer than a second."""
    zero = b"\x80" if like.format.name.startswith("u8") else b"\0"
    while samples > 0:
        count = min(samples, like.sample_rate)
        frame = AudioFrame(like.format.name, like.layout.name, count)
        frame.sample_rate = like.sample_rate
        for plane in frame.planes:
            plane.update(zero * plane.buffer_size)
        samples -= count
        yield frame
