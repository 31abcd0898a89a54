"""Choice between Tencent's own transcript and speech recognition."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from meeting_pipeline.adapters.asr.speakers import with_speakers
from meeting_pipeline.adapters.asr.tencent import NativeTranscriber, NoNativeTranscript
from meeting_pipeline.domain.checks import Check, run_checks
from meeting_pipeline.domain.model import Audio, Transcript
from meeting_pipeline.errors import RecordError, SkipRecord
from meeting_pipeline.ports.media import AudioWanted
from meeting_pipeline.ports.services import Transcriber
from meeting_pipeline.ports.stage_context import StageContext

_log = logging.getLogger(__name__)


class AutoTranscriber:
    """A `Transcriber` that tries several in turn until one returns a transcript.

    Tencent's own transcript comes first, because it is free and knows the speakers' names. Where
    there is none, or where it leaves speech without text, the recognizers are tried in order.

    Args:
        native: Tencent's own transcripts; None where the source has none.
        recognizers: One or more, the preferred one first. The next one is tried when a recognizer
            raises RecordError for a recording.
    """

    def __init__(
        self, native: NativeTranscriber | None, recognizers: Sequence[Transcriber]
    ) -> None:
        self._native = native
        self._recognizers = tuple(recognizers)

    @property
    def settings(self) -> str:
        members = ([self._native] if self._native else []) + list(self._recognizers)
        return "auto: " + ", then ".join(one.settings for one in members)

    @property
    def audio(self) -> AudioWanted:
        return self._recognizers[0].audio

    def transcribe(self, audio: Audio, context: StageContext) -> Transcript:
        """Return the first usable transcript.

        Raises:
            RecordError: The last recognizer could not transcribe the recording.
            SkipRecord: The recording contains no speech.
            MeetingError: Any other error of a recognizer, at once: it is not about this recording.
        """
        own = self._native_transcript(audio, context)
        if own is not None and not own.warnings:
            _log.info("%s: using Tencent's own transcript", context.meta.key)
            return own
        try:
            transcript = self._recognized(audio, context)
        except (RecordError, SkipRecord) as error:
            if own is None:
                raise
            _log.warning("%s: %s; keeping Tencent's own transcript", context.meta.key, error)
            return own
        return _with_names(transcript, own)

    def examine(self) -> list[Check]:
        """Return the checks of all recognizers.

        Tencent's own transcripts need no check here: they come through the source's API.
        """
        return [line for one in self._recognizers for line in run_checks(one)]

    def _native_transcript(self, audio: Audio, context: StageContext) -> Transcript | None:
        if self._native is None:
            return None
        try:
            own = self._native.transcribe(audio, context)
        except NoNativeTranscript as missing:
            _log.info("%s: %s; trying %s", context.meta.key, missing, self._recognizers[0].settings)
            return None
        if own.warnings:
            _log.info(
                "%s: Tencent's own transcript covers %.0f %% of the speech; trying %s",
                context.meta.key,
                100 * (own.coverage or 0.0),
                self._recognizers[0].settings,
            )
        return own

    def _recognized(self, audio: Audio, context: StageContext) -> Transcript:
        for recognizer, following in zip(self._recognizers, self._recognizers[1:], strict=False):
            try:
                return recognizer.transcribe(audio, context)
            except RecordError as error:
                _log.warning("%s: %s; trying %s", context.meta.key, error, following.settings)
        return self._recognizers[-1].transcribe(audio, context)


class NamedSpeakers:
    """A recognizer whose segments get the speaker names of Tencent's own transcript."""

    def __init__(self, recognizer: Transcriber, native: NativeTranscriber) -> None:
        self._recognizer = recognizer
        self._native = native

    @property
    def settings(self) -> str:
        return f"{self._recognizer.settings}, names by Tencent"

    @property
    def audio(self) -> AudioWanted:
        return self._recognizer.audio

    def transcribe(self, audio: Audio, context: StageContext) -> Transcript:
        """Return the recognizer's transcript with Tencent's speaker names.

        Raises:
            MeetingError: Any error of the recognizer, or of downloading Tencent's transcript.
        """
        named = self._native.segments(context.meta, audio.duration_s)
        transcript = self._recognizer.transcribe(audio, context)
        return replace(transcript, segments=with_speakers(transcript.segments, named))

    def examine(self) -> list[Check]:
        """Return the checks of the recognizer."""
        return run_checks(self._recognizer)


def _with_names(transcript: Transcript, own: Transcript | None) -> Transcript:
    if own is None:
        return transcript
    return replace(transcript, segments=with_speakers(transcript.segments, own.segments))
