"""Recordings with names and texts for an export, read page by page."""

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection, Engine, select

from meeting_pipeline.adapters.db.engine import read
from meeting_pipeline.adapters.db.reading import SqlViewReader
from meeting_pipeline.adapters.db.schema import attendance, recordings
from meeting_pipeline.domain.model import Role
from meeting_pipeline.domain.views import ExportedRecording, RecordingFilter, RecordingView

_PAGE = 100  # summaries in memory at once; of the transcripts there is only one
_Names = Mapping[tuple[int, Role], tuple[str, ...]]


class SqlExportReader:
    """Reader of the recordings for an export.

    Args:
        engine: The database.
        reading: Finds the recordings.
    """

    def __init__(self, engine: Engine, reading: SqlViewReader) -> None:
        self._engine = engine
        self._reading = reading

    def recordings(
        self, wanted: RecordingFilter, *, transcripts: bool
    ) -> Iterator[ExportedRecording]:
        """Yield all recordings that match, the newest start first.

        Only one page is in memory at a time. A recording that changes meanwhile is returned once,
        either as it was before or as it is now.

        Args:
            wanted: What to select.
            transcripts: Include the transcripts.
        """
        for page in self._reading.pages(wanted, _PAGE):
            yield from self._exported(page, transcripts)

    def _exported(
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
    """Return the names of the participants by recording and role; the id where there is no name."""
    columns = (attendance.c.recording_id, attendance.c.person, attendance.c.name, attendance.c.role)
    query = select(*columns).where(attendance.c.recording_id.in_(numbers))
    found: dict[tuple[int, Role], tuple[str, ...]] = {}
    for row in connection.execute(query.order_by(*columns[:2])):
        key = (row.recording_id, row.role)
        found[key] = (*found.get(key, ()), row.name or row.person)
    return found


def _summaries(connection: Connection, numbers: Sequence[int]) -> Mapping[int, str | None]:
    query = select(recordings.c.id, recordings.c.summary).where(recordings.c.id.in_(numbers))
    return {row.id: row.summary for row in connection.execute(query)}
