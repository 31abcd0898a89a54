"""A transcript as lines for a model, and portions of it that fit; nothing is left out."""

import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from meeting_pipeline.domain.model import Segment, Transcript

_LATIN = re.compile(r"[A-Za-z]{1,8}")
_DIGITS = re.compile(r"[0-9]")
_SPACES = re.compile(r"\s")
_LATIN_TOKENS = 1.4
_DIGIT_TOKENS = 0.5
_LONGEST_NAME = 64
_LINES_PER_PORTION = 20
_SHORTEST_LINE = 20


def tokens_of(text: str) -> int:
    """How many tokens a text has at most, roughly: one for each Chinese character or sign."""
    words = _LATIN.findall(text)
    letters = sum(map(len, words))
    digits = len(_DIGITS.findall(text))
    others = len(text) - letters - digits - len(_SPACES.findall(text))
    return math.ceil(others + _LATIN_TOKENS * len(words) + _DIGIT_TOKENS * digits)


@dataclass(frozen=True)
class Line:
    """One segment or a piece of one; head: "[mm:ss] speaker: "."""

    head: str
    text: str

    def __str__(self) -> str:
        return self.head + self.text

    @cached_property
    def tokens(self) -> int:
        return tokens_of(self.head) + tokens_of(self.text) + 1  # and the end of the line


Portion = tuple[Line, ...]


def lines_of(transcript: Transcript) -> Portion:
    """What was said, a line for each segment."""
    return tuple(_line(segment) for segment in transcript.segments)


def portions(lines: Sequence[Line], capacity: int) -> list[Portion]:
    """The lines in ⌈tokens / capacity⌉ portions of about the same size, in their order.

    None is larger than `capacity` by more than a twentieth; longer lines are cut in pieces.
    """
    longest = max(capacity // _LINES_PER_PORTION, _SHORTEST_LINE)
    pieces = [piece for line in lines for piece in _pieces(line, longest)]
    total = sum(piece.tokens for piece in pieces)
    count = max(1, math.ceil(total / capacity))
    filled: list[list[Line]] = [[] for _ in range(count)]
    before = 0
    for piece in pieces:
        filled[before * count // total].append(piece)
        before += piece.tokens
    return [tuple(portion) for portion in filled if portion]


def _pieces(line: Line, longest: int) -> Iterator[Line]:
    if line.tokens <= longest:
        yield line
        return
    size = max(_SHORTEST_LINE, longest - tokens_of(line.head))
    for start in range(0, len(line.text), size):
        yield Line(line.head, line.text[start : start + size])


def _line(segment: Segment) -> Line:
    minutes, seconds = divmod(int(segment.start_s), 60)
    who = _one_line(segment.speaker or "")[:_LONGEST_NAME]
    speaker = f"{who}: " if who else ""
    return Line(f"[{minutes:02d}:{seconds:02d}] {speaker}", _one_line(segment.text))


def _one_line(text: str) -> str:
    return " ".join(text.split())
