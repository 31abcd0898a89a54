"""Words with their times, gathered into phrases that claim no long silence.

A recogniser hears speech without its pauses, so a sentence that it stamps may begin before a pause
of minutes and go on after it. Its words tell on which side of the pause they were said.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from meeting_pipeline.adapters.asr.speech import Speech
from meeting_pipeline.adapters.asr.transcript_filters import Span

LONGEST_PAUSE_S = 1.5
"""Between two words of one phrase; most pauses within a sentence are shorter."""


@dataclass(frozen=True)
class Phrase:
    """One word or several, with the spaces before them; seconds on the timeline of speech."""

    start_s: float
    end_s: float
    text: str


def phrases(words: Iterable[Phrase], speech: Speech, window: Span) -> list[Phrase]:
    """The words of a window in their order, parted at long pauses.

    A word belongs to the piece of speech that holds its middle; what reaches over the piece's edges
    is inaccuracy and is cut off.
    """
    found: list[Phrase] = []
    last = 0
    for word in words:
        here = speech.index_at((word.start_s + word.end_s) / 2, window)
        clipped = _within(word, speech.pieces[here].span, window)
        if found and speech.longest_pause(last, here) <= LONGEST_PAUSE_S:
            found[-1] = _joined(found[-1], clipped)
        else:
            found.append(clipped)
        last = here
    return found


def _within(word: Phrase, *spans: Span) -> Phrase:
    start, end = word.start_s, word.end_s
    for lowest, highest in spans:
        start, end = (min(max(time, lowest), highest) for time in (start, end))
    return Phrase(start, end, word.text)


def _joined(first: Phrase, second: Phrase) -> Phrase:
    return Phrase(first.start_s, max(first.end_s, second.end_s), first.text + second.text)
