"""Tencent Meeting's own transcript: real names, no cost, where a meeting has one.

A text file of paragraphs, `name(00:01:45): text`; what follows without a name and a time belongs
to the paragraph before.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from meeting_pipeline.adapters.asr import transcript_filters
from meeting_pipeline.adapters.asr.answers import language_of
from meeting_pipeline.adapters.asr.levels import listen
from meeting_pipeline.domain.model import Audio, RecordMeta, Segment, Transcript
from meeting_pipeline.errors import RecordError
from meeting_pipeline.ports.job import Job
from meeting_pipeline.ports.media import AudioWanted, MediaTool

ENGINE = "tencent"
MODEL = "native"

_TIME = r"(?P<time>\d{1,3}(?:[:：]\d{2}){1,2})(?:[.,]\d+)?"
_OPENING = re.compile(
    rf"(?P<name>[^。！？!?]{{0,64}}?)\s*[(（]\s*{_TIME}\s*[)）]\s*[:：](?P<text>.*)"
)
_SLOWEST = 1.0  # characters a second, below which the rest of a paragraph's time was not spoken
_PAUSE_S = 10.0
_WHOLE = 0.85
_WIDEST_HOLE_S = 60.0


class NoNativeTranscript(RecordError):
    """Tencent has no transcript of this recording, or none that can be read."""


@dataclass(frozen=True)
class Paragraph:
    """What one person said without a break. start_s: seconds from the start of the file."""

    start_s: float
    speaker: str
    text: str


class NativeTranscriber:
    """The `Transcriber` that only reads.

    fetch: the text of a recording's transcript, None where there is none. media: measures audio
    whose levels are gone.
    """

    def __init__(self, fetch: Callable[[RecordMeta], str | None], media: MediaTool) -> None:
        self._fetch = fetch
        self._media = media

    @property
    def settings(self) -> str:
        return f"{ENGINE} {MODEL}"

    @property
    def audio(self) -> AudioWanted:
        return AudioWanted("mp3")

    def transcribe(self, audio: Audio, job: Job) -> Transcript:
        """Raises NoNativeTranscript("no_native_transcript"), and what fetching raises.

        A transcript that leaves speech without words has the warning "possibly_truncated".
        """
        segments = self.segments(job.meta, audio.duration_s)
        if not segments:
            raise NoNativeTranscript(
                "no_native_transcript",
                "Tencent has no transcript of this recording",
                hint="set ASR_BASE_URL, or ASR_BACKEND=whisper, to have it transcribed",
            )
        speech = listen(audio, self._media).speech
        spoken = [_spoken(one) for one in segments]
        covered = transcript_filters.coverage(spoken, speech)
        widest = transcript_filters.largest(
            transcript_filters.holes(spoken, speech, _WIDEST_HOLE_S)
        )
        text = "".join(one.text for one in segments)
        is_whole = covered >= _WHOLE and not widest
        job.progress(1.0)
        return Transcript(
            language=language_of(text, ""),
            engine=ENGINE,
            model=MODEL,
            segments=segments,
            duration_s=audio.duration_s,
            coverage=round(covered, 3),
            warnings=() if is_whole else ("possibly_truncated",),
        )

    def segments(self, meta: RecordMeta, duration_s: float) -> tuple[Segment, ...]:
        """Who said what from when to when; nothing where there is no transcript."""
        text = self._fetch(meta)
        return timed(parse(text), duration_s) if text else ()


def parse(text: str) -> list[Paragraph]:
    """The paragraphs that have words, by their time; lines before the first one are a heading."""
    found: list[Paragraph] = []
    for line in text.removeprefix("\ufeff").splitlines():
        words = line.strip()
        if opening := _OPENING.fullmatch(words):
            found.append(_paragraph(opening))
        elif words and found:
            last = found[-1]
            said = f"{last.text}\n{words}" if last.text else words
            found[-1] = Paragraph(last.start_s, last.speaker, said)
    return sorted((one for one in found if one.text), key=lambda one: one.start_s)


def timed(paragraphs: Sequence[Paragraph], duration_s: float) -> tuple[Segment, ...]:
    """Each lasts until the next one begins, the last one until the end."""
    starts = [min(one.start_s, duration_s) for one in paragraphs]
    return tuple(
        Segment(start, end, one.text, one.speaker or None)
        for one, (start, end) in zip(paragraphs, pairwise([*starts, duration_s]), strict=True)
    )


def _paragraph(opening: re.Match[str]) -> Paragraph:
    seconds = 0
    for number in re.split("[:：]", opening["time"]):
        seconds = seconds * 60 + int(number)
    return Paragraph(float(seconds), opening["name"].strip(), opening["text"].strip())


def _spoken(segment: Segment) -> transcript_filters.Span:
    """The part of a segment's time in which its words can have been said."""
    longest_s = len(segment.text) / _SLOWEST + _PAUSE_S
    return segment.start_s, min(segment.end_s, segment.start_s + longest_s)
