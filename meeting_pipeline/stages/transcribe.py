"""The transcribe stage: the transcript of the audio."""

from meeting_pipeline.domain.media_checks import LARGEST_TRANSCRIPT_BYTES, check_not_too_large
from meeting_pipeline.domain.model import Audio, Transcript
from meeting_pipeline.domain.stages import Artifact, StageName
from meeting_pipeline.ports.job import Job
from meeting_pipeline.ports.services import Transcriber
from meeting_pipeline.stages.documents import dump, load


class Transcribe:
    """Writes the transcript of any back end to `transcript.json`."""

    name = StageName.TRANSCRIBE

    def __init__(self, transcriber: Transcriber) -> None:
        self._transcriber = transcriber

    @property
    def settings(self) -> str:
        return self._transcriber.settings

    def run(self, value: Audio, job: Job) -> Artifact:
        text = dump(self._transcriber.transcribe(value, job))
        check_not_too_large("the transcript", len(text), LARGEST_TRANSCRIPT_BYTES)
        return job.folder.write("transcript.json", text)

    def load(self, artifact: Artifact, job: Job) -> Transcript:
        return load(Transcript, job.folder.file(artifact.name))
