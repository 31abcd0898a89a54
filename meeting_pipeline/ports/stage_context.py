"""The context that every stage is given beside its input."""

from collections.abc import Callable
from dataclasses import dataclass

from meeting_pipeline.domain.model import RecordMeta, Usage
from meeting_pipeline.ports.progress import Progress
from meeting_pipeline.storage.files import RecordFolder


@dataclass(frozen=True)
class StageContext:
    """The recording that a stage works on, its folder, and where to report to.

    Attributes:
        recording_id: The number of its row.
        meta: What the source says of it.
        folder: Where its files are kept.
        accept_damaged: Whether an operator has accepted that the recording is damaged.
        progress: Called with the share that is done, 0..1.
        spent: Called once for each call of a service that was used, as soon as its result is safe
            on disk.
    """

    recording_id: int
    meta: RecordMeta
    folder: RecordFolder
    progress: Progress
    spent: Callable[[Usage], None]
    accept_damaged: bool = False
