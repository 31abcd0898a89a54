"""What every stage is handed."""

from collections.abc import Callable
from dataclasses import dataclass

from meeting_pipeline.domain.model import RecordMeta, Usage
from meeting_pipeline.ports.progress import Progress
from meeting_pipeline.storage.files import RecordFolder


@dataclass(frozen=True)
class Job:
    """What a stage is given beside its input: which record, its folder, and whom to tell.

    spent: called once for each call that used a service, as soon as its result is safe on disk.
    """

    recording_id: int
    meta: RecordMeta
    folder: RecordFolder
    progress: Progress
    spent: Callable[[Usage], None]
