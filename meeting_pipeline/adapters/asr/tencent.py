"""Tencent Meeting's own transcripts: free, and with the speakers' real names.

Such a transcript is a text file of paragraphs, `name(00:01:45): text`. A line without a name and a
time continues the paragraph before it.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from meeting_pipeline.adapters.asr import transcript_filters
from meeting_pipeline.adapters.asr.answers import language_of
from meeting_pipeline.adapters.asr.control_tokens import without_control_characters
from meeting_pipeline.adapters.asr.levels import listen
from meeting_pipeline.domain.model import Audio, RecordMeta, Segment, Transcript
from meeting_pipeline.errors import RecordError
from meeting_pipeline.ports.media import AudioWanted, MediaTool
from meeting_pipeline.ports.stage_context import StageContext

ENGINE = "tencent"
MODEL = "native"

_TIME = r"(?P<time>\d{1,3}(?:[:：]\d{2}){1,2})(?:[.,]\d+)?"
_OPENING = re.compile(
    rf"(?P<name>[^。！？!?]{{0,64}}?)\s*[(（]\s*{_TIME}\s*[)）]\s*[:：](?P<text>.*)"
)
_SLOWEST = 1.0  # characters per second: a paragraph with less contains unspoken time at its end
_PAUSE_S = 10.0
_WHOLE = 0.85
_LONGEST_GAP_S = 60.0


class NoNativeTranscript(RecordError):
    """Tencent has no transcript of a recording, or none that can be parsed."""


@dataclass(frozen=True)
class Paragraph:
    """What one person said without a break.

    Attributes:
        start_s: Seconds from the start of the recording.
        speaker: The name; "" if the file has none.
        text: What was said.
    """

    start_s: float
    speaker: str
    text: str


class NativeTranscriber:
    """A `Transcriber` that uses Tencent's own transcripts and recognizes nothing.

    Args:
        fetch: Returns the text of a recording's transcript, or None where there is none.
        media: Measures audio whose stored levels are missing.
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

    def transcribe(self, audio: Audio, context: StageContext) -> Transcript:
        """Return Tencent's own transcript of the recording.

        One that leaves speech without text has the warning "possibly_truncated".

        Raises:
            NoNativeTranscript: "no_native_transcript" when there is none.
            MeetingError: Any error of downloading it.
        """
        segments = self.segments(context.meta, audio.duration_s)
        if not segments:
            raise NoNativeTranscript(
                "no_native_transcript",
                "Tencent has no transcript of this recording",
                hint="set ASR_BASE_URL or ASR_BACKEND=whisper to have the recording transcribed",
            )
        speech = listen(audio, self._media).speech
        spoken = [_spoken(one) for one in segments]
        covered = transcript_filters.coverage(spoken, speech)
        has_gap = bool(transcript_filters.gaps(spoken, speech, _LONGEST_GAP_S))
        text = "".join(one.text for one in segments)
        is_whole = covered >= _WHOLE and not has_gap
        context.progress(1.0)
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
        """Return the segments of Tencent's own transcript; none where there is no transcript.

        Args:
            meta: The recording.
            duration_s: Its duration, at which the last segment ends.

        Raises:
            MeetingError: Any error of downloading the transcript.
        """
        text = self._fetch(meta)
        return timed(parse(text), duration_s) if text else ()


def parse(text: str) -> list[Paragraph]:
    """Return the paragraphs that have text, ordered by time.

    Lines before the first paragraph are a heading and are ignored.
    """
    found: list[Paragraph] = []
    for line in without_control_characters(text).splitlines():
        words = line.strip()
        if opening := _OPENING.fullmatch(words):
            found.append(_paragraph(opening))
        elif words and found:
            last = found[-1]
            text_so_far = f"{last.text}\n{words}" if last.text else words
            found[-1] = Paragraph(last.start_s, last.speaker, text_so_far)
    return sorted((one for one in found if one.text), key=lambda one: one.start_s)


def timed(paragraphs: Sequence[Paragraph], duration_s: float) -> tuple[Segment, ...]:
    """Return the paragraphs as segments, each ending where the next one begins.

    Args:
        paragraphs: In order.
        duration_s: Duration of the recording, at which the last segment ends.
    """
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
    """Return the part of a segment's time in which its words can have been spoken."""
    longest_s = len(segment.text) / _SLOWEST + _PAUSE_S
    return segment.start_s, min(segment.end_s, segment.start_s + longest_s)
