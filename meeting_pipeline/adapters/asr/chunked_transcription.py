"""Transcription of one recording by a speech server, upload by upload.

Every answer is on disk before it is used, so an interrupted run never pays twice for the same
piece. Where the recording contains speech and the server returned no text, that stretch alone is
sent once more.
"""

import logging
from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from meeting_pipeline.adapters.asr import transcript_filters
from meeting_pipeline.adapters.asr.answers import Heard, language_of, read_answer, segments_of
from meeting_pipeline.adapters.asr.chunks import cut, halves
from meeting_pipeline.adapters.asr.endpoint import SpeechServer, TextOnly
from meeting_pipeline.adapters.asr.endpoint_refusals import TooLarge
from meeting_pipeline.adapters.asr.levels import Sound
from meeting_pipeline.adapters.asr.pieces import Packets, Piece, piece_of, whole
from meeting_pipeline.adapters.asr.transcript_filters import Span
from meeting_pipeline.adapters.openai_api.refusals import RequestRefused
from meeting_pipeline.domain.model import Audio, Segment
from meeting_pipeline.errors import RecordError, RetryableError
from meeting_pipeline.ports.progress import Progress
from meeting_pipeline.storage.paid_calls import PaidCalls

MIN_GAP_S = 3.0
"""A stretch between two segments is a gap when it contains more seconds of speech than this."""

_TEXT_PIECE_S = 90.0  # for servers that give no times: they are spread over at most this much
_SMALLEST_PIECE_S = 5.0
_PADDING_S = 0.3
_SIZE_MARGIN = 0.98  # packets differ a little in size, so a piece is cut a little shorter
_DECODER_DELAY_S = 0.2  # decoders produce a little more sound from a piece than was cut

_SERVER_FAILURES = ("bad_answer", "service_failed")

_log = logging.getLogger(__name__)

OnPaid = Callable[[str, Piece], None]
MakeMp3 = Callable[[], tuple[Audio, Packets]]


@dataclass
class ChunkedTranscription:
    """The transcription of one recording in uploads that the server accepts.

    Attributes:
        server: The speech server and what is known about its answers.
        audio: The recording's audio file.
        sound: The levels of the recording, and where it contains speech.
        as_mp3: Returns the same audio as an mp3, which can be cut and which every server accepts.
        language: ISO 639-1 code; "" lets the server detect it.
        longest_s: Maximum duration of one upload, in seconds.
        largest_bytes: Maximum size of one upload.
        calls: The answers that are already paid for.
        paid: Called with key and piece for every answer.
        progress: Called with the fraction of the recording that is transcribed, 0..1.
        languages: What the server called the language, one entry per answer that names it.
    """

    server: SpeechServer
    audio: Audio
    sound: Sound
    as_mp3: MakeMp3
    language: str
    longest_s: float
    largest_bytes: int
    calls: PaidCalls
    paid: OnPaid
    progress: Progress
    languages: list[str] = field(default_factory=list)
    _keys: list[str] = field(default_factory=list)
    _mp3: tuple[Audio, Packets] | None = None

    def segments(self) -> list[Segment]:
        """Transcribe the recording and return its segments, ordered by start time.

        Raises:
            RecordError: "asr_empty" when the server returned no text twice, "asr_refused" when it
                rejects the upload, "asr_too_large" when it rejects even the smallest piece.
            MeetingError: Any error of `SpeechServer.transcribe`.
        """
        segments = self._transcribe(self._whole_recording, attempt=0)
        for gap in untranscribed_gaps(segments, self.sound.speech):
            _log.info(
                "%s: no text for %.0f-%.0f s; sending that stretch again",
                self.audio.path.parent.name,
                *gap,
            )
            segments += self._transcribe(gap, attempt=1)
        if not segments:
            for key in self._keys:
                self.calls.forget(key)
            raise RecordError(
                "asr_empty",
                "the recording contains speech, but the speech service returned no text, twice",
                hint="listen to the recording; another ASR_MODEL may recognize it",
            )
        return sorted(segments, key=lambda one: one.start_s)

    def _transcribe(self, span: Span, attempt: int) -> list[Segment]:
        audio, _ = self._source(span)
        bytes_per_second = audio.size_bytes / audio.duration_s
        longest_s = min(
            self.longest_s - _DECODER_DELAY_S, _SIZE_MARGIN * self.largest_bytes / bytes_per_second
        )
        return self._transcribe_spans(cut(self.sound.levels, span, longest_s), attempt)

    @property
    def _whole_recording(self) -> Span:
        return 0.0, self.audio.duration_s

    def _source(self, span: Span) -> tuple[Audio, Packets | None]:
        """Return the file that a span is taken from; without packets it is sent unchanged."""
        is_accepted = self.audio.path.suffix == ".mp3" or self.server.takes_m4a is not False
        if span == self._whole_recording and is_accepted:
            return self.audio, None
        if self._mp3 is None:
            self._mp3 = self.as_mp3()
        return self._mp3

    def _piece(self, span: Span) -> Piece:
        audio, packets = self._source(span)
        return whole(audio) if packets is None else piece_of(audio, packets, span)

    def _transcribe_spans(self, spans: Sequence[Span], attempt: int) -> list[Segment]:
        segments = []
        for span in spans:
            segments += self._transcribe_span(span, attempt)
            if not attempt:
                self.progress(span[1] / self.audio.duration_s)
        return segments

    def _transcribe_span(self, span: Span, attempt: int) -> list[Segment]:
        piece = self._piece(span)
        key = self.server.key(piece, attempt)
        if not self.calls.has(key) and (smaller := self._smaller(span, piece, attempt)):
            return self._transcribe_spans(smaller, attempt)
        try:
            body = self.calls.remember(key, partial(self.server.transcribe, piece))
        except TextOnly:
            return self._transcribe_span(span, attempt)
        except TooLarge as refusal:
            return self._transcribe_spans(self._halves(span, str(refusal)), attempt)
        except (RequestRefused, RetryableError) as refusal:
            self._switch_to_mp3_or_raise(refusal, piece)
            return self._transcribe_span(span, attempt)
        if piece.audio_format == "m4a":
            self.server.takes_m4a = True
        self._keys.append(key)
        self.paid(key, piece)
        answer = read_answer(body, is_text=True) or Heard("", (), "")
        return self._placed(answer, piece)

    def _smaller(self, span: Span, piece: Piece, attempt: int) -> list[Span]:
        """Return the spans to send instead of one that is too large or would lose its times."""
        if piece.size_bytes > self.largest_bytes:
            return self._halves(span, f"{piece.size_bytes} bytes exceed ASR_MAX_UPLOAD_MB")
        parts = cut(self.sound.levels, span, _TEXT_PIECE_S)
        if len(parts) == 1:
            return []
        if not self.server.gives_times:
            return parts
        # an earlier run had already learned that this server gives no times
        begun = self.calls.any() and self.calls.has(self.server.key(self._piece(parts[0]), attempt))
        return parts if begun else []

    def _switch_to_mp3_or_raise(
        self, refusal: RequestRefused | RetryableError, piece: Piece
    ) -> None:
        """Send mp3 from now on, if the m4a may be the reason; otherwise raise the error.

        Some servers decode mp3 but not m4a, and some of those fail with an internal error.
        """
        may_be_format = isinstance(refusal, RequestRefused) or refusal.code in _SERVER_FAILURES
        if may_be_format and piece.audio_format == "m4a" and not self.server.takes_m4a:
            _log.info("%s; sending mp3 from now on", refusal)
            self.server.takes_m4a = False
        elif isinstance(refusal, RequestRefused):
            hint = "run `meeting doctor` to check the address, the key and the model"
            raise RecordError("asr_refused", str(refusal), hint=hint)
        else:
            raise refusal

    def _halves(self, span: Span, why: str) -> list[Span]:
        if span[1] - span[0] < 2 * _SMALLEST_PIECE_S:
            raise RecordError(
                "asr_too_large", why, hint="ask the operator of the service for its limits"
            )
        _log.info("%s; splitting %.0f-%.0f s in half", why, *span)
        return halves(self.sound.levels, span)

    def _placed(self, answer: Heard, piece: Piece) -> list[Segment]:
        """Return the segments of an answer on the recording's own timeline."""
        if answer.text and not answer.timed:
            self.server.gives_times = False
        if answer.language:
            self.languages.append(answer.language)
        language = self.language or language_of(answer.text, answer.language)
        speech = [
            (start - piece.start_s, end - piece.start_s)
            for start, end in clipped(self.sound.speech, (piece.start_s, piece.end_s))
        ]
        return [
            Segment(one.start_s + piece.start_s, one.end_s + piece.start_s, one.text, one.speaker)
            for one in segments_of(answer, piece.duration_s, speech, language)
        ]


def untranscribed_gaps(segments: Sequence[Segment], speech: Sequence[Span]) -> list[Span]:
    """Return the stretches between segments that contain more than MIN_GAP_S of speech.

    Args:
        segments: What was transcribed, in any order.
        speech: Where the recording contains speech, in order.

    Returns:
        Each gap cut to the speech in it, with a little padding, in order.
    """
    if not speech:
        return []
    between, at = [], 0.0
    for segment in sorted(segments, key=lambda one: one.start_s):
        between.append((at, segment.start_s))
        at = max(at, segment.end_s)
    between.append((at, speech[-1][1] + _PADDING_S))
    long = [(gap, clipped(speech, gap)) for gap in between if gap[1] - gap[0] > MIN_GAP_S]
    return [
        (max(gap[0], lost[0][0] - _PADDING_S), min(gap[1], lost[-1][1] + _PADDING_S))
        for gap, lost in long
        if sum(end - start for start, end in lost) > MIN_GAP_S
    ]


def clipped(speech: Sequence[Span], span: Span) -> list[Span]:
    """Return the speech within a span, cut at its ends."""
    first = bisect_right(speech, span[0], key=lambda one: one[1])
    found = []
    for start, end in speech[first:]:
        if start >= span[1]:
            break
        found.append((max(start, span[0]), min(end, span[1])))
    return found


def coverage(segments: Sequence[Segment], speech: Sequence[Span]) -> float:
    """Return the share (0..1) of the speech that has text."""
    return transcript_filters.coverage(((one.start_s, one.end_s) for one in segments), speech)
