"""One recording, heard by a speech server piece by piece, each second paid for once.

The answer for each piece is on disk before it is used. Where somebody speaks and no words came
back, that stretch alone is sent once more.
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
from meeting_pipeline.adapters.asr.endpoint_refusals import NotTaken, TooLarge
from meeting_pipeline.adapters.asr.levels import Sound
from meeting_pipeline.adapters.asr.pieces import Packets, Piece, piece_of, whole
from meeting_pipeline.adapters.asr.transcript_filters import Span
from meeting_pipeline.domain.model import Audio, Segment
from meeting_pipeline.errors import RecordError, RetryableError
from meeting_pipeline.ports.progress import Progress
from meeting_pipeline.storage.paid_calls import PaidCalls

HOLE_S = 3.0
"""More speech than this between two segments, without words, is a hole."""

_TEXT_PIECE_S = 90.0
_SMALLEST_PIECE_S = 5.0
_AIR_S = 0.3
_MARGIN = 0.98  # of the bytes: packets differ a little in size
_LEAD_S = 0.2  # decoders hear a little more in a piece than was cut

_BROKEN_DOWN = ("bad_answer", "service_failed")

_log = logging.getLogger(__name__)

Told = Callable[[str, Piece], None]
AsMp3 = Callable[[], tuple[Audio, Packets]]


@dataclass
class ChunkedTranscription:
    """Asks about one recording.

    as_mp3: gives the same audio as an mp3, which can be cut and which every server takes.
    language: ISO 639-1, or "" where the server finds out; languages: what it called them, in order.
    longest_s, largest_bytes: of one upload. paid: told the key and the piece of every answer.
    """

    server: SpeechServer
    audio: Audio
    sound: Sound
    as_mp3: AsMp3
    language: str
    longest_s: float
    largest_bytes: int
    calls: PaidCalls
    paid: Told
    progress: Progress
    languages: list[str] = field(default_factory=list)
    _keys: list[str] = field(default_factory=list)
    _mp3: tuple[Audio, Packets] | None = None

    def segments(self) -> list[Segment]:
        """What was said, in order; raises RecordError("asr_empty") when twice no word came back."""
        said = self._all_of(self._everything, 0)
        for gap in untranscribed_gaps(said, self.sound.speech):
            _log.info(
                "%s: %.0f-%.0f s came back empty, sent again", self.audio.path.parent.name, *gap
            )
            said += self._all_of(gap, 1)
        if not said:
            for key in self._keys:
                self.calls.forget(key)
            raise RecordError(
                "asr_empty",
                "somebody speaks in this recording, and the speech service heard nothing, twice",
                hint="listen to it; another ASR_MODEL may hear more",
            )
        return sorted(said, key=lambda one: one.start_s)

    def _all_of(self, span: Span, ask: int) -> list[Segment]:
        audio, _ = self._source(span)
        bytes_per_second = audio.size_bytes / audio.duration_s
        longest_s = min(self.longest_s - _LEAD_S, _MARGIN * self.largest_bytes / bytes_per_second)
        return self._in_pieces(cut(self.sound.levels, span, longest_s), ask)

    @property
    def _everything(self) -> Span:
        return 0.0, self.audio.duration_s

    def _source(self, span: Span) -> tuple[Audio, Packets | None]:
        """Return the file that this part is taken from; no packets: it is sent as it is."""
        is_taken = self.audio.path.suffix == ".mp3" or self.server.takes_m4a is not False
        if span == self._everything and is_taken:
            return self.audio, None
        if self._mp3 is None:
            self._mp3 = self.as_mp3()
        return self._mp3

    def _piece(self, span: Span) -> Piece:
        audio, packets = self._source(span)
        return whole(audio) if packets is None else piece_of(audio, packets, span)

    def _in_pieces(self, spans: Sequence[Span], ask: int) -> list[Segment]:
        said = []
        for span in spans:
            said += self._transcribe_span(span, ask)
            if not ask:
                self.progress(span[1] / self.audio.duration_s)
        return said

    def _transcribe_span(self, span: Span, ask: int) -> list[Segment]:
        piece = self._piece(span)
        key = self.server.key(piece, ask)
        if not self.calls.has(key) and (smaller := self._smaller(span, piece, ask)):
            return self._in_pieces(smaller, ask)
        try:
            body = self.calls.remember(key, partial(self.server.transcribe, piece))
        except TextOnly:
            return self._transcribe_span(span, ask)
        except TooLarge as refusal:
            return self._in_pieces(self._halves(span, str(refusal)), ask)
        except (NotTaken, RetryableError) as refusal:
            self._send_mp3_or(refusal, piece)
            return self._transcribe_span(span, ask)
        if piece.audio_format == "m4a":
            self.server.takes_m4a = True
        self._keys.append(key)
        self.paid(key, piece)
        heard = read_answer(body, is_text=True) or Heard("", (), "")
        return self._placed(heard, piece)

    def _smaller(self, span: Span, piece: Piece, ask: int) -> list[Span]:
        """The pieces to send instead, where this one is too large or its times would be lost."""
        if piece.size_bytes > self.largest_bytes:
            return self._halves(span, f"{piece.size_bytes} bytes are more than ASR_MAX_UPLOAD_MB")
        parts = cut(self.sound.levels, span, _TEXT_PIECE_S)
        if len(parts) == 1:
            return []
        if not self.server.gives_times:
            return parts
        begun = self.calls.any() and self.calls.has(self.server.key(self._piece(parts[0]), ask))
        return parts if begun else []

    def _send_mp3_or(self, refusal: NotTaken | RetryableError, piece: Piece) -> None:
        """Some servers read mp3 and no m4a, and some of them say so by breaking down."""
        is_about_call = isinstance(refusal, NotTaken) or refusal.code in _BROKEN_DOWN
        if is_about_call and piece.audio_format == "m4a" and not self.server.takes_m4a:
            _log.info("%s; sending mp3 from now on", refusal)
            self.server.takes_m4a = False
        elif isinstance(refusal, NotTaken):
            hint = "`meeting doctor` tries address, key and model"
            raise RecordError("asr_refused", str(refusal), hint=hint)
        else:
            raise refusal

    def _halves(self, span: Span, why: str) -> list[Span]:
        if span[1] - span[0] < 2 * _SMALLEST_PIECE_S:
            raise RecordError(
                "asr_too_large", why, hint="ask whoever runs the service for its limits"
            )
        _log.info("%s; cutting %.0f-%.0f s in half", why, *span)
        return halves(self.sound.levels, span)

    def _placed(self, heard: Heard, piece: Piece) -> list[Segment]:
        """The answer on the recording's own timeline."""
        if heard.text and not heard.timed:
            self.server.gives_times = False
        if heard.language:
            self.languages.append(heard.language)
        language = self.language or language_of(heard.text, heard.language)
        speech = [
            (start - piece.start_s, end - piece.start_s)
            for start, end in clipped(self.sound.speech, (piece.start_s, piece.end_s))
        ]
        return [
            Segment(one.start_s + piece.start_s, one.end_s + piece.start_s, one.text, one.speaker)
            for one in segments_of(heard, piece.duration_s, speech, language)
        ]


def untranscribed_gaps(said: Sequence[Segment], speech: Sequence[Span]) -> list[Span]:
    """Stretches between two segments with more than HOLE_S of speech in them, with some air."""
    if not speech:
        return []
    found, at = [], 0.0
    for segment in sorted(said, key=lambda one: one.start_s):
        found.append((at, segment.start_s))
        at = max(at, segment.end_s)
    found.append((at, speech[-1][1] + _AIR_S))
    inside = [(gap, clipped(speech, gap)) for gap in found if gap[1] - gap[0] > HOLE_S]
    return [
        (max(gap[0], lost[0][0] - _AIR_S), min(gap[1], lost[-1][1] + _AIR_S))
        for gap, lost in inside
        if sum(end - start for start, end in lost) > HOLE_S
    ]


def clipped(speech: Sequence[Span], span: Span) -> list[Span]:
    """The speech within a span."""
    first = bisect_right(speech, span[0], key=lambda one: one[1])
    found = []
    for start, end in speech[first:]:
        if start >= span[1]:
            break
        found.append((max(start, span[0]), min(end, span[1])))
    return found


def coverage(said: Sequence[Segment], speech: Sequence[Span]) -> float:
    """Share (0..1) of the speech that has words."""
    return transcript_filters.coverage(((one.start_s, one.end_s) for one in said), speech)
