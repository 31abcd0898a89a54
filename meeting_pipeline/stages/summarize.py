"""The summarize stage: the summary of a transcript and its coaching phase."""

from meeting_pipeline.domain.model import Summary, Transcript
from meeting_pipeline.domain.stages import Artifact, StageName
from meeting_pipeline.ports.job import Job
from meeting_pipeline.ports.services import Summarizer
from meeting_pipeline.stages.documents import dump, load


class Summarize:
    """Writes the summary of any back end to `summary.json`."""

    name = StageName.SUMMARIZE

    def __init__(self, summarizer: Summarizer) -> None:
        self._summarizer = summarizer

    @property
    def settings(self) -> str:
        return self._summarizer.settings

    def run(self, value: Transcript, job: Job) -> Artifact:
        summary = self._summarizer.summarize(value, job)
        return job.folder.write("summary.json", dump(summary))

    def load(self, artifact: Artifact, job: Job) -> Summary:
        return load(Summary, job.folder.file(artifact.name))
