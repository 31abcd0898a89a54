"""Who said it: names of a transcript that knows them, put on the segments of one that does not."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from meeting_pipeline.domain.model import Segment


def with_speakers(said: Sequence[Segment], named: Sequence[Segment]) -> tuple[Segment, ...]:
    """Each segment with the speaker who has most of its time in `named`; else with its own.

    named: in order, none overlapping the next.
    """
    return tuple(replace(one, speaker=_speaker(one, named) or one.speaker) for one in said)


def _speaker(said: Segment, named: Sequence[Segment]) -> str | None:
    seconds: Counter[str] = Counter()
    first = bisect_right(named, said.start_s, key=lambda one: one.end_s)
    for one in named[first:]:
        if one.start_s >= said.end_s:
            break
        shared_s = min(said.end_s, one.end_s) - max(said.start_s, one.start_s)
        if one.speaker:
            seconds[one.speaker] += round(shared_s * 1000)
    return max(seconds, key=lambda name: seconds[name], default=None)
