"""Verify the quotes of a language model against the transcript."""

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, islice
from typing import TYPE_CHECKING

from meeting_pipeline.domain.model import Evidence, Transcript

if TYPE_CHECKING:
    from meeting_pipeline.adapters.llm.reply import Quote

_FEWEST_CHARACTERS = 2
_CLOSING = tuple("。！？；…”」.!?;")
_PREFIX = re.compile(r"\s*(?:\[[\d:.]+\]\s*)?(?:[^:：]{1,30}[:：])?")
_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+)")


def verified(quotes: "Sequence[Quote]", transcript: Transcript) -> tuple[tuple[Evidence, ...], int]:
    """Return the quotes that the transcript contains, in its own words, and the number of others.

    Character width, case, spaces and punctuation are ignored. Of several occurrences, the one
    nearest to the time that the model named is chosen.
    """
    said = _SearchableTranscript(transcript)
    found = [said.find(quote) for quote in quotes]
    kept = tuple(dict.fromkeys(evidence for evidence in found if evidence is not None))
    return kept, found.count(None)


class _SearchableTranscript:
    """A transcript without spaces and punctuation, with the origin of each letter."""

    def __init__(self, transcript: Transcript) -> None:
        self._segments = transcript.segments
        folded = [_folded(segment.text) for segment in transcript.segments]
        self._text = "".join(folded)
        self._starts = list(accumulate(map(len, folded), initial=0))

    def find(self, quote: "Quote") -> Evidence | None:
        """Return the first matching passage of the transcript, or None."""
        for words in (quote.quote, _PREFIX.sub("", quote.quote, count=1)):
            letters = _folded(words)
            if len(letters) < _FEWEST_CHARACTERS:
                continue
            starts = list(self._occurrences(letters))
            if starts:
                return self._evidence(self._nearest(starts, quote.time), len(letters))
        return None

    def _occurrences(self, letters: str) -> Iterator[int]:
        start = self._text.find(letters)
        while start >= 0:
            yield start
            start = self._text.find(letters, start + len(letters))

    def _nearest(self, starts: Sequence[int], time: str) -> int:
        told_s = _seconds(time)
        if told_s is None:
            return starts[0]
        return min(starts, key=lambda start: abs(self._start_s(start) - told_s))

    def _start_s(self, start: int) -> float:
        return self._segments[self._segment(start)].start_s

    def _segment(self, letter: int) -> int:
        return bisect_right(self._starts, letter) - 1

    def _source(self, letter: int) -> tuple[int, int]:
        """Return the segment of a letter and the position in its text."""
        number = self._segment(letter)
        letters = _letters_of(self._segments[number].text)
        place, _ = next(islice(letters, letter - self._starts[number], None))
        return number, place

    def _evidence(self, start: int, length: int) -> Evidence:
        (first, begin), (last, end) = self._source(start), self._source(start + length - 1)
        texts = [segment.text for segment in self._segments[first : last + 1]]
        texts[-1] = texts[-1][: _end_of(texts[-1], end + 1)]
        texts[0] = texts[0][begin:]
        return Evidence(" ".join(texts), self._segments[first].start_s)


def _end_of(text: str, end: int) -> int:
    """Return the end extended by the punctuation that closes the sentence."""
    while text[end : end + 1] in _CLOSING:
        end += 1
    return end


def _folded(text: str) -> str:
    return "".join(letter for _, letter in _letters_of(text))


def _letters_of(text: str) -> Iterator[tuple[int, str]]:
    """Yield folded letters and digits, each with the position of its character in the text."""
    for place, character in enumerate(text):
        for letter in unicodedata.normalize("NFKC", character).casefold():
            if letter.isalnum():
                yield place, letter


def _seconds(time: str) -> int | None:
    """Return the seconds of "12:05", "1:02:03" or "725", or None for other texts."""
    match = _TIME.search(time)
    if match is None:
        return None
    hours, minutes, seconds = (int(part or 0) for part in match.groups())
    return hours * 3600 + minutes * 60 + seconds
