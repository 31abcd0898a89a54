"""Transcripts of finished recordings are removed by age, and only when somebody asks for it."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from meeting_pipeline.domain.minutes_markdown import render_markdown
from meeting_pipeline.domain.retention import OldText
from meeting_pipeline.domain.stages import Artifact
from meeting_pipeline.errors import RecordError
from meeting_pipeline.ports.upkeep import ErasureStore, OldTextStore, RepairStore, RetentionStore
from meeting_pipeline.storage.files import RecordFolder
from meeting_pipeline.storage.paid_calls import PaidCalls

log = logging.getLogger(__name__)

_TOGETHER = 200  # recordings whose rows are committed at once


@dataclass(frozen=True)
class OldTexts:
    """Removes the transcripts of one installation, under its run lock.

    Order: the rows forget the text and say so, durably, so that no run will ever hear the
    recording again for it; then the files go; then that is committed. Broken off anywhere in
    between, the recording is due here until the last step is done.
    """

    store: OldTextStore
    rows: RepairStore
    retention: RetentionStore
    erasure: ErasureStore
    folder: Path

    def due(self, ended_by: datetime) -> Sequence[OldText]:
        """What `remove` would be given: of recordings that are done and ended by then (aware)."""
        return self.store.due(ended_by)

    def remove(self, texts: Sequence[OldText]) -> Sequence[OldText]:
        """Remove them; returns those whose files could not be removed, to be tried again.

        `summary.md` is written anew without the transcript. In the end nothing of the text is left
        in the embedded database's file. Raises FatalError("database_busy") where a reader of that
        is in the way: then the same again completes it.
        """
        failed: list[OldText] = []
        for start in range(0, len(texts), _TOGETHER):
            chunk = texts[start : start + _TOGETHER]
            self.store.forget(chunk)
            self.retention.settle()
            failed += [one for one in chunk if not self._is_removed(one)]
        self.erasure.compact()
        return failed

    def _is_removed(self, text: OldText) -> bool:
        try:
            page = self._without_transcript(text)
        except (OSError, RecordError) as error:
            log.warning("#%d: its transcript's files stay: %s", text.recording_id, error)
            return False
        self.store.removed(text, page)
        return True

    def _without_transcript(self, text: OldText) -> Artifact:
        """Returns the page for people that takes the place of the older one."""
        stored = self.rows.minutes(text.recording_id)
        if stored is None:
            raise RecordError("rows_lost", "its rows hold no summary to write summary.md from")
        meta, minutes = stored
        folder = RecordFolder(self.folder, text.key)
        page = render_markdown(meta, minutes.transcript, minutes.summary)
        artifact = folder.write("summary.md", page.encode())
        PaidCalls(folder).forget_all()
        folder.discard("transcript", text.name)
        return artifact
