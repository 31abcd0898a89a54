"""How much of the speech in a recording has text, with any recogniser.

A recogniser measures its coverage with the detector that chose what it heard, so what that detector
missed is missing in both. Levels are independent of it. What counts as speech is decided for every
moment: a quiet student may speak for minutes beside a teacher who is 30 dB louder.
"""

from collections.abc import Iterator, Sequence
from itertools import groupby

from meeting_pipeline.domain.levels import FRAME_S, Levels, noise_floor
from meeting_pipeline.domain.model import Segment

_ABOVE_NOISE_DB = 10.0  # steady noise varies by a few dB
_RANGE_DB = 30.0  # from the loudest moment around to the breaths and echoes beside it
_FAINTEST_DB = -70.0
_BLOCK = 10  # frames, half a second
_AROUND = 4  # blocks before and after, two seconds each
_BREATH = 10  # frames
_CLICK = 4
_MARGIN = 10  # frames by which the times of a recogniser are wrong
_COVERED = 0.85  # real recordings that are transcribed whole have 0.98 and more
_MISSED_S = 5.0


def low_coverage(levels: Levels, segments: Sequence[Segment]) -> float | None:
    """Return the share (0..1) of the speech that has text, if it is clearly too little.

    Args:
        levels: The levels of the whole recording.
        segments: What was transcribed.

    Returns:
        The share; None if the text covers the speech.
    """
    has_text = _frames_with_text(len(levels), segments)
    speech = [at for begin, end in _speech(levels) for at in range(begin, end)]
    covered = sum(has_text[at] for at in speech)
    missed_s = (len(speech) - covered) * FRAME_S
    if missed_s < _MISSED_S or covered >= _COVERED * len(speech):
        return None
    return covered / len(speech)


def _frames_with_text(frames: int, segments: Sequence[Segment]) -> bytearray:
    found = bytearray(frames)
    for one in segments:
        begin = max(0, round(one.start_s / FRAME_S) - _MARGIN)
        end = min(frames, round(one.end_s / FRAME_S) + _MARGIN)
        found[begin:end] = b"\1" * max(0, end - begin)
    return found


def _speech(levels: Levels) -> Iterator[tuple[int, int]]:
    """Yield the first frame of each stretch of speech, and the one after its last."""
    begin = end = 0
    for first, last in _loud(levels):
        if first - end > _BREATH:
            if end - begin > _CLICK:
                yield begin, end
            begin = first
        end = last
    if end - begin > _CLICK:
        yield begin, end


def _loud(levels: Levels) -> Iterator[tuple[int, int]]:
    least = _thresholds(levels)
    at = 0
    for is_loud, frames in groupby(
        level > least[number // _BLOCK] for number, level in enumerate(levels)
    ):
        begun, at = at, at + sum(1 for _ in frames)
        if is_loud:
            yield begun, at


def _thresholds(levels: Levels) -> list[float]:
    """Return the level above which sound counts as speech, for every block of frames."""
    noise_db = noise_floor(levels) + _ABOVE_NOISE_DB
    peaks = [max(levels[at : at + _BLOCK]) for at in range(0, len(levels), _BLOCK)]
    around = (peaks[max(0, at - _AROUND) : at + _AROUND + 1] for at in range(len(peaks)))
    return [max(noise_db, max(near) - _RANGE_DB, _FAINTEST_DB) for near in around]
