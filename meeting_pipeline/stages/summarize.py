"""The summarize stage: the summary of a transcript and its coaching phase."""

from meeting_pipeline.domain.model import Summary, Transcript
from meeting_pipeline.domain.stages import Artifact, StageName
from meeting_pipeline.ports.services import Summarizer
from meeting_pipeline.ports.stage_context import StageContext
from meeting_pipeline.stages.documents import dump, load


class Summarize:
    """Writes the summary of any back end to `summary.json`."""

    name = StageName.SUMMARIZE

    def __init__(self, summarizer: Summarizer) -> None:
        self._summarizer = summarizer

    @property
    def settings(self) -> str:
        return self._summarizer.settings

    def run(self, value: Transcript, context: StageContext) -> Artifact:
        summary = self._summarizer.summarize(value, context)
        return context.folder.write("summary.json", dump(summary))

    def load(self, artifact: Artifact, context: StageContext) -> Summary:
        return load(Summary, context.folder.file(artifact.name))
