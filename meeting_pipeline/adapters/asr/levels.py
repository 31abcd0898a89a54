"""Levels of a recording, and the speech that they show."""

from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

from meeting_pipeline.adapters.asr.transcript_filters import Span
from meeting_pipeline.domain.levels import (
    FILE_NAME,
    FRAME_S,
    loudest_second,
    noise_floor,
    read,
)
from meeting_pipeline.domain.media_checks import check_whole
from meeting_pipeline.domain.model import Audio
from meeting_pipeline.ports.media import MediaTool
from meeting_pipeline.ports.progress import no_progress

_ALWAYS_HEARD_DB = -35.0
_SILENT_DB = -50.0  # in a recording whose speech is as loud as usual
_RANGE_DB = 30.0  # from the loudest second of speech to what is silence beside it
_ABOVE_NOISE_DB = 6.0
_BREATH_S = 0.5
_CLICK_S = 0.2


@dataclass(frozen=True)
class Sound:
    """The levels of a recording, and where it contains speech.

    Attributes:
        levels: dBFS of every FRAME_S, see `domain.levels`.
        speech: Where the recording is clearly louder than its own noise, in seconds, in order.
    """

    levels: "array[float]"
    speech: Sequence[Span]


def listen(audio: Audio, media: MediaTool) -> Sound:
    """Return the levels of a recording and where it contains speech.

    The levels were measured and stored when the audio was extracted. The audio is decoded again
    only if the stored levels are missing or damaged.

    Args:
        audio: The audio file, beside which the levels are stored.
        media: Decodes the audio if that is needed.

    Raises:
        RecordError: "truncated_media" when the audio is shorter than it was.
        MeetingError: Any error of `MediaTool.extract`.
    """
    levels = read(audio.path.with_name(FILE_NAME), audio.sha256)
    if levels is None:
        levels = _measured(audio, media)
    return Sound(levels, speech_in(levels))


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
    """Return where a recording contains speech: louder than the noise, and longer than a click."""
    least = _threshold(levels)
    return [(a, b) for a, b in _joined(list(_louder(levels, least))) if b - a > _CLICK_S]


def _threshold(levels: "array[float]") -> float:
    """Return the level above which sound counts as speech: a little more than the noise."""
    silent = min(_SILENT_DB, loudest_second(levels) - _RANGE_DB)
    return min(max(noise_floor(levels) + _ABOVE_NOISE_DB, silent), _ALWAYS_HEARD_DB)


def _louder(levels: "array[float]", least: float) -> Iterator[Span]:
    at = 0
    for is_loud, frames in groupby(level > least for level in levels):
        begun, at = at, at + sum(1 for _ in frames)
        if is_loud:
            yield begun * FRAME_S, at * FRAME_S


def _joined(runs: list[Span]) -> list[Span]:
    """Join runs that are separated by no more than a breath."""
    if not runs:
        return []
    breaks = [
        (left[1], right[0]) for left, right in pairwise(runs) if right[0] - left[1] > _BREATH_S
    ]
    starts = [runs[0][0], *(start for _, start in breaks)]
    ends = [*(end for end, _ in breaks), runs[-1][1]]
    return list(zip(starts, ends, strict=True))
