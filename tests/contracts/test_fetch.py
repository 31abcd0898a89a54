"""Who was there is asked recording by recording, and kept page by page."""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.domain.model import Participant, RecordMeta
from meeting_pipeline.domain.window import Window
from meeting_pipeline.errors import FatalError, MeetingError, RetryableError, Stopped
from meeting_pipeline.stages.fetch import fetch
from tests.support.fakes import FakeSource
from tests.support.rows import MONDAY, meta, stay

WEEK = Window(MONDAY, MONDAY + timedelta(days=7))
METAS = [meta(number, participants=None) for number in (1, 2, 3)]


@dataclass
class AskedSource(FakeSource):
    """Tells who was there, one after the other; of the second recording it raises `refusal`."""

    refusal: MeetingError | None = None

    def participants(self, meta: RecordMeta) -> tuple[Participant, ...] | None:
        if meta.key == METAS[1].key and self.refusal:
            raise self.refusal
        return (stay("李雷", start=meta.start_ts),)


def source(refusal: MeetingError | None) -> AskedSource:
    return AskedSource(METAS, Path("none"), refusal=refusal)


@pytest.mark.parametrize("refusal", [FatalError("daily_limit", "no more"), Stopped("stopped", "x")])
def test_who_is_known_when_the_source_fails_is_kept(
    database: Database, refusal: MeetingError
) -> None:
    pages = list(fetch(source(refusal), database.recordings, WEEK, ()))

    assert pages[-1].listing.trouble is refusal
    assert database.recordings.lacking_participants(METAS) == METAS[1:]


def test_one_refusal_costs_no_other_recording_its_participants(database: Database) -> None:
    refusal = RetryableError("network", "nobody answers")

    pages = list(fetch(source(refusal), database.recordings, WEEK, ()))

    assert [page.listing.trouble for page in pages] == [None] * len(pages)
    assert database.recordings.lacking_participants(METAS) == [METAS[1]]
