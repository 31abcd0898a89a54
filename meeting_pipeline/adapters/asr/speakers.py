"""Speaker names of one transcript, transferred to the segments of another."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from meeting_pipeline.domain.model import Segment


def with_speakers(segments: Sequence[Segment], named: Sequence[Segment]) -> tuple[Segment, ...]:
    """Return the segments with the speakers of a transcript that knows their names.

    A segment gets the speaker who has most of its time in `named`. Where there is none, it keeps
    its own speaker.

    Args:
        segments: The segments to complete.
        named: The segments of the other transcript, in order and without overlap.
    """
    return tuple(replace(one, speaker=_speaker(one, named) or one.speaker) for one in segments)


def _speaker(segment: Segment, named: Sequence[Segment]) -> str | None:
    milliseconds: Counter[str] = Counter()
    first = bisect_right(named, segment.start_s, key=lambda one: one.end_s)
    for one in named[first:]:
        if one.start_s >= segment.end_s:
            break
        shared_s = min(segment.end_s, one.end_s) - max(segment.start_s, one.start_s)
        if one.speaker:
            milliseconds[one.speaker] += round(shared_s * 1000)
    return max(milliseconds, key=lambda name: milliseconds[name], default=None)
