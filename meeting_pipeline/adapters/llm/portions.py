"""Split a transcript into portions that fit into one call of a language model."""

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
    """Estimate the tokens of a text from above: one for each Chinese character or sign."""
    words = _LATIN.findall(text)
    letters = sum(map(len, words))
    digits = len(_DIGITS.findall(text))
    others = len(text) - letters - digits - len(_SPACES.findall(text))
    return math.ceil(others + _LATIN_TOKENS * len(words) + _DIGIT_TOKENS * digits)


@dataclass(frozen=True)
class Line:
    """A line for the model: one segment of the transcript or a part of it.

    Attributes:
        head: The time and speaker, "[mm:ss] speaker: ".
        text: The words.
    """

    head: str
    text: str

    def __str__(self) -> str:
        return self.head + self.text

    @cached_property
    def tokens(self) -> int:
        return tokens_of(self.head) + tokens_of(self.text) + 1  # the line break


Portion = tuple[Line, ...]


def lines_of(transcript: Transcript) -> Portion:
    """Return one line for each segment of the transcript."""
    return tuple(_line(segment) for segment in transcript.segments)


def portions(lines: Sequence[Line], capacity: int) -> list[Portion]:
    """Divide lines into ⌈tokens / capacity⌉ portions of about equal size, in order.

    Long lines are cut into pieces, so no portion exceeds `capacity` by more than a twentieth.

    Args:
        lines: All lines; none is left out.
        capacity: The tokens of one portion.
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
