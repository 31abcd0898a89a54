"""Decoding of speech into filtered pieces of text, without lost stretches.

Batched decoding with timestamps is fast, but it silently drops stretches of speech. So whatever the
decoded pieces leave uncovered is decoded again by itself, and what is still missing then is decoded
sequentially, which is slower and drops less.

Threads share the work batch by batch. Which windows form a batch depends on the speech alone, so
the text does not depend on the number of threads.
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
from meeting_pipeline.adapters.processes.resizable_semaphore import ResizableSemaphore

VERSION = 5
"""Part of the settings line: raise it whenever a rule here or in a module used here changes."""

MIN_GAP_S = 1.5
"""Speech without text is a gap when it is longer than this, in seconds."""

_BATCH = 6
_STAMP_S = 0.02
_ROUNDS = 3
_TEMPERATURES = (0.0, 0.2, 0.4)


@dataclass(frozen=True)
class DecodedText:
    """A filtered piece of text, with its times on the timeline of speech.

    Attributes:
        start_s: Where it begins, in seconds.
        end_s: Where it ends, in seconds.
        text: The text.
        language: The language it was decoded in, as Whisper's code.
        covers: The speech that it accounts for. This is more than its words: between the words of
            one segment nothing is lost.
    """

    start_s: float
    end_s: float
    text: str
    language: str
    covers: Span

    @property
    def span(self) -> Span:
        """Its start and end."""
        return self.start_s, self.end_s


class Decoder:
    """Decodes speech with a loaded faster-whisper `WhisperModel`.

    Args:
        whisper: The model; its encoder is replaced by a `TrimmedWhisperEncoder`.
        beam: Beam size of the search.
        threads: How many threads may decode at once.
        slots: Limits how many of them compute at the same time.
    """

    def __init__(self, whisper: Any, beam: int, threads: int, slots: ResizableSemaphore) -> None:
        from meeting_pipeline.adapters.asr.trimmed_encoder import TrimmedWhisperEncoder

        whisper.model = TrimmedWhisperEncoder(whisper.model)
        self._whisper = whisper
        self._beam = beam
        self._first_stamp = whisper.hf_tokenizer.token_to_id("<|notimestamps|>") + 1
        self._threads = ThreadPoolExecutor(threads)
        self._slots = slots

    def decode(
        self, speech: Speech, language: str, advanced: Callable[[float], None]
    ) -> list[DecodedText]:
        """Decode speech and return its text, in order.

        Args:
            speech: The speech to decode.
            language: The language to decode in where no other one is clearly detected.
            advanced: Called with the number of seconds that have been decoded since the last call.
        """
        texts = _in_order(self._in_batches(speech, language, advanced))
        doubtful = _doubtful(speech, texts)
        decode_slowly = partial(self._decode_slowly, speech, language)
        for span, slowly in zip(doubtful, self._threads.map(decode_slowly, doubtful), strict=True):
            inside = [one for one in texts if _lies_in(one.span, span)]
            if _letters(slowly) > _letters(inside):
                texts = _in_order([one for one in texts if one not in inside] + slowly)
        return texts

    def _in_batches(
        self, speech: Speech, language: str, advanced: Callable[[float], None]
    ) -> list[DecodedText]:
        texts: list[DecodedText] = []
        todo = windows(speech.pieces)
        for round_number in range(_ROUNDS):
            again: list[Span] = []
            decode_batch = partial(self._decode_batch, speech, language)
            for results in self._threads.map(decode_batch, _batches(todo, speech)):
                for span, pieces, is_sure in results:
                    advanced(span[1] - span[0] if round_number == 0 else 0.0)
                    parts = [span] if is_sure else halves(span, speech.pieces)
                    if len(parts) > 1 and round_number + 1 < _ROUNDS:
                        again += parts  # the window may mix two languages: decode each half alone
                        continue
                    texts += pieces
                    again += _left_out(pieces, span)
            todo = again
        return texts

    def _decode_batch(
        self, speech: Speech, language: str, spans: Sequence[Span]
    ) -> list[tuple[Span, list[DecodedText], bool]]:
        """Return each window with its text and whether its language was clearly detected."""
        from faster_whisper import BatchedInferencePipeline

        whisper, rule = self._with_rule(language)
        with self._slots:
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
            (span, self._filtered(_of_window(found, span), 0.0, speech, span, detected), is_sure)
            for span, (detected, is_sure) in zip(spans, rule.chosen(len(spans)), strict=True)
        ]

    def _decode_slowly(self, speech: Speech, language: str, span: Span) -> list[DecodedText]:
        start, end = span
        whisper, rule = self._with_rule(language)
        with self._slots:
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
        detected, _ = rule.chosen(1)[-1]
        return self._filtered(found, start, speech, span, detected)

    def _with_rule(self, language: str) -> tuple[Any, LanguageRule]:
        """Return the model with a language rule of its own, for one call."""
        whisper = copy.copy(self._whisper)
        whisper.model = rule = LanguageRule(self._whisper.model, language)
        return whisper, rule

    def _filtered(
        self, segments: Iterable[Any], offset_s: float, speech: Speech, span: Span, language: str
    ) -> list[DecodedText]:
        texts = []
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
                    texts.append(DecodedText(phrase.start_s, phrase.end_s, text, language, covers))
        return texts


def _of_window(segments: Iterable[Any], span: Span) -> list[Any]:
    # `seek` is the window's start in frames (1/100 s), the same for all its segments
    return [segment for segment in segments if segment.seek == int(span[0] * 100)]


def _batches(spans: Sequence[Span], speech: Speech) -> list[list[Span]]:
    """Group windows that cost about the same: with or without word times, then by length."""
    found = []
    for needs_words in (True, False):
        alike = [span for span in spans if _needs_words(span, speech) is needs_words]
        alike.sort(key=lambda span: span[0] - span[1])
        size = ceil(len(alike) / ceil(len(alike) / _BATCH)) if alike else 1
        found += [alike[first : first + size] for first in range(0, len(alike), size)]
    return found


def _needs_words(span: Span, speech: Speech) -> bool:
    """Return whether a sentence may span a long pause, so that word times are needed to cut it."""
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
    """Return the time that Whisper's timestamps and its words cover together, without an offset."""
    stamps = [
        segment.seek / 100 + (token - first_stamp) * _STAMP_S
        for token in segment.tokens
        if token >= first_stamp
    ]
    return min(segment.start, *stamps, segment.end), max(segment.end, *stamps, segment.start)


def _left_out(pieces: Sequence[DecodedText], span: Span) -> list[Span]:
    """Return the gaps in a window; one without any text is left to the sequential decoding."""
    missing = transcript_filters.gaps((one.covers for one in pieces), [span], MIN_GAP_S)
    return [gap for gap in missing if gap != span]


def _doubtful(speech: Speech, texts: Sequence[DecodedText]) -> list[Span]:
    """Return windows with too little text for their length, and the larger gaps that are left."""
    thin = []
    for start, end in windows(speech.pieces):
        text = "".join(one.text for one in texts if _lies_in(one.span, (start, end)))
        if transcript_filters.is_thin(text, end - start):
            thin.append((start, end))
    missing = transcript_filters.gaps(
        (one.covers for one in texts), [(0.0, speech.duration_s)], 2 * MIN_GAP_S
    )
    return thin + [gap for gap in missing if not any(_lies_in(gap, span) for span in thin)]


def _lies_in(inner: Span, outer: Span) -> bool:
    return outer[0] <= (inner[0] + inner[1]) / 2 < outer[1]


def _letters(texts: Iterable[DecodedText]) -> int:
    return sum(len(one.text) for one in texts)


def _in_order(texts: Iterable[DecodedText]) -> list[DecodedText]:
    return sorted(texts, key=lambda one: one.start_s)
