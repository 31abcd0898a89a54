"""The comparison of recordings by their sound: which files are one recording, encoded twice."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import StatisticsError, correlation, fmean, pstdev

from meeting_pipeline.domain.levels import FRAME_S

_QUIET_DB = -60.0  # encoders differ in what they make of near silence
_FLAT_DB = 1.5
_SAME_LEVEL_DB = 6.0
_SAME_PITCH = 0.1
_ALIKE = 0.8  # the same speech encoded twice: 0.95 and more; other speech: less than 0.5
_JOINED = 2
_SHIFT_S = 2.0


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

    Their loudness has to rise and fall together; one may begin up to two seconds later, as encoders
    add silence and clients start two files one after the other. Where nothing rises and falls, as
    in a tone, level and pitch have to be the same.

    Args:
        one: The sound of a recording.
        other: That of the other one.
    """
    shape, other_shape = _shape(one), _shape(other)
    length = min(len(shape), len(other_shape))
    if length < _JOINED:
        return False
    flat = [pstdev(levels[:length]) < _FLAT_DB for levels in (shape, other_shape)]
    if any(flat):
        return all(flat) and _same_tone(one, other)
    most = min(round(_SHIFT_S / FRAME_S / _JOINED), length // 2)
    shifts = sorted(range(-most, most + 1), key=abs)
    return any(_likeness(shape, other_shape, shift) >= _ALIKE for shift in shifts)


def _shape(sound: SoundPrint) -> Sequence[float]:
    """Return the levels in frames that are longer, without what is nearly silent."""
    levels = [max(level, _QUIET_DB) for level in sound.levels]
    return [fmean(levels[at : at + _JOINED]) for at in range(0, len(levels), _JOINED)]


def _same_tone(one: SoundPrint, other: SoundPrint) -> bool:
    level, other_level = fmean(_shape(one)), fmean(_shape(other))
    pitch, other_pitch = fmean(one.crossings), fmean(other.crossings)
    return abs(level - other_level) <= _SAME_LEVEL_DB and abs(
        pitch - other_pitch
    ) <= _SAME_PITCH * max(pitch, other_pitch)


def _likeness(one: Sequence[float], other: Sequence[float], shift: int) -> float:
    """Return how alike two curves are, -1..1, if the second one begins this much earlier."""
    one, other = one[max(shift, 0) :], other[max(-shift, 0) :]
    length = min(len(one), len(other))
    try:
        return correlation(one[:length], other[:length])
    except StatisticsError:  # one of them is constant there
        return 0.0
