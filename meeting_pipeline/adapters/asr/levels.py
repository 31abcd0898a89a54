"""How loud a recording is, and where somebody speaks in it."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from meeting_pipeline.adapters.asr.transcript_filters import Span
from meeting_pipeline.domain.levels import FILE_NAME, FRAME_S, unpack
from meeting_pipeline.domain.media_checks import check_whole
from meeting_pipeline.domain.model import Audio
from meeting_pipeline.ports.media import MediaTool
from meeting_pipeline.ports.progress import no_progress

_ALWAYS_SILENT_DB, _ALWAYS_HEARD_DB = -50.0, -35.0
_ABOVE_NOISE_DB = 6.0
_NOISE_SHARE = 0.1
_BREATH_S = 0.5
_CLICK_S = 0.2


@dataclass(frozen=True)
class Sound:
    """A recording as it was heard once.

    Attributes:
        levels: How loud it is, see `domain.levels`.
        speech: Where it is clearly louder than its own noise; seconds, in order.
    """

    levels: "array[float]"
    speech: Sequence[Span]


def listen(audio: Audio, media: MediaTool) -> Sound:
    """Return how loud a recording is and where somebody speaks in it.

    Its levels were measured and kept when the audio was made. Only where they are gone the audio
    is decoded once more.

    Raises:
        RecordError: "truncated_media", it is shorter than it was; and what `MediaTool.extract`
            raises.
    """
    levels = _kept(audio)
    if levels is None:
        levels = _measured(audio, media)
    return Sound(levels, speech_in(levels))


def _kept(audio: Audio) -> "array[float] | None":
    try:
        kept = audio.path.with_name(FILE_NAME).read_bytes()
    except FileNotFoundError:
        return None
    return unpack(kept, audio.sha256)


def _measured(audio: Audio, media: MediaTool) -> "array[float]":
    part = audio.path.with_name(f"{FILE_NAME}.part")
    part.unlink(missing_ok=True)
    try:
        made = media.extract(audio.path, part, "mp3", no_progress)
    finally:
        part.unlink(missing_ok=True)
    check_whole(audio.duration_s, made.duration_s)
    return made.levels


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
