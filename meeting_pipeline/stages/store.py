"""The store stage: transcript and summary in rows and on a page for people."""

from meeting_pipeline.domain.minutes_markdown import render_markdown
from meeting_pipeline.domain.model import Minutes, Summary, Transcript
from meeting_pipeline.domain.stages import Artifact, StageName
from meeting_pipeline.ports.job import Job
from meeting_pipeline.ports.rows import RecordingStore


class Store:
    """Writes `summary.md`, then replaces the rows of the recording in one transaction."""

    name = StageName.STORE
    settings = ""

    def __init__(self, store: RecordingStore) -> None:
        self._store = store

    def run(self, value: tuple[Transcript, Summary], job: Job) -> Artifact:
        page = render_markdown(job.meta, *value)
        artifact = job.folder.write("summary.md", page.encode())
        self._store.save(job.recording_id, Minutes(*value))
        return artifact

    def load(self, artifact: Artifact, job: Job) -> None:
        return None
