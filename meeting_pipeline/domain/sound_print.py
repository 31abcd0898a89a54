"""The comparison of recordings by their sound: which files are one recording, encoded twice."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import StatisticsError, correlation, fmean, median, pstdev

from meeting_pipeline.domain.levels import FRAME_S

_QUIET_DB = -60.0  # encoders differ in what they make of near silence
_FLAT_DB = 3.0
_TONE_DB = 0.25  # noise changes by more
_SAME_LEVEL_DB = 6.0
_SAME_TONE = 0.1
_SAME_PITCH = 0.3  # a telephone's filter changes that of speech by 0.2
_ALIKE = 0.8  # the same speech encoded twice: 0.97 and more; other speech: less than 0.25
_JOINED = 2
_SHIFT_S = 2.0
_SHARE_SHIFTED = 8  # and at most an eighth: short pieces of other speech may be alike by chance


@dataclass(frozen=True)
class SoundPrint:
    """What was measured in the first minutes with sound of a recording.

    Attributes:
        levels: The level in dBFS of each frame of FRAME_S seconds.
        crossings: How often the samples of each frame change their sign: more for higher tones.
    """

    levels: "array[float]" = field(default_factory=lambda: array("f"))
    crossings: "array[int]" = field(default_factory=lambda: array("H"))


def sounds_alike(one: SoundPrint, other: SoundPrint) -> bool:
    """Return whether two recordings have the same sound.

    Their loudness has to rise and fall together, at about the same pitch; one may begin up to two
    seconds later, as encoders add silence and clients start two files one after the other. Where
    nothing rises and falls, as in a tone or in silence, level and pitch have to be the same.

    Args:
        one: The sound of a recording.
        other: That of the other one.
    """
    shape, other_shape = _shape(one), _shape(other)
    length = min(len(shape), len(other_shape))
    if length < _JOINED:
        return False
    flat = [_is_flat(levels[:length]) for levels in (shape, other_shape)]
    if any(flat) and not all(flat):
        return False
    if all(flat):
        shape, other_shape = _inner(shape), _inner(other_shape)
        if max(pstdev(shape), pstdev(other_shape)) < _TONE_DB:
            louder = abs(median(shape) - median(other_shape))
            return louder <= _SAME_LEVEL_DB and _same_pitch(one, other, _SAME_TONE)
    if not _same_pitch(one, other, _SAME_PITCH):
        return False
    most = min(round(_SHIFT_S / FRAME_S / _JOINED), length // _SHARE_SHIFTED)
    shifts = sorted(range(-most, most + 1), key=abs)
    return any(_likeness(shape, other_shape, shift) >= _ALIKE for shift in shifts)


def _shape(sound: SoundPrint) -> Sequence[float]:
    """Return the levels in frames that are longer, without what is nearly silent."""
    levels = [max(level, _QUIET_DB) for level in sound.levels]
    return [fmean(levels[at : at + _JOINED]) for at in range(0, len(levels), _JOINED)]


def _is_flat(levels: Sequence[float]) -> bool:
    """Return whether levels hardly change but at the ends, where encoders add silence."""
    ordered = _inner(sorted(levels))
    return ordered[-1] - ordered[0] < _FLAT_DB


def _inner(levels: Sequence[float]) -> Sequence[float]:
    edge = len(levels) // 20
    return levels[edge : len(levels) - edge]


def _same_pitch(one: SoundPrint, other: SoundPrint, tolerance: float) -> bool:
    """Return whether what is loud in two recordings is equally high, as a share of it."""
    pitch, other_pitch = _pitch(one), _pitch(other)
    return abs(pitch - other_pitch) <= tolerance * max(pitch, other_pitch)


def _pitch(sound: SoundPrint) -> float:
    """Return how often the louder quarter of a recording changes its sign."""
    loudest_first = sorted(zip(sound.levels, sound.crossings, strict=True), reverse=True)
    return median(crossings for _, crossings in loudest_first[: len(loudest_first) // 4 + 1])


def _likeness(one: Sequence[float], other: Sequence[float], shift: int) -> float:
    """Return how alike two curves are, -1..1, if the second one begins this much earlier."""
    one, other = one[max(shift, 0) :], other[max(-shift, 0) :]
    length = min(len(one), len(other))
    try:
        return correlation(one[:length], other[:length])
    except StatisticsError:  # one of them is constant there
        return 0.0
