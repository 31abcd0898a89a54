"""The speech in a recording, and windows of it for a recognizer.

Long silence is left out: the model sees `Speech.samples`, which have a shorter timeline of their
own. `Speech.begins_at` and `Speech.ends_at` convert its times back to those of the recording.
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from math import ceil
from typing import TYPE_CHECKING

from meeting_pipeline.adapters.asr.transcript_filters import Span

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Samples = NDArray[np.float32]

Stretch = tuple[int, int]
"""(start, end) in samples."""

SAMPLE_RATE = 16_000
WINDOW_S = 29.8
"""Whisper decodes 30 s at a time; a little less leaves room for rounding."""

_USUAL_S = 25.0  # of one window of several: shorter than WINDOW_S, so that its end can be chosen
_CHOICE = 0.15  # share of a window by which its end may move, either way
_PAD_S = 0.4
_MIN_SILENCE_MS = 160


@dataclass(frozen=True)
class SpeechPiece:
    """A stretch of speech without a pause.

    Attributes:
        start_s: Where it begins on the timeline of speech, in seconds.
        end_s: Where it ends on the timeline of speech.
        pause_s: Duration of the silence that follows it.
        recorded_s: Where it begins in the recording.
    """

    start_s: float
    end_s: float
    pause_s: float
    recorded_s: float

    @property
    def span(self) -> Span:
        """Its start and end on the timeline of speech."""
        return self.start_s, self.end_s


@dataclass(frozen=True)
class Speech:
    """The speech of a recording or of a part of it.

    Attributes:
        samples: The audio of the pieces, one after another, mono 16 kHz float32.
        pieces: Where each of them lies, in order.
    """

    samples: "Samples"
    pieces: tuple[SpeechPiece, ...]

    @property
    def duration_s(self) -> float:
        """Seconds of speech, including up to 0.4 s of padding around each piece."""
        return len(self.samples) / SAMPLE_RATE

    def index_at(self, speech_s: float, window: Span) -> int:
        """Return the index of the piece that contains a second, limited to those of a window."""
        first = bisect_right(self._ends, window[0])
        last = min(bisect_left(self._ends, window[1]), len(self.pieces) - 1)
        return min(max(first, bisect_right(self._ends, speech_s)), last)

    def has_pause(self, window: Span, longer_than_s: float) -> bool:
        """Return whether a longer silence was left out between two pieces of a window."""
        first = bisect_right(self._ends, window[0])
        last = bisect_left(self._ends, window[1])
        return self.longest_pause(first, last) > longer_than_s

    def longest_pause(self, first: int, last: int) -> float:
        """Return the duration of the longest silence between two pieces; 0.0 within one."""
        return max((piece.pause_s for piece in self.pieces[first:last]), default=0.0)

    def begins_at(self, speech_s: float) -> float:
        """Return the second of the recording at which something that starts here begins."""
        return self._recorded(bisect_right(self._ends, speech_s), speech_s)

    def ends_at(self, speech_s: float) -> float:
        """Return the second of the recording at which something that ends here is over.

        At the border of two pieces this is the end of the first one: before the pause, not after.
        """
        return self._recorded(bisect_left(self._ends, speech_s), speech_s)

    def _recorded(self, index: int, speech_s: float) -> float:
        piece = self.pieces[min(index, len(self.pieces) - 1)]
        return piece.recorded_s + speech_s - piece.start_s

    @cached_property
    def _ends(self) -> list[float]:
        return [piece.end_s for piece in self.pieces]


def spoken(samples: "Samples") -> list[Stretch]:
    """Return what the voice activity detector takes for speech, in order.

    Args:
        samples: Mono 16 kHz float32, levelled: the detector misses quiet speech.
    """
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        max_speech_duration_s=WINDOW_S - 2 * _PAD_S,
        min_silence_duration_ms=_MIN_SILENCE_MS,
        speech_pad_ms=0,
    )
    spans = get_speech_timestamps(samples, options)
    return [(span["start"], span["end"]) for span in spans]


def speech_of(samples: "Samples", spans: list[Stretch], start_s: float) -> Speech | None:
    """Return the speech in some samples of a recording, or None if there is none.

    Args:
        samples: Mono 16 kHz float32.
        spans: What `spoken` found in them.
        start_s: The second of the recording at which the samples begin.
    """
    import numpy as np

    if not spans:
        return None
    pieces, sound = [], []
    at = 0
    for (start, end), pause in zip(_padded(spans, len(samples)), _pauses(spans), strict=True):
        until, recorded_s = at + end - start, start_s + start / SAMPLE_RATE
        pieces.append(SpeechPiece(at / SAMPLE_RATE, until / SAMPLE_RATE, pause, recorded_s))
        sound.append(samples[start:end])
        at = until
    return Speech(np.concatenate(sound), tuple(pieces))


def windows(pieces: tuple[SpeechPiece, ...]) -> list[Span]:
    """Return windows of at most 29.8 s of speech, cut at long pauses and about equally long.

    Equal lengths matter because a batch takes as long as if all its windows had the longest length.
    """
    spans: list[Span] = []
    first = 0
    while first < len(pieces):
        last = _last_of_window(pieces, first)
        spans.append((pieces[first].start_s, pieces[last].end_s))
        first = last + 1
    return spans


def _last_of_window(pieces: tuple[SpeechPiece, ...], first: int) -> int:
    start, rest_s = pieces[first].start_s, pieces[-1].end_s - pieces[first].start_s
    if rest_s <= WINDOW_S:
        return len(pieces) - 1
    even_s = rest_s / ceil(rest_s / _USUAL_S)
    earliest, latest = even_s * (1 - _CHOICE), min(even_s * (1 + _CHOICE), WINDOW_S)
    fitting = first
    while pieces[fitting + 1].end_s - start <= latest:
        fitting += 1
    late = [one for one in range(first, fitting + 1) if pieces[one].end_s - start >= earliest]
    return max(late or [fitting], key=lambda one: pieces[one].pause_s)


def halves(span: Span, pieces: tuple[SpeechPiece, ...]) -> list[Span]:
    """Cut a span at its longest pause; return it unchanged if it has none."""
    start, end = span
    inside = [piece for piece in pieces if start + 1.0 < piece.end_s < end - 1.0]
    if not inside:
        return [span]
    middle = max(inside, key=lambda piece: piece.pause_s).end_s
    return [(start, middle), (middle, end)]


def _padded(spans: list[Stretch], total: int) -> list[Stretch]:
    """Return the spans with padding, which is at most half the silence between two of them."""
    pad = int(_PAD_S * SAMPLE_RATE)
    silences = _silences(spans)
    befores = [spans[0][0], *(silence // 2 for silence in silences)]
    afters = [*(silence // 2 for silence in silences), total - spans[-1][1]]
    return [
        (start - min(pad, before), end + min(pad, after))
        for (start, end), before, after in zip(spans, befores, afters, strict=True)
    ]


def _pauses(spans: list[Stretch]) -> list[float]:
    return [*(silence / SAMPLE_RATE for silence in _silences(spans)), 0.0]


def _silences(spans: list[Stretch]) -> list[int]:
    return [right[0] - left[1] for left, right in pairwise(spans)]
