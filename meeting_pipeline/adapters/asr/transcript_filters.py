"""Filters against hallucinated text, and measures of missing text; pure functions.

Small Whisper models repeat themselves, invent text for silence, switch between Traditional and
Simplified characters, and silently drop stretches of speech. Every back end uses these filters.
"""

import re
import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from threading import Lock

from meeting_pipeline.domain.model import Segment

Span = tuple[float, float]
"""(start, end) in seconds."""

_REPEATED = re.compile(r"(.{1,12}?)\1{3,}", re.DOTALL)
_REPEATED_SENTENCE = re.compile(r"(.{12,100}?)(?:[\s，,。.！!？?、；;]{0,3}\1){3,}", re.DOTALL)
_LETTER = re.compile(r"[^\W\d_]")
_HAN = re.compile(r"[\u3400-\u9fff]")
_SPOKEN = re.compile(r"[^\W_]")
_SENTENCE = re.compile(r".+?(?:[。？！?!；;]+|[.](?=\s|$)|$)\s*", re.DOTALL)

# The credits of subtitle authors, which speech models learned to write for silence and closing
# music. Only a whole segment is matched, and by the parts of such a sentence, because the wording
# varies.
_CREDITS = re.compile(
    r"(?:由?\s*amara\.org.*|.*(?:字幕|翻译|校对|听译)\s*(?:组|由|by|志愿者|制作|提供|:|：).*"
    r"|(?:谢谢|感谢)(?:大家|各位|你们?)?的?(?:观看|收看|收听)[^，。]*"
    r"|(?:请|欢迎)?(?:不吝)?(?:点赞|订阅|转发|打赏)[^。]{0,24}(?:订阅|转发|打赏|栏目|频道)"
    r"|thanks?(?: you)?(?: so much| very much)? for (?:watching|listening)"
    r"|(?:please )?(?:like and )?subscribe(?: to (?:my|our|the) channel)?"
    r"|subtitles? by .*)",
    re.IGNORECASE,
)
_EDGES = " \t\r\n。.!！?？,，~…♪"

_SILENT_PROBABILITY = 0.6
_UNSURE_LOGPROB = -1.0
_FULL_HAN_PER_SECOND = 2.0
_FULL_CHARACTERS_PER_SECOND = 5.0
_JUDGED_FROM_S = 10.0
_LONG_S = 15.0
_LONGEST_SEARCHED = 20_000  # letters, a fifth of a second
_LONGEST_LOOP = 4  # segments that come in turn
_LEAST_TURNS, _LEAST_TURNS_OF_A_WORD = 4, 8  # "对" eight times within seconds is no answer
_WORD_LETTERS = 5
_LOOP_PAUSE_S = 0.2  # who really says it again pauses for longer
_SAME_TIME_S = 0.1

_loading = Lock()


def collapse_repeats(text: str) -> str:
    """Replace up to 100 characters that are repeated four times or more by one occurrence.

    Digits alone are kept: 10000 is a number.
    """
    text = _REPEATED.sub(_once, text)
    return _REPEATED_SENTENCE.sub(_once, text) if len(text) <= _LONGEST_SEARCHED else text


def _once(repeated: re.Match[str]) -> str:
    return repeated[1] if _LETTER.search(repeated[1]) else repeated[0]


def is_hallucination(no_speech_prob: float, avg_logprob: float) -> bool:
    """Return whether a segment is a hallucination by the model's own measures.

    Args:
        no_speech_prob: The model's probability that the segment contains no speech.
        avg_logprob: Mean log probability of the tokens that it wrote all the same.
    """
    return no_speech_prob > _SILENT_PROBABILITY and avg_logprob < _UNSURE_LOGPROB


def without_loops(segments: Iterable[Segment]) -> list[Segment]:
    """Return segments without the repetitions that models write, where voices overlap above all.

    The same words at the same time are one segment, unless two speakers are named. Of up to four
    segments that come in turn again and again, one turn is kept, at its own time: what else was
    said meanwhile shows as a gap.

    Args:
        segments: What was transcribed, in any order.

    Returns:
        The segments, ordered by start time.
    """
    kept: list[Segment] = []
    latest: dict[tuple[str, str | None], Segment] = {}
    for one in sorted(segments, key=lambda segment: segment.start_s):
        words = (_spoken(one), one.speaker)
        if words not in latest or not _is_at_once(latest[words], one):
            kept.append(one)
        latest[words] = one  # a repetition that is dropped may overlap with the next one
    said = [_spoken(one) for one in kept]
    found, at = [], 0
    while at < len(kept):
        length, turns = _loop(kept, said, at)
        found += kept[at : at + length]
        at += length * turns
    return found


def _spoken(segment: Segment) -> str:
    return "".join(_SPOKEN.findall(segment.text)).lower()


def _is_at_once(earlier: Segment, later: Segment) -> bool:
    shorter_s = min(earlier.end_s - earlier.start_s, later.end_s - later.start_s)
    common_s = min(earlier.end_s, later.end_s) - later.start_s
    return common_s > shorter_s / 2 or later.start_s - earlier.start_s < _SAME_TIME_S


def _loop(segments: Sequence[Segment], said: Sequence[str], at: int) -> tuple[int, int]:
    """Return how many segments repeat from here on, and how often; (1, 1) if none do."""
    for length in range(1, _LONGEST_LOOP + 1):
        after = at + length
        while (
            after < len(said)
            and said[after] == said[after - length]
            and segments[after].start_s - segments[after - 1].end_s < _LOOP_PAUSE_S
        ):
            after += 1
        turns = (after - at) // length
        words = "".join(said[at : at + length])
        least = _LEAST_TURNS if len(words) > _WORD_LETTERS else _LEAST_TURNS_OF_A_WORD
        if turns >= least and _LETTER.search(words):
            return length, turns
    return 1, 1


def is_subtitle_credit(text: str) -> bool:
    """Return whether a segment is a credit of subtitle authors, not something that was said."""
    return _CREDITS.fullmatch(text.strip(_EDGES)) is not None


def to_simplified(text: str) -> str:
    """Convert Traditional characters to Simplified ones.

    Without zhconv, which the `offline` extra installs, the text is returned unchanged.
    """
    with _loading:
        convert = _converter()
    return str(convert(text, "zh-hans")) if convert else text


@cache
def _converter() -> Callable[[str, str], str] | None:
    """Return zhconv's conversion, or None where it is not installed.

    Its tables are loaded here: several threads at once would each load all of them.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it finds its tables by an old module of setuptools
            from zhconv import convert
    except ModuleNotFoundError:
        return None
    convert("课", "zh-hans")
    found: Callable[[str, str], str] = convert
    return found


def clean(text: str, language: str) -> str:
    """Return text as it may appear in a transcript, or "" if nothing of it was spoken.

    Args:
        text: The text of one segment.
        language: Its language, "zh", "en" …
    """
    text = collapse_repeats(text.strip())
    if language == "zh":
        text = to_simplified(text)
    if is_subtitle_credit(text) or not _SPOKEN.search(text):
        return ""
    return text


def is_thin(text: str, speech_s: float) -> bool:
    """Return whether there is so little text that a part of the speech must have been dropped.

    Complete transcripts of Mandarin have 2.9-3.3 characters per second, incomplete ones 1.5-2.4;
    other scripts are measured in letters. Less than ten seconds of speech are never judged, because
    one slowly spoken word is not a loss.

    Args:
        text: The text.
        speech_s: Seconds of speech that it should account for.
    """
    if speech_s < _JUDGED_FROM_S:
        return False
    han, spoken = len(_HAN.findall(text)), len(_SPOKEN.findall(text))
    needed = _FULL_HAN_PER_SECOND if han * 2 >= spoken else _FULL_CHARACTERS_PER_SECOND
    return spoken < needed * speech_s


def coverage(spans: Iterable[Span], speech: Sequence[Span]) -> float:
    """Return the share (0..1) of the speech that the spans cover; 1.0 if there is no speech."""
    total = sum(end - start for start, end in speech)
    lost = sum(end - start for start, end in gaps(spans, speech, 0.0))
    return 1.0 - lost / total if total > 0 else 1.0


def gaps(spans: Iterable[Span], speech: Sequence[Span], longer_than_s: float) -> list[Span]:
    """Return the stretches of speech that no span covers, in order.

    Args:
        spans: Where there is text, in any order.
        speech: Where the recording contains speech, in order.
        longer_than_s: Gaps that are not longer than this are left out.
    """
    merged = _merged(spans)
    found: list[Span] = []
    for speech_start, speech_end in speech:
        covered = speech_start
        for start, end in merged[bisect_right(merged, speech_start, key=_end) :]:
            if start >= speech_end:
                break
            if start - covered > longer_than_s:
                found.append((covered, start))
            covered = max(covered, end)
        if speech_end - covered > longer_than_s:
            found.append((covered, speech_end))
    return found


def _merged(spans: Iterable[Span]) -> list[Span]:
    """Merge spans that touch or overlap; the result is in order."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _end(span: Span) -> float:
    return span[1]


def longest(spans: Iterable[Span]) -> float:
    """Return the duration of the longest span; 0.0 if there is none."""
    return max((end - start for start, end in spans), default=0.0)


def sentences(start_s: float, end_s: float, text: str) -> list[tuple[float, float, str]]:
    """Split a segment that is longer than 15 s after its sentences.

    The time is divided in proportion to the length of the text.

    Args:
        start_s: Start of the segment.
        end_s: End of the segment.
        text: Its text.

    Returns:
        (start, end, text) of each part; the segment itself if it is short.
    """
    pieces = [piece for piece in _SENTENCE.findall(text) if piece]
    if end_s - start_s <= _LONG_S or not pieces:
        return [(start_s, end_s, text)]
    per_character = (end_s - start_s) / sum(map(len, pieces))
    parts, at = [], start_s
    for piece in pieces:
        until = at + len(piece) * per_character
        parts.append((at, until, piece.strip()))
        at = until
    return [(at, until, piece) for at, until, piece in parts if piece]
