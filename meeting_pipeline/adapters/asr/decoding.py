"""From speech to cleaned pieces of text, without losing the middle.

Batched decoding with timestamps is fast but drops stretches without a word. So what the pieces
leave uncovered is decoded again by itself, and what is still missing once more, sequentially.

Batches are the unit that threads share. Which windows are decoded together depends on the speech
alone, so the text does not depend on how many threads there are.
"""

import copy
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from math import ceil
from typing import Any

from meeting_pipeline.adapters.asr import transcript_filters
from meeting_pipeline.adapters.asr.languages import LanguageRule
from meeting_pipeline.adapters.asr.phrases import LONGEST_PAUSE_S, Phrase, phrases
from meeting_pipeline.adapters.asr.speech import SAMPLE_RATE, Speech, halves, windows
from meeting_pipeline.adapters.asr.transcript_filters import Span
from meeting_pipeline.adapters.processes.resizable_semaphore import Turns

VERSION = 4
"""Part of the settings line: raise it whenever a rule here or in its neighbours changes."""

HOLE_S = 1.5

_BATCH = 6
_STAMP_S = 0.02
_ROUNDS = 3
_TEMPERATURES = (0.0, 0.2, 0.4)


@dataclass(frozen=True)
class Said:
    """A cleaned piece of text; seconds on the timeline of speech.

    covers: the sound that it accounts for: more than its words, for nothing is lost between them.
    """

    start_s: float
    end_s: float
    text: str
    language: str
    covers: Span

    @property
    def span(self) -> Span:
        """Where it was said."""
        return self.start_s, self.end_s


class Decoder:
    """A loaded WhisperModel with our way of asking it, from up to `threads` threads at once."""

    def __init__(self, whisper: Any, beam: int, threads: int, turns: Turns) -> None:
        from meeting_pipeline.adapters.asr.trimmed_encoder import TrimmedWhisperEncoder

        whisper.model = TrimmedWhisperEncoder(whisper.model)
        self._whisper = whisper
        self._beam = beam
        self._first_stamp = whisper.hf_tokenizer.token_to_id("<|notimestamps|>") + 1
        self._threads = ThreadPoolExecutor(threads)
        self._turns = turns

    def decode(
        self, speech: Speech, language: str, advanced: Callable[[float], None]
    ) -> list[Said]:
        """What was said, in order; language: the one to use where nothing else is clearly heard.

        advanced: told how many seconds of the speech more are decoded.
        """
        said = _in_order(self._in_batches(speech, language, advanced))
        doubtful = _doubtful(speech, said)
        decode_slowly = partial(self._decode_slowly, speech, language)
        for span, slowly in zip(doubtful, self._threads.map(decode_slowly, doubtful), strict=True):
            inside = [one for one in said if _lies_in(one.span, span)]
            if _letters(slowly) > _letters(inside):
                said = _in_order([one for one in said if one not in inside] + slowly)
        return said

    def _in_batches(
        self, speech: Speech, language: str, advanced: Callable[[float], None]
    ) -> list[Said]:
        said: list[Said] = []
        todo = windows(speech.pieces)
        for turn in range(_ROUNDS):
            again: list[Span] = []
            decode_batch = partial(self._decode_batch, speech, language)
            for answers in self._threads.map(decode_batch, _batches(todo, speech)):
                for span, pieces, is_sure in answers:
                    advanced(span[1] - span[0] if turn == 0 else 0.0)
                    parts = [span] if is_sure else halves(span, speech.pieces)
                    if len(parts) > 1 and turn + 1 < _ROUNDS:
                        again += parts  # two languages compete: each half by itself
                        continue
                    said += pieces
                    again += _left_out(pieces, span)
            todo = again
        return said

    def _decode_batch(
        self, speech: Speech, language: str, spans: Sequence[Span]
    ) -> list[tuple[Span, list[Said], bool]]:
        """Each window with what was said in it and whether its language was clear."""
        from faster_whisper import BatchedInferencePipeline

        whisper, rule = self._with_rule(language)
        with self._turns:
            segments, _ = BatchedInferencePipeline(whisper).transcribe(
                speech.samples,
                language=language,
                multilingual=True,
                batch_size=_BATCH,
                beam_size=self._beam,
                without_timestamps=False,
                word_timestamps=any(_needs_words(span, speech) for span in spans),
                clip_timestamps=[{"start": start, "end": end} for start, end in spans],
            )
            found = list(segments)
        return [
            (span, self._cleaned(_of_window(found, span), 0.0, speech, span, heard), is_sure)
            for span, (heard, is_sure) in zip(spans, rule.take(len(spans)), strict=True)
        ]

    def _decode_slowly(self, speech: Speech, language: str, span: Span) -> list[Said]:
        start, end = span
        whisper, rule = self._with_rule(language)
        with self._turns:
            segments, _ = whisper.transcribe(
                speech.samples[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)],
                language=language,
                multilingual=True,
                beam_size=self._beam,
                temperature=_TEMPERATURES,
                condition_on_previous_text=False,
                word_timestamps=True,
            )
            found = list(segments)
        heard, _ = rule.take(1)[-1]
        return self._cleaned(found, start, speech, span, heard)

    def _with_rule(self, language: str) -> tuple[Any, LanguageRule]:
        """The same model, asked with a language rule of its own."""
        whisper = copy.copy(self._whisper)
        whisper.model = rule = LanguageRule(self._whisper.model, language)
        return whisper, rule

    def _cleaned(
        self, segments: Iterable[Any], offset_s: float, speech: Speech, span: Span, language: str
    ) -> list[Said]:
        said = []
        for segment in segments:
            if transcript_filters.is_hallucination(segment.no_speech_prob, segment.avg_logprob):
                continue
            start, end = (at + offset_s for at in _stamped(segment, self._first_stamp))
            covers = max(start, span[0]), min(end, span[1])
            if covers[0] >= covers[1]:
                continue
            for phrase in _phrases(segment, offset_s, speech, span):
                text = transcript_filters.clean(phrase.text, language)
                if text:
                    said.append(Said(phrase.start_s, phrase.end_s, text, language, covers))
        return said


def _of_window(segments: Iterable[Any], span: Span) -> list[Any]:
    # `seek` is the window's start in frames (1/100 s), the same for all its segments
    return [segment for segment in segments if segment.seek == int(span[0] * 100)]


def _batches(spans: Sequence[Span], speech: Speech) -> list[list[Span]]:
    """Windows that cost about the same together: with or without words, then by length."""
    found = []
    for needs_words in (True, False):
        alike = [span for span in spans if _needs_words(span, speech) is needs_words]
        alike.sort(key=lambda span: span[0] - span[1])
        size = ceil(len(alike) / ceil(len(alike) / _BATCH)) if alike else 1
        found += [alike[first : first + size] for first in range(0, len(alike), size)]
    return found


def _needs_words(span: Span, speech: Speech) -> bool:
    """Whether a sentence may reach over a long pause, where only its words tell the times."""
    return speech.has_pause(span, LONGEST_PAUSE_S)


def _phrases(segment: Any, offset_s: float, speech: Speech, span: Span) -> list[Phrase]:
    if segment.words is None:
        start, end = (min(max(at, span[0]), span[1]) for at in (segment.start, segment.end))
        return [Phrase(start, end, segment.text)]
    words = [
        Phrase(word.start + offset_s, word.end + offset_s, word.word) for word in segment.words
    ]
    return phrases(words, speech, span)


def _stamped(segment: Any, first_stamp: int) -> Span:
    """What Whisper's own stamps and its words account for, together; without the offset."""
    stamps = [
        segment.seek / 100 + (token - first_stamp) * _STAMP_S
        for token in segment.tokens
        if token >= first_stamp
    ]
    return min(segment.start, *stamps, segment.end), max(segment.end, *stamps, segment.start)


def _left_out(pieces: Sequence[Said], span: Span) -> list[Span]:
    """Holes in a window; a window without any text is left to the second, slower look."""
    missing = transcript_filters.holes((one.covers for one in pieces), [span], HOLE_S)
    return [hole for hole in missing if hole != span]


def _doubtful(speech: Speech, said: Sequence[Said]) -> list[Span]:
    """Windows with too little text for their length, and larger holes that stayed."""
    thin = []
    for start, end in windows(speech.pieces):
        text = "".join(one.text for one in said if _lies_in(one.span, (start, end)))
        if transcript_filters.is_thin(text, end - start):
            thin.append((start, end))
    missing = transcript_filters.holes(
        (one.covers for one in said), [(0.0, speech.duration_s)], 2 * HOLE_S
    )
    return thin + [hole for hole in missing if not any(_lies_in(hole, span) for span in thin)]


def _lies_in(inner: Span, outer: Span) -> bool:
    return outer[0] <= (inner[0] + inner[1]) / 2 < outer[1]


def _letters(said: Iterable[Said]) -> int:
    return sum(len(one.text) for one in said)


def _in_order(said: Iterable[Said]) -> list[Said]:
    return sorted(said, key=lambda one: one.start_s)
