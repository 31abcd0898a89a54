"""The answers of transcription servers, read leniently: only the words are required.

`duration` may be the time of processing, `segments` may be missing, empty or out of range, and
plain text may come as JSON, as a JSON string, or as it is.
"""

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from meeting_pipeline.adapters.asr import transcript_filters
from meeting_pipeline.adapters.asr.transcript_filters import Span
from meeting_pipeline.domain.model import Segment

_SLACK_S = 2.0
_WORDS_APART_S = 0.8
_LONGEST_S = 15.0
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


def read_answer(body: bytes, is_text: bool) -> Heard | None:
    """Return the words in an answer, or None if it is not the answer of a transcription server.

    Args:
        body: The body of the answer.
        is_text: Whether plain text is an answer, too.
    """
    text = body.decode("utf-8-sig", "replace")
    if text.lstrip().startswith("<"):
        return None  # a web page
    try:
        said = json.loads(text)
    except (ValueError, RecursionError):
        said = text if is_text else None
    if isinstance(said, dict):
        return _read_object(said)
    if isinstance(said, str):
        return Heard(said.strip(), (), "")
    return Heard(text.strip(), (), "") if is_text and said is not None else None


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
        for start, end, text in transcript_filters.sentences(one.start_s, one.end_s, one.text):
            if cleaned := transcript_filters.clean(text, language):
                begins = min(max(start, 0.0), length_s)
                ends = min(max(end, begins), length_s)
                found.append(Segment(begins, ends, cleaned, one.speaker))
    return found


def language_of(text: str, named: str) -> str:
    """Return the ISO 639-1 code of a language.

    Args:
        text: The transcript; its script decides ("zh" or "en") where no name does.
        named: The name that the server gives the language, or "".
    """
    named = named.lower()
    if named in _NAMES or len(named) == len("zh"):
        return _NAMES.get(named, named)
    return "zh" if len(_HAN.findall(text)) >= len(_WORD.findall(text)) else "en"


def _read_object(said: dict[str, Any]) -> Heard | None:
    if "text" not in said and isinstance(said.get("data"), dict):
        said = said["data"]
    timed = _segments(said.get("segments")) or _from_words(said.get("words"))
    text = said.get("text")
    if not isinstance(text, str):
        if not timed:
            return None
        text = "".join(one.text for one in timed)
    language = said.get("language")
    return Heard(text.strip(), tuple(timed), language if isinstance(language, str) else "")


def _segments(rows: Any) -> list[Segment]:
    found = (
        [_segment(row) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []
    )
    return sorted((one for one in found if one), key=lambda one: one.start_s)


def _segment(row: dict[str, Any]) -> Segment | None:
    start, end, text = _number(row.get("start")), _number(row.get("end")), row.get("text")
    if start is None or end is None or not isinstance(text, str) or not text.strip():
        return None
    silent, sure = _number(row.get("no_speech_prob")), _number(row.get("avg_logprob"))
    if (
        silent is not None
        and sure is not None
        and transcript_filters.is_hallucination(silent, sure)
    ):
        return None
    speaker = row.get("speaker")
    return Segment(start, end, text.strip(), None if speaker in (None, "") else str(speaker))


def _from_words(rows: Any) -> list[Segment]:
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
    per_letter = sum(end - start for start, end in speech) / max(1, len(text))
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


def _number(value: Any) -> float | None:
    """Return a finite number, also one written as text, or None."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
