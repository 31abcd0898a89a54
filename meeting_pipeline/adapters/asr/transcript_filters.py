"""What keeps a recogniser's inventions out and its losses visible; pure functions.

Small Whisper models repeat themselves, make up text over silence, switch between Traditional and
Simplified characters, and drop stretches without a word. Every back end uses the same guards.
"""

import re
import warnings
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from threading import Lock

Span = tuple[float, float]
"""(start, end) in seconds."""

_REPEATED = re.compile(r"(.{1,12}?)\1{3,}", re.DOTALL)
_LETTER = re.compile(r"[^\W\d_]")
_HAN = re.compile(r"[\u3400-\u9fff]")
_SPOKEN = re.compile(r"[^\W_]")
_SENTENCE = re.compile(r".+?(?:[。？！?!；;]+|[.](?=\s|$)|$)\s*", re.DOTALL)

# What subtitle makers put over silence and closing music. Matched only as a whole segment, and in
# its parts (who, does what, for whom), because the wording varies.
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

_loading = Lock()


def collapse_repeats(text: str) -> str:
    """Anything of 1 to 12 characters that comes four times or more in a row comes once.

    Digits alone stay as they are: 10000 is a number.
    """
    return _REPEATED.sub(_once, text)


def _once(repeated: re.Match[str]) -> str:
    return repeated[1] if _LETTER.search(repeated[1]) else repeated[0]


def is_hallucination(no_speech_prob: float, avg_logprob: float) -> bool:
    """Whether the model itself heard no speech and was unsure of what it wrote all the same."""
    return no_speech_prob > _SILENT_PROBABILITY and avg_logprob < _UNSURE_LOGPROB


def is_subtitle_credit(text: str) -> bool:
    """Whether this is a phrase of subtitle makers that nobody said in the meeting."""
    return _CREDITS.fullmatch(text.strip(_EDGES)) is not None


def to_simplified(text: str) -> str:
    """Traditional characters become Simplified ones, everything else stays.

    Where zhconv is not installed (it comes with local recognition), everything stays.
    """
    with _loading:
        convert = _converter()
    return str(convert(text, "zh-hans")) if convert else text


@cache
def _converter() -> Callable[[str, str], str] | None:
    """With its tables loaded: several threads would each load all of them."""
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
    """The text as it may stand in a transcript in this language ("zh", "en", …), or ""."""
    text = collapse_repeats(text.strip())
    if language == "zh":
        text = to_simplified(text)
    if is_subtitle_credit(text) or not _SPOKEN.search(text):
        return ""
    return text


def is_thin(text: str, speech_s: float) -> bool:
    """Whether so little text for so many seconds of speech means that a part was dropped.

    Complete decoding of Mandarin gives 2.9-3.3 characters a second, with losses 1.5-2.4; other
    scripts are measured in letters. Ten seconds at least: a slow word is no loss.
    """
    if speech_s < _JUDGED_FROM_S:
        return False
    han, spoken = len(_HAN.findall(text)), len(_SPOKEN.findall(text))
    needed = _FULL_HAN_PER_SECOND if han * 2 >= spoken else _FULL_CHARACTERS_PER_SECOND
    return spoken < needed * speech_s


def coverage(spans: Iterable[Span], speech: Sequence[Span]) -> float:
    """Share (0..1) of the speech that the spans cover; 1.0 where there is no speech."""
    total = sum(end - start for start, end in speech)
    lost = sum(end - start for start, end in holes(spans, speech, 0.0))
    return 1.0 - lost / total if total > 0 else 1.0


def holes(spans: Iterable[Span], speech: Sequence[Span], at_least_s: float) -> list[Span]:
    """Stretches of speech that no span covers, each longer than `at_least_s`, in order."""
    merged = _merged(spans)
    found: list[Span] = []
    for speech_start, speech_end in speech:
        covered = speech_start
        for start, end in merged[bisect_right(merged, speech_start, key=_end) :]:
            if start >= speech_end:
                break
            if start - covered > at_least_s:
                found.append((covered, start))
            covered = max(covered, end)
        if speech_end - covered > at_least_s:
            found.append((covered, speech_end))
    return found


def _merged(spans: Iterable[Span]) -> list[Span]:
    """The same time in spans that do not touch, in order."""
    merged: list[Span] = []
    for start, end in sorted(spans):
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        else:
            merged.append((start, end))
    return merged


def _end(span: Span) -> float:
    return span[1]


def largest(spans: Iterable[Span]) -> float:
    """Seconds of the longest span, 0.0 without any."""
    return max((end - start for start, end in spans), default=0.0)


def sentences(start_s: float, end_s: float, text: str) -> list[tuple[float, float, str]]:
    """A stretch longer than 15 s cut after its sentences, the time shared out by their length."""
    pieces = [piece for piece in _SENTENCE.findall(text) if piece]
    if end_s - start_s <= _LONG_S or not pieces:
        return [(start_s, end_s, text)]
    per_character = (end_s - start_s) / sum(map(len, pieces))
    cut, at = [], start_s
    for piece in pieces:
        until = at + len(piece) * per_character
        cut.append((at, until, piece.strip()))
        at = until
    return [(at, until, piece) for at, until, piece in cut if piece]
