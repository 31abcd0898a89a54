"""The store stage: transcript and summary in rows and on a page for people."""

from meeting_pipeline.domain.minutes_markdown import render_markdown
from meeting_pipeline.domain.model import Minutes, Summary, Transcript
from meeting_pipeline.domain.stages import Artifact, StageName
from meeting_pipeline.ports.rows import RecordingStore
from meeting_pipeline.ports.stage_context import StageContext


class Store:
    """Writes `summary.md`, then replaces the rows of the recording in one transaction."""

    name = StageName.STORE
    settings = ""

    def __init__(self, store: RecordingStore) -> None:
        self._store = store

    def run(self, value: tuple[Transcript, Summary], context: StageContext) -> Artifact:
        page = render_markdown(context.meta, *value)
        artifact = context.folder.write("summary.md", page.encode())
        self._store.save(context.recording_id, Minutes(*value))
        return artifact

    def load(self, artifact: Artifact, context: StageContext) -> None:
        return None
