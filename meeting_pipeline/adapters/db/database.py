"""The stores of one database."""

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
from meeting_pipeline.adapters.db.summaries import SqlSummaryStore


def utc_now() -> datetime:
    """Return the current time, aware UTC."""
    return datetime.now(UTC)


class Database:
    """The stores of one database, which share an engine.

    The first use connects; call `close` at the end.

    Args:
        url: A SQLAlchemy address (`sqlite:///FILE`, `mysql+pymysql://…`).
        teachers: Ids or names of people who are never students (TEACHER_WHITELIST).
        now: Returns the current time, aware UTC.
    """

    def __init__(
        self, url: str, teachers: Collection[str] = (), now: Callable[[], datetime] = utc_now
    ) -> None:
        self.engine = create_engine(url)
        self.recordings = SqlRecordingStore(self.engine, teachers, now)
        self.runs = SqlRunStore(self.engine, now)
        self.stats = SqlStatsStore(self.engine, now)
        self.summaries = SqlSummaryStore(self.engine, now)
        self.retention = SqlRetentionStore(self.engine, now)
        self.erasure = SqlErasureStore(self.engine, now)
        self.reading = SqlViewReader(self.engine, now)
        self.exporting = SqlExportReader(self.engine, self.reading)
        self.repair = SqlRepairStore(self.engine, self.reading, now)

    def make_ready(self) -> None:
        """Create the tables in an empty database.

        Raises:
            ConfigError: "schema_old" or "schema_new" when the schema is of another version.
        """
        found = revision(self.engine)
        if found == REVISION:
            return
        from meeting_pipeline.adapters.db import (
            migrate,  # imported late: it takes half a second, and most runs do not need it
        )

        if found is None:
            migrate.upgrade(self.engine)
        migrate.require_current(self.engine)

    def revision(self) -> str | None:
        """Return the revision of the schema, or None without tables of ours; write nothing."""
        return revision(self.engine)

    def close(self) -> None:
        """Close all connections; the stores connect again when they are used again."""
        self.engine.dispose()
