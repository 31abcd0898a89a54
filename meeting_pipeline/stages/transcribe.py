"""The transcribe stage: the transcript of the audio."""

from dataclasses import replace

from meeting_pipeline.domain.media_checks import LARGEST_TRANSCRIPT_BYTES, check_not_too_large
from meeting_pipeline.domain.model import Audio, Transcript
from meeting_pipeline.domain.stages import Artifact, StageName
from meeting_pipeline.ports.services import Transcriber
from meeting_pipeline.ports.stage_context import StageContext
from meeting_pipeline.stages.documents import dump, load


class Transcribe:
    """Writes the transcript of any back end to `transcript.json`."""

    name = StageName.TRANSCRIBE

    def __init__(self, transcriber: Transcriber) -> None:
        self._transcriber = transcriber

    @property
    def settings(self) -> str:
        return self._transcriber.settings

    def run(self, value: Audio, context: StageContext) -> Artifact:
        transcript = self._transcriber.transcribe(value, context)
        text = dump(replace(transcript, warnings=(*transcript.warnings, *value.warnings)))
        check_not_too_large("the transcript", len(text), LARGEST_TRANSCRIPT_BYTES)
        return context.folder.write("transcript.json", text)

    def load(self, artifact: Artifact, context: StageContext) -> Transcript:
        return load(Transcript, context.folder.file(artifact.name))
