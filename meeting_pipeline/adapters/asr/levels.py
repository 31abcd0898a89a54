"""What is known of a recording once it was listened to, and where somebody speaks in it.

Without numpy, which is as large as we are.
"""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from meeting_pipeline.adapters.asr.transcript_filters import Span
from meeting_pipeline.domain.levels import FILE_NAME, FRAME_S, unpack
from meeting_pipeline.domain.model import Audio

_ALWAYS_SILENT_DB, _ALWAYS_HEARD_DB = -50.0, -35.0
_ABOVE_NOISE_DB = 6.0
_NOISE_SHARE = 0.1
_BREATH_S = 0.5
_CLICK_S = 0.2


@dataclass(frozen=True)
class Sound:
    """A recording as it was heard once.

    speech: where it is clearly louder than its own noise; seconds, in order. duration_s: decoded
    seconds. is_mp3: whether the file may be cut between packets. packets: the byte where each
    begins, and where the last ends; packet_s: seconds of each. lead_s: what decoders leave out at
    the start of the file, but not of a piece of it.
    """

    levels: "array[float]"
    speech: Sequence[Span]
    duration_s: float
    is_mp3: bool
    packets: "array[int]"
    packet_s: float
    lead_s: float


def measured(audio: Audio) -> "array[float] | None":
    """The levels that were kept when this audio was made, see `domain.levels`."""
    try:
        kept = audio.path.with_name(FILE_NAME).read_bytes()
    except FileNotFoundError:
        return None
    return unpack(kept, audio.sha256)


def known(audio: Audio) -> Sound | None:
    """The sound of which all is known that may be asked: its levels, and that nobody cuts it."""
    levels = None if audio.path.suffix == ".mp3" else measured(audio)
    if levels is None:
        return None
    return Sound(levels, speech_in(levels), audio.duration_s, False, array("I"), 0.0, 0.0)


def speech_in(levels: "array[float]") -> list[Span]:
    """Where somebody speaks: clearly louder than the noise, and longer than a click."""
    least = _threshold(levels)
    return [(a, b) for a, b in _joined(list(_louder(levels, least))) if b - a > _CLICK_S]


def _threshold(levels: "array[float]") -> float:
    """A little more than the noise, and never absurdly low or high."""
    noise = sorted(levels)[int(_NOISE_SHARE * len(levels))] if levels else _ALWAYS_SILENT_DB
    return min(max(noise + _ABOVE_NOISE_DB, _ALWAYS_SILENT_DB), _ALWAYS_HEARD_DB)


def _louder(levels: "array[float]", least: float) -> Iterator[Span]:
    at = 0
    for is_loud, frames in groupby(level > least for level in levels):
        begun, at = at, at + sum(1 for _ in frames)
        if is_loud:
            yield begun * FRAME_S, at * FRAME_S


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
