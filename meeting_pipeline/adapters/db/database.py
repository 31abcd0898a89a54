"""All that is behind one database address."""

from collections.abc import Callable, Collection
from datetime import UTC, datetime

from meeting_pipeline.adapters.db.engine import create_engine, revision
from meeting_pipeline.adapters.db.erasure import SqlErasureStore
from meeting_pipeline.adapters.db.exporting import SqlExportReader
from meeting_pipeline.adapters.db.reading import SqlViewReader
from meeting_pipeline.adapters.db.recordings import SqlRecordingStore
from meeting_pipeline.adapters.db.repair import SqlRepairStore
from meeting_pipeline.adapters.db.retention import SqlRetentionStore
from meeting_pipeline.adapters.db.runs import SqlRunStore
from meeting_pipeline.adapters.db.schema import REVISION
from meeting_pipeline.adapters.db.stats import SqlStatsStore


def utc_now() -> datetime:
    """The present instant, aware UTC."""
    return datetime.now(UTC)


class Database:
    """The stores of one database.

    url: a SQLAlchemy address (`sqlite:///FILE`, `mysql+pymysql://…`). teachers: ids or names of
    those who are never students. Nothing is connected yet; close it at the end.
    """

    def __init__(
        self, url: str, teachers: Collection[str] = (), now: Callable[[], datetime] = utc_now
    ) -> None:
        self.engine = create_engine(url)
        self.recordings = SqlRecordingStore(self.engine, teachers, now)
        self.runs = SqlRunStore(self.engine, now)
        self.stats = SqlStatsStore(self.engine, now)
        self.retention = SqlRetentionStore(self.engine, now)
        self.erasure = SqlErasureStore(self.engine, now)
        self.reading = SqlViewReader(self.engine, now)
        self.exporting = SqlExportReader(self.engine, self.reading)
        self.repair = SqlRepairStore(self.engine, self.reading, now)

    def make_ready(self) -> None:
        """Give an empty database its tables.

        Raises ConfigError("schema_old" or "schema_new") when the tables there are not ours.
        """
        found = revision(self.engine)
        if found == REVISION:
            return
        from meeting_pipeline.adapters.db import migrate  # half a second that most runs can save

        if found is None:
            migrate.upgrade(self.engine)
        migrate.require_current(self.engine)

    def revision(self) -> str | None:
        """Which schema there is, None for no tables of ours; nothing is written."""
        return revision(self.engine)

    def close(self) -> None:
        """Give all connections back; the stores connect again when used again."""
        self.engine.dispose()
