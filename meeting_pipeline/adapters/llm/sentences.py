"""Split a transcript into sentences, each a verbatim part of one segment.

Small speech models write little punctuation. The end of a segment therefore always ends a sentence,
and a long text without a full stop is cut at commas, at spaces, or after a fixed length.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from meeting_pipeline.domain.model import Transcript

_FULL_STOP = re.compile(r"(?<=[。！？!?；;…\n])|(?<=\.)(?=\s)")
_CLAUSE_END = re.compile(r"[，,、：:]|\s")
_HAN = re.compile(r"[\u3400-\u9fff]")
_WORD = re.compile(r"\w")
_LONGEST_HAN = 80
_LONGEST_LATIN = 240


@dataclass(frozen=True)
class Sentence:
    """A verbatim sentence of a transcript.

    Attributes:
        text: The words.
        start_s: The start of the segment in seconds.
        speaker: The speaker, if known.
    """

    text: str
    start_s: float
    speaker: str | None = None

    @property
    def is_question(self) -> bool:
        """Return whether the sentence is a question."""
        return bool(re.search(r"(?:[?？]|[吗呢嘛][。.]?)$", self.text))


def split(transcript: Transcript) -> tuple[Sentence, ...]:
    """Return all sentences that contain a letter or digit, in the order said."""
    return tuple(
        Sentence(text, segment.start_s, segment.speaker)
        for segment in transcript.segments
        for text in _sentences(segment.text)
    )


def is_chinese(text: str) -> bool:
    """Return whether a text contains a Chinese character."""
    return _HAN.search(text) is not None


def _sentences(text: str) -> Iterator[str]:
    for sentence in _FULL_STOP.split(text):
        limit = _LONGEST_HAN if is_chinese(sentence) else _LONGEST_LATIN
        for piece in _pieces(sentence, limit):
            if _WORD.search(piece):
                yield piece.strip()


def _pieces(sentence: str, limit: int) -> Iterator[str]:
    start = last_end = 0
    for end in [*(match.end() for match in _CLAUSE_END.finditer(sentence)), len(sentence)]:
        while end - start > limit:
            cut = last_end if last_end > start else start + limit
            yield sentence[start:cut]
            start = cut
        last_end = end
    yield sentence[start:]
