"""Which transcript a recording gets: Tencent's own where it is good, else a recogniser's."""

import logging
from collections.abc import Sequence
from dataclasses import replace

from meeting_pipeline.adapters.asr.speakers import with_speakers
from meeting_pipeline.adapters.asr.tencent import NativeTranscriber, NoNativeTranscript
from meeting_pipeline.domain.checks import Check, run_checks
from meeting_pipeline.domain.model import Audio, Transcript
from meeting_pipeline.errors import RecordError, SkipRecord
from meeting_pipeline.ports.job import Job
from meeting_pipeline.ports.media import AudioWanted
from meeting_pipeline.ports.services import Transcriber

_log = logging.getLogger(__name__)


class AutoTranscriber:
    """Asks one after the other until a transcript is there.

    native: Tencent's own transcripts, or None where the source has none. recognizers: one or more,
    the best first; the next one is asked about a recording that one cannot make anything of.
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

    def transcribe(self, audio: Audio, job: Job) -> Transcript:
        """Raises what the last one asked raises, and at once what is not about this recording."""
        own = self._own(audio, job)
        if own is not None and not own.warnings:
            _log.info("%s: Tencent's own transcript is used", job.meta.key)
            return own
        try:
            transcript = self._recognized(audio, job)
        except (RecordError, SkipRecord) as error:
            if own is None:
                raise
            _log.warning("%s: %s; Tencent's transcript stays", job.meta.key, error)
            return own
        return _named(transcript, own)

    def examine(self) -> list[Check]:
        """What its recognisers find; Tencent's own transcripts come over the source's calls."""
        return [line for one in self._recognizers for line in run_checks(one)]

    def _own(self, audio: Audio, job: Job) -> Transcript | None:
        if self._native is None:
            return None
        try:
            own = self._native.transcribe(audio, job)
        except NoNativeTranscript as missing:
            _log.info("%s: %s; %s is asked", job.meta.key, missing, self._recognizers[0].settings)
            return None
        if own.warnings:
            _log.info(
                "%s: Tencent's transcript covers %.0f %% of the speech; %s is asked",
                job.meta.key,
                100 * (own.coverage or 0.0),
                self._recognizers[0].settings,
            )
        return own

    def _recognized(self, audio: Audio, job: Job) -> Transcript:
        for recognizer, following in zip(self._recognizers, self._recognizers[1:], strict=False):
            try:
                return recognizer.transcribe(audio, job)
            except RecordError as error:
                _log.warning("%s: %s; %s is asked", job.meta.key, error, following.settings)
        return self._recognizers[-1].transcribe(audio, job)


class NamedSpeakers:
    """A recogniser whose speakers get the names that Tencent's own transcript knows."""

    def __init__(self, recognizer: Transcriber, native: NativeTranscriber) -> None:
        self._recognizer = recognizer
        self._native = native

    @property
    def settings(self) -> str:
        return f"{self._recognizer.settings}, names by Tencent"

    @property
    def audio(self) -> AudioWanted:
        return self._recognizer.audio

    def transcribe(self, audio: Audio, job: Job) -> Transcript:
        """Raises what the recogniser and fetching Tencent's transcript raise."""
        named = self._native.segments(job.meta, audio.duration_s)
        transcript = self._recognizer.transcribe(audio, job)
        return replace(transcript, segments=with_speakers(transcript.segments, named))

    def examine(self) -> list[Check]:
        """What its recogniser finds."""
        return run_checks(self._recognizer)


def _named(transcript: Transcript, own: Transcript | None) -> Transcript:
    if own is None:
        return transcript
    return replace(transcript, segments=with_speakers(transcript.segments, own.segments))
