"""Take the sound out of a recording and make sure that it is all there."""

from meeting_pipeline.domain.levels import FILE_NAME, pack
from meeting_pipeline.domain.media_checks import check_audible, check_long_enough, check_whole
from meeting_pipeline.domain.model import Audio, Recording
from meeting_pipeline.domain.stages import Artifact, StageName
from meeting_pipeline.errors import MeetingError, RecordError
from meeting_pipeline.ports.gate import OPEN, Gate
from meeting_pipeline.ports.job import Job
from meeting_pipeline.ports.media import (
    AUDIO_FORMATS,
    AudioWanted,
    ExtractedAudio,
    MediaInfo,
    MediaTool,
)


class Extract:
    """Decode everything once: that makes the audio and proves the recording.

    wanted: by the transcriber. minimum_s: shorter recordings are skipped.
    cpu: the gate of the processor.
    """

    name = StageName.EXTRACT

    def __init__(
        self, media: MediaTool, wanted: AudioWanted, minimum_s: float, cpu: Gate = OPEN
    ) -> None:
        self._media = media
        self._cpu = cpu
        self._wanted = wanted
        self._minimum_s = minimum_s

    @property
    def settings(self) -> str:
        # sound as it is is no other sound: nobody shall pay for its transcript again
        return f"{self._wanted.format} 16 kHz mono, at least {self._minimum_s:g} s"

    def run(self, value: Recording, job: Job) -> Artifact:
        with self._cpu.slot():
            return self._extracted(value, job)

    def load(self, artifact: Artifact, job: Job) -> Audio:
        assert artifact.duration_s is not None
        path = job.folder.file(artifact.name)
        return Audio(path, artifact.size_bytes, artifact.sha256, artifact.duration_s)

    def _extracted(self, value: Recording, job: Job) -> Artifact:
        promised = self._promised(value, job)
        name = f"audio.{self._wanted.format_of(promised)}"
        try:
            audio = self._extract(value, promised, name, job)
        except RecordError:
            job.folder.remove(name)
            job.folder.remove(value.path.name)  # damaged here or there: fetch it afresh next time
            raise
        except MeetingError:
            job.folder.remove(name)
            raise
        for earlier in {f"audio.{one}" for one in AUDIO_FORMATS} - {name}:
            job.folder.remove(earlier)  # other settings made it, and nobody would look for it
        artifact = job.folder.publish(name, audio.duration_s)
        job.folder.write(FILE_NAME, pack(audio.levels, artifact.sha256))
        return artifact

    def _promised(self, recording: Recording, job: Job) -> MediaInfo:
        try:
            return self._media.probe(recording.path)
        except RecordError:
            job.folder.remove(recording.path.name)
            raise

    def _extract(
        self, recording: Recording, promised: MediaInfo, name: str, job: Job
    ) -> ExtractedAudio:
        target = job.folder.part(name)
        target.unlink(missing_ok=True)  # left by a killed run, or a link that somebody planted
        audio = self._media.extract(
            recording.path, target, self._wanted.format_of(promised), job.progress
        )
        check_whole(promised.duration_s, audio.duration_s)
        check_long_enough(audio.duration_s, self._minimum_s)
        check_audible(audio.silent_share)
        return audio
