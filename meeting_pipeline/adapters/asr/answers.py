"""The answers of transcription servers, read leniently: only the words are required.

`duration` may be the time of processing, `segments` may be missing, empty or out of range, and
plain text may come as JSON, as a JSON string, or as it is.
"""

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from meeting_pipeline.adapters.asr import transcript_filters
from meeting_pipeline.adapters.asr.control_tokens import (
    without_control_characters,
    without_control_tokens,
)
from meeting_pipeline.adapters.asr.encodings import decode, is_whole
from meeting_pipeline.adapters.asr.transcript_filters import Span
from meeting_pipeline.adapters.http.answer import Answer
from meeting_pipeline.domain.model import Segment

_SLACK_S = 2.0
_WORDS_APART_S = 0.8
_LONGEST_S = 15.0
_LONGEST_NAME = 100
_SHORTEST_LETTER_S = 1e-6
_NAMES = {
    "chinese": "zh",
    "mandarin": "zh",
    "cantonese": "zh",
    "yue": "zh",
    "english": "en",
    "japanese": "ja",
    "korean": "ko",
}
_HAN = re.compile(r"[\u3400-\u9fff]")
_CLAUSE = re.compile(r".+?(?:[，,、；;：:。．.！!？?\s]+|$)", re.DOTALL)
_SENTENCE_ENDS = frozenset("。．.！!？?；;")
_WORD = re.compile(r"[A-Za-z]+")
_PAGE_BEGINS = 1_000
_PAGE = re.compile(r"\s*<(?:[!?]|[A-Za-z][\w:-]*(?:\s[^<>]*)?/?>)")


@dataclass(frozen=True)
class Heard:
    """One answer.

    Attributes:
        text: All of its words.
        timed: Its segments that have times, in seconds from the start of the upload.
        language: The name that the server gives it, or "".
    """

    text: str
    timed: tuple[Segment, ...]
    language: str


def checked_body(answer: Answer, is_text: bool) -> bytes:
    """Return the body of an answer as UTF-8, once it is known that `read_answer` can read it.

    Args:
        answer: An answer that is not an error.
        is_text: Whether plain text is an answer, too.

    Raises:
        RetryLater: "bad_answer" when it cannot be read.
    """
    text = decode(answer.body, answer.headers.get("Content-Type", ""))
    if text is None:
        raise answer.bad("is not text in UTF-8, in GB18030 or in the charset that it names")
    body = text.encode()
    if read_answer(body, is_text) is None:
        raise answer.bad("is not a transcription")
    return body


def is_readable(body: bytes) -> bool:
    """Return whether a kept answer is one of a transcription server."""
    return read_answer(body, is_text=True) is not None


def read_answer(body: bytes, is_text: bool) -> Heard | None:
    """Return the words in an answer, or None if it is not one of a transcription server.

    Args:
        body: The answer.
        is_text: Whether plain text is an answer, too.
    """
    text = decode(body)
    if text is None or _PAGE.match(without_control_tokens(text[:_PAGE_BEGINS])):
        return None
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = text if is_text else None
    if isinstance(said, dict):
        heard = _read_object(said)
    elif isinstance(said, str) or (is_text and said is not None):
        heard = Heard(without_control_tokens(said if isinstance(said, str) else text), (), "")
    else:
        heard = None
    return _without_lost(heard) if heard and _is_storable(heard) else None


def _without_lost(heard: Heard) -> Heard:
    """Return what was heard without the few characters that an earlier program has lost."""
    lost = "\N{REPLACEMENT CHARACTER}"
    timed = [replace(one, text=one.text.replace(lost, "").strip()) for one in heard.timed]
    text = heard.text.replace(lost, "").strip()
    return replace(heard, text=text, timed=tuple(one for one in timed if one.text))


def _is_storable(heard: Heard) -> bool:
    words = [heard.text, *(one.text for one in heard.timed)]
    names = [heard.language, *(one.speaker or "" for one in heard.timed)]
    return is_whole("".join(words)) and is_whole("".join(names))


def segments_of(
    heard: Heard, length_s: float, speech: Sequence[Span], language: str
) -> list[Segment]:
    """Return what was said in an upload as cleaned segments, with plausible times.

    Words without times are spread over the speech by their length.

    Args:
        heard: The answer.
        length_s: The length of the upload in seconds.
        speech: Where there is speech in it, as (start, end) in seconds.
        language: ISO 639-1, or "".

    Returns:
        Segments in seconds from the start of the upload.
    """
    timed = heard.timed
    if not timed or any(one.start_s > length_s + _SLACK_S for one in timed):
        timed = tuple(_spread(heard.text, speech or [(0.0, length_s)]))
    found = []
    for one in timed:
        begins = min(max(one.start_s, 0.0), length_s)
        ends = min(max(one.end_s, begins), length_s)
        for start, end, text in transcript_filters.sentences(begins, ends, one.text):
            if cleaned := transcript_filters.clean(text, language):
                found.append(Segment(start, min(end, length_s), cleaned, one.speaker))
    return transcript_filters.without_loops(found)


def language_of(text: str, named: str) -> str:
    """Return the ISO 639-1 code of a language.

    Args:
        text: The transcript; its script decides ("zh" or "en") where no name does.
        named: The name that the server gives the language, or "".
    """
    named = named.lower()
    if named in _NAMES or re.fullmatch("[a-z]{2}", named):
        return _NAMES.get(named, named)
    return "zh" if len(_HAN.findall(text)) >= len(_WORD.findall(text)) else "en"


def _read_object(said: dict[str, object]) -> Heard | None:
    if "text" not in said and isinstance(data := said.get("data"), dict):
        said = data
    timed = _segments(said.get("segments")) or _from_words(said.get("words"))
    text = said.get("text")
    if not isinstance(text, str):
        if not timed:
            return None
        text = "".join(one.text for one in timed)
    language = said.get("language")
    return Heard(
        without_control_tokens(text), tuple(timed), language if isinstance(language, str) else ""
    )


@dataclass(frozen=True)
class _Row:
    """One stretch as the server gave it; a time is None where it is not a finite number."""

    start_s: float | None
    end_s: float | None
    text: str
    speaker: str | None


def _segments(values: object) -> list[Segment]:
    """Return the rows of an answer as segments, in the order of time; [] if none has its times.

    A row without a usable time gets that of its neighbour, so that its words are not lost.
    """
    rows = (
        [_row(one) for one in values if isinstance(one, dict)] if isinstance(values, list) else []
    )
    spoken = [one for one in rows if one]
    if not any(one.start_s is not None and one.end_s is not None for one in spoken):
        return []
    found, at = [], 0.0
    for number, row in enumerate(spoken):
        start = at if row.start_s is None else row.start_s
        later = spoken[number + 1].start_s if number + 1 < len(spoken) else None
        end = next((one for one in (row.end_s, later) if one is not None), start)
        at = max(start, end)
        found.append(Segment(start, at, row.text, row.speaker))
    return sorted(found, key=lambda one: one.start_s)


def _row(value: dict[str, object]) -> _Row | None:
    text = value.get("text")
    if not isinstance(text, str) or not (text := without_control_tokens(text)):
        return None
    silent, sure = _number(value.get("no_speech_prob")), _number(value.get("avg_logprob"))
    if (
        silent is not None
        and sure is not None
        and transcript_filters.is_hallucination(silent, sure)
    ):
        return None
    return _Row(
        _number(value.get("start")), _number(value.get("end")), text, _speaker(value.get("speaker"))
    )


def _speaker(value: object) -> str | None:
    name = str(value) if isinstance(value, str | float) or _is_small(value) else ""
    return " ".join(without_control_characters(name).split())[:_LONGEST_NAME] or None


def _is_small(value: object) -> bool:
    """Return whether it is an integer that has a text; Python refuses those of huge ones."""
    return isinstance(value, int) and value.bit_length() <= 64  # noqa: PLR2004


def _from_words(rows: object) -> list[Segment]:
    """Return words with times, joined up to a pause or to fifteen seconds."""
    said: list[Segment] = []
    for word in _segments([_as_segment(row) for row in rows] if isinstance(rows, list) else []):
        last = said[-1] if said else None
        if (
            last
            and word.start_s - last.end_s < _WORDS_APART_S
            and word.end_s - last.start_s < _LONGEST_S
        ):
            said[-1] = Segment(last.start_s, word.end_s, _put_together(last.text, word.text))
        else:
            said.append(word)
    return said


def _as_segment(row: Any) -> Any:
    return row | {"text": row.get("word", row.get("text"))} if isinstance(row, dict) else row


def _put_together(left: str, right: str) -> str:
    is_latin = left[-1].isascii() and right[0].isascii() and right[0].isalnum()
    return f"{left} {right}" if is_latin else left + right


def _spread(text: str, speech: Sequence[Span]) -> list[Segment]:
    """Return each sentence where it would be if all speech had the same pace."""
    spoken_s = sum(end - start for start, end in speech)
    per_letter = max(spoken_s / max(1, len(text)), _SHORTEST_LETTER_S)
    found, letters = [], 0
    for words in _lines(text, int(_LONGEST_S / per_letter)):
        start = _wall(speech, letters * per_letter, before=False)
        letters += len(words)
        end = _wall(speech, letters * per_letter, before=True)
        found.append(Segment(start, end, words))
    return found


def _lines(text: str, longest: int) -> Iterator[str]:
    """Yield sentences, and the clauses of those that are longer than `longest` letters."""
    line = ""
    for clause in _CLAUSE.findall(text):
        if line and (len(line) + len(clause) > longest or line.rstrip()[-1:] in _SENTENCE_ENDS):
            yield line
            line = ""
        line += clause
    if line:
        yield line


def _wall(speech: Sequence[Span], spoken_s: float, *, before: bool) -> float:
    """Return the time at which this many seconds of speech have passed.

    Args:
        speech: Where there is speech, as (start, end) in seconds.
        spoken_s: Seconds of speech.
        before: Whether the time before a pause is meant, rather than the time after it.
    """
    for start, end in speech:
        rest = end - start
        if spoken_s < rest or (before and spoken_s <= rest):
            return start + spoken_s
        spoken_s -= rest
    return speech[-1][1]


def _number(value: object) -> float | None:
    """Return a finite number, also one written as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if math.isfinite(number) else None
