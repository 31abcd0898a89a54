"""What an export is made of: recordings with names and texts, read page by page."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from sqlalchemy import Connection, Engine, select

from meeting_pipeline.adapters.db.engine import read
from meeting_pipeline.adapters.db.reading import SqlViewReader
from meeting_pipeline.adapters.db.schema import attendance, recordings
from meeting_pipeline.domain.model import Role
from meeting_pipeline.domain.views import ExportedRecording, RecordingFilter, RecordingView

_PAGE = 100  # of summaries at once in the memory; of transcripts it is one
_Names = Mapping[tuple[int, Role], tuple[str, ...]]


class SqlExportReader:
    """Recordings as an export tells of them; nothing is written."""

    def __init__(self, engine: Engine, reading: SqlViewReader) -> None:
        self._engine = engine
        self._reading = reading

    def recordings(
        self, wanted: RecordingFilter, *, transcripts: bool
    ) -> Iterator[ExportedRecording]:
        """All that match, newest start first; `wanted.limit` and `wanted.after` have no say.

        It takes the memory of a page, however many there are. What changes meanwhile may be told
        as it was or as it is, each recording once.
        """
        page = self._page(replace(wanted, after=None))
        while page:
            yield from self._told(page, transcripts)
            page = self._page(replace(wanted, after=(page[-1].start_ts, page[-1].id)))

    def _page(self, wanted: RecordingFilter) -> Sequence[RecordingView]:
        return self._reading.recordings(replace(wanted, limit=_PAGE))

    def _told(
        self, page: Sequence[RecordingView], transcripts: bool
    ) -> Iterator[ExportedRecording]:
        numbers = [view.id for view in page]
        names = read(self._engine, lambda connection: _names(connection, numbers))
        summaries = read(self._engine, lambda connection: _summaries(connection, numbers))
        for view in page:
            yield ExportedRecording(
                view,
                teachers=names.get((view.id, Role.TEACHER), ()),
                students=names.get((view.id, Role.STUDENT), ()),
                summary=summaries.get(view.id),
                transcript=self._transcript(view.id) if transcripts else None,
            )

    def _transcript(self, recording_id: int) -> str | None:
        query = select(recordings.c.transcript).where(recordings.c.id == recording_id)
        return read(self._engine, lambda connection: connection.execute(query).scalar())


def _names(connection: Connection, numbers: Sequence[int]) -> _Names:
    """How who was there is called, by recording and role; an id where there is no name."""
    columns = (attendance.c.recording_id, attendance.c.person, attendance.c.name, attendance.c.role)
    query = select(*columns).where(attendance.c.recording_id.in_(numbers))
    found: dict[tuple[int, Role], tuple[str, ...]] = {}
    for row in connection.execute(query.order_by(*columns[:2])):
        place = (row.recording_id, row.role)
        found[place] = (*found.get(place, ()), row.name or row.person)
    return found


def _summaries(connection: Connection, numbers: Sequence[int]) -> Mapping[int, str | None]:
    query = select(recordings.c.id, recordings.c.summary).where(recordings.c.id.in_(numbers))
    return {row.id: row.summary for row in connection.execute(query)}
