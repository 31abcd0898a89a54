"""Phrases: words with times, joined as long as no long pause lies between them.

A recognizer gets speech without its pauses, so one of its sentences may begin before a pause of
minutes and end after it. The times of the words tell which of them belong before the pause.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from meeting_pipeline.adapters.asr.speech import Speech
from meeting_pipeline.adapters.asr.transcript_filters import Span

LONGEST_PAUSE_S = 1.5
"""The longest pause within one phrase, in seconds; most pauses in a sentence are shorter."""


@dataclass(frozen=True)
class Phrase:
    """One or more words, with their leading spaces; times are on the timeline of speech."""

    start_s: float
    end_s: float
    text: str


def phrases(words: Iterable[Phrase], speech: Speech, window: Span) -> list[Phrase]:
    """Join the words of a window into phrases, split at long pauses.

    A word belongs to the piece of speech that contains its middle. Where it extends beyond that
    piece, its times are inaccurate and are clipped.

    Args:
        words: The words in order, on the timeline of speech.
        speech: The speech they were recognized in.
        window: Start and end of the window, on the timeline of speech.
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
