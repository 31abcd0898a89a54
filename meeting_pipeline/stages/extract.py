"""The extract stage: the audio of a recording, and the proof that it is complete."""

from dataclasses import replace

from meeting_pipeline.domain import audio_warnings
from meeting_pipeline.domain.levels import FILE_NAME, pack
from meeting_pipeline.domain.media_checks import check_audible, check_long_enough, check_whole
from meeting_pipeline.domain.model import Audio, Recording
from meeting_pipeline.domain.stages import Artifact, StageName
from meeting_pipeline.errors import MeetingError, RecordError, SkipRecord
from meeting_pipeline.ports.gate import OPEN, Gate
from meeting_pipeline.ports.media import (
    AUDIO_FORMATS,
    AudioWanted,
    ExtractedAudio,
    MediaInfo,
    MediaTool,
)
from meeting_pipeline.ports.stage_context import StageContext


class Extract:
    """Decodes the whole recording once, which both makes the audio and checks the recording."""

    name = StageName.EXTRACT

    def __init__(
        self, media: MediaTool, wanted: AudioWanted, minimum_s: float, cpu: Gate = OPEN
    ) -> None:
        """Create the stage.

        Args:
            media: Decodes media files.
            wanted: The audio format that the transcriber needs.
            minimum_s: The length in seconds below which a recording is skipped.
            cpu: Limits the recordings that are decoded at once.
        """
        self._media = media
        self._cpu = cpu
        self._wanted = wanted
        self._minimum_s = minimum_s

    @property
    def settings(self) -> str:
        # whether the audio is copied or encoded is left out: its transcript need not be paid twice
        return f"{self._wanted.format} 16 kHz mono, at least {self._minimum_s:g} s"

    def run(self, value: Recording, context: StageContext) -> Artifact:
        with self._cpu.slot():
            return self._extracted(value, context)

    def load(self, artifact: Artifact, context: StageContext) -> Audio:
        assert artifact.duration_s is not None
        path = context.folder.file(artifact.name)
        warnings = audio_warnings.read(path.with_name(audio_warnings.FILE_NAME))
        return Audio(path, artifact.size_bytes, artifact.sha256, artifact.duration_s, warnings)

    def _extracted(self, value: Recording, context: StageContext) -> Artifact:
        if context.accept_damaged:
            audio = self._checked(value, None, self._wanted.format, context)
            return self._published(audio, f"audio.{self._wanted.format}", context)
        promised = self._promised(value, context)
        audio_format = self._wanted.format_of(promised)
        audio = self._checked(value, promised, audio_format, context)
        if not audio.plays_alike:
            context.folder.remove(f"audio.{audio_format}")
            audio_format = self._wanted.format
            audio = self._checked(value, promised, audio_format, context)
        return self._published(audio, f"audio.{audio_format}", context)

    def _published(self, audio: ExtractedAudio, name: str, context: StageContext) -> Artifact:
        for earlier in {f"audio.{one}" for one in AUDIO_FORMATS} - {name}:
            context.folder.remove(earlier)  # made with other settings; retention would not find it
        artifact = context.folder.publish(name, audio.duration_s)
        context.folder.write(FILE_NAME, pack(audio.levels, artifact.sha256))
        context.folder.remove(audio_warnings.FILE_NAME)
        if audio.warnings:
            context.folder.write(audio_warnings.FILE_NAME, audio_warnings.pack(audio.warnings))
        return artifact

    def _checked(
        self, value: Recording, promised: MediaInfo | None, audio_format: str, context: StageContext
    ) -> ExtractedAudio:
        name = f"audio.{audio_format}"
        try:
            audio = self._extract(value, audio_format, context)
            if promised is None:
                return self._incomplete(audio, context.meta.duration_s)
            check_whole(promised.duration_s, audio.duration_s)
            self._check_content(audio)
        except RecordError:
            context.folder.remove(name)
            context.folder.remove(value.path.name)  # the next attempt downloads it again
            raise
        except MeetingError:
            context.folder.remove(name)
            raise
        return audio

    def _incomplete(self, audio: ExtractedAudio, listed_s: float | None) -> ExtractedAudio:
        """Return what is left of an accepted recording with its mark, if it is worth anything."""
        lengths = (audio.promised_s or 0.0, listed_s or 0.0)
        total_s = next((length for length in lengths if length > audio.duration_s), 0.0)
        marks = audio_warnings.incomplete(audio.duration_s, total_s)
        try:
            self._check_content(audio)
        except SkipRecord as lack:  # a skip would say that the whole recording is like that
            raise RecordError("corrupt_media", f"of what can be decoded: {lack.message}") from lack
        return replace(audio, warnings=(*audio.warnings, *marks))

    def _check_content(self, audio: ExtractedAudio) -> None:
        check_long_enough(audio.duration_s, self._minimum_s)
        check_audible(audio.levels)

    def _promised(self, recording: Recording, context: StageContext) -> MediaInfo:
        try:
            return self._media.probe(recording.path)
        except RecordError:
            context.folder.remove(recording.path.name)
            raise

    def _extract(
        self, recording: Recording, audio_format: str, context: StageContext
    ) -> ExtractedAudio:
        target = context.folder.part(f"audio.{audio_format}")
        target.unlink(missing_ok=True)  # left by a killed run, or a planted symbolic link
        return self._media.extract(
            recording.path, target, audio_format, context.progress, context.accept_damaged
        )
