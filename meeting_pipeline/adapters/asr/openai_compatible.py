"""Transcripts from any server that speaks OpenAI's `POST /audio/transcriptions`."""

import threading
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from meeting_pipeline.adapters.asr import transcript_filters
from meeting_pipeline.adapters.asr.answers import is_readable, language_of
from meeting_pipeline.adapters.asr.chunked_transcription import (
    ChunkedTranscription,
    coverage,
    untranscribed_gaps,
)
from meeting_pipeline.adapters.asr.endpoint import SpeechServer
from meeting_pipeline.adapters.asr.endpoint_refusals import refuse
from meeting_pipeline.adapters.asr.levels import Sound, listen
from meeting_pipeline.adapters.asr.pieces import Packets, Piece
from meeting_pipeline.adapters.http.client import Timeouts
from meeting_pipeline.adapters.http.rate_limit import RateLimit
from meeting_pipeline.adapters.openai_api.server import OpenAIServer
from meeting_pipeline.domain.checks import Check
from meeting_pipeline.domain.model import Audio, Segment, Transcript, Usage
from meeting_pipeline.errors import ConfigError, SkipRecord
from meeting_pipeline.ports.gate import OPEN, Gate
from meeting_pipeline.ports.media import AudioWanted, MediaTool
from meeting_pipeline.ports.progress import no_progress
from meeting_pipeline.ports.stage_context import StageContext
from meeting_pipeline.storage.paid_calls import PaidCalls

ENGINE = "openai"
VERSION = 1
"""Part of the settings line, to be raised whenever a rule for using the answers changes."""

_TIMEOUTS = Timeouts(read_s=900.0, total_s=1_800.0)  # half of it for a slow upload
_MEGABYTE = 1_000_000
_HOUR_S = 3_600.0
_WHOLE = 0.85
_CUT = "audio.mp3"  # only ever a part file, which is never taken for a result
_MARGIN = 0.95  # of an upload, for what the container takes
_DETECT = frozenset({"", "auto"})


class EndpointTranscriber:
    """A `Transcriber` that asks a server; threads may share it.

    Args:
        base_url: The address of its API, with /v1.
        api_key: Sent as a bearer token.
        model: The name of its model.
        rate: Calls per minute, shared by all threads.
        stop: Ends every wait once it is set.
        media: Converts what has to be cut to mp3.
        packets: Finds where an mp3 can be cut.
        language: "zh", "en" …; "" or "auto" lets the server detect it.
        max_upload_mb: The largest upload, in megabytes.
        max_chunk_s: The longest upload, in seconds of sound.
        price_per_hour: Of sound, in any currency.
        gate: Limits how many calls are made at once.
        cpu: Limits how many recordings are searched for speech at once.
        clock: Returns seconds that only increase.

    Raises:
        ConfigError: "no_asr_endpoint": the address or the model is missing.
    """

    def __init__(
        self,
        *,
        base_url: str,
        api_key: str,
        model: str,
        rate: RateLimit,
        stop: threading.Event,
        media: MediaTool,
        packets: Callable[[Path], Packets],
        language: str = "zh",
        max_upload_mb: float = 24.0,
        max_chunk_s: float = 1200.0,
        price_per_hour: float = 0.0,
        gate: Gate = OPEN,
        cpu: Gate = OPEN,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not base_url or not model:
            raise ConfigError(
                "no_asr_endpoint",
                "ASR_BASE_URL and ASR_MODEL are needed for a speech service",
                hint="set them, or ASR_BACKEND=whisper",
            )
        self._language = "" if language in _DETECT else language
        self._server = OpenAIServer(
            base_url,
            api_key,
            refuse=refuse,
            rate=rate,
            stop=stop,
            timeouts=_TIMEOUTS,
            accept="application/json, text/*",
            gate=gate,
            clock=clock,
        )
        self._media, self._packets, self._cpu = media, packets, cpu
        self._model = SpeechServer(self._server, model, self._language)
        self._largest_bytes = int(max_upload_mb * _MEGABYTE)
        self._longest_s = max_chunk_s
        self._price_per_hour = price_per_hour

    @property
    def settings(self) -> str:
        language = self._language or "auto"
        return f"{ENGINE} {self._model.model} at {self._server.host} {language} rules={VERSION}"

    @property
    def audio(self) -> AudioWanted:
        return AudioWanted("mp3", int(_MARGIN * self._largest_bytes), self._longest_s)

    def transcribe(self, audio: Audio, context: StageContext) -> Transcript:
        """Transcribe a recording, in several uploads where it is too large for one.

        Args:
            audio: The sound.
            context: Where answers are kept, and progress and cost are reported.

        Raises:
            SkipRecord: "no_speech": it is silent. The server is not asked.
            RecordError: "asr_empty", "asr_refused", "asr_too_large", "corrupt_media" or
                "truncated_media".
            FatalError: No other recording would have a better answer.
            RetryableError: See `Http.call`.
        """
        with self._cpu.slot():
            sound = listen(audio, self._media)
        if not sound.speech:
            raise SkipRecord("no_speech", "The recording contains no speech.")
        hearing = self._hearing(audio, sound, context)
        try:
            segments = hearing.segments()
        finally:
            context.folder.part(_CUT).unlink(missing_ok=True)
        return self._transcript(audio, sound, segments, hearing.languages)

    def examine(self) -> list[Check]:
        """Check that the server answers, takes the key and has the model; it costs nothing."""
        return self._server.examine("speech_service", self._model.model, "ASR_MODEL")

    def close(self) -> None:
        """Break off all calls, which raise Stopped, as later ones do."""
        self._server.close()

    def _as_mp3(self, audio: Audio, context: StageContext) -> tuple[Audio, Packets]:
        """Return the sound as an mp3, converted if necessary, and where its packets are."""
        with self._cpu.slot():
            if audio.path.suffix != ".mp3":
                part = context.folder.part(_CUT)
                part.unlink(missing_ok=True)
                self._media.extract(audio.path, part, "mp3", no_progress)
                audio = Audio(part, part.stat().st_size, "", audio.duration_s)
            return audio, self._packets(audio.path)

    def _hearing(self, audio: Audio, sound: Sound, context: StageContext) -> ChunkedTranscription:
        def paid(key: str, piece: Piece) -> None:
            seconds = round(piece.duration_s, 3)
            cost = seconds / _HOUR_S * self._price_per_hour
            context.spent(Usage(key, "asr", self._model.model, audio_seconds=seconds, cost=cost))

        return ChunkedTranscription(
            server=self._model,
            audio=audio,
            sound=sound,
            as_mp3=partial(self._as_mp3, audio, context),
            language=self._language,
            longest_s=self._longest_s,
            largest_bytes=self._largest_bytes,
            calls=PaidCalls(context.folder, is_readable),
            paid=paid,
            progress=context.progress,
        )

    def _transcript(
        self, audio: Audio, sound: Sound, said: Sequence[Segment], languages: Sequence[str]
    ) -> Transcript:
        text = "".join(one.text for one in said)
        covered = coverage(said, sound.speech)
        spoken_s = sum(end - start for start, end in sound.speech)
        is_whole = (
            covered >= _WHOLE
            and not untranscribed_gaps(said, sound.speech)
            and not transcript_filters.is_thin(text, spoken_s)
        )
        return Transcript(
            language=self._language or language_of(text, next(iter(languages), "")),
            engine=ENGINE,
            model=self._model.model,
            segments=tuple(_rounded(one, audio.duration_s) for one in said),
            duration_s=audio.duration_s,
            coverage=round(covered, 3),
            warnings=() if is_whole else ("possibly_truncated",),
        )


def _rounded(segment: Segment, duration_s: float) -> Segment:
    start = min(max(0.0, segment.start_s), duration_s)
    end = min(max(start, segment.end_s), duration_s)
    return Segment(round(start, 2), round(end, 2), segment.text, segment.speaker)
