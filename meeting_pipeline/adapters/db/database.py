"""All that is behind one database address."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import Engine

from meeting_pipeline.adapters.db.engine import create_engine, revision
from meeting_pipeline.adapters.db.erasure import ErasureStore
from meeting_pipeline.adapters.db.exporting import Exporting
from meeting_pipeline.adapters.db.old_texts import OldTextStore
from meeting_pipeline.adapters.db.reading import Reading
from meeting_pipeline.adapters.db.recordings import RecordingStore
from meeting_pipeline.adapters.db.repair import RepairStore
from meeting_pipeline.adapters.db.retention import RetentionStore
from meeting_pipeline.adapters.db.runs import RunStore
from meeting_pipeline.adapters.db.schema import REVISION
from meeting_pipeline.adapters.db.stats import StatsStore


@dataclass(frozen=True)
class Database:
    """The stores of one database; close it at the end."""

    engine: Engine
    recordings: RecordingStore
    runs: RunStore
    stats: StatsStore
    reading: Reading
    exporting: Exporting
    retention: RetentionStore
    old_texts: OldTextStore
    erasure: ErasureStore
    repair: RepairStore

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


def utc_now() -> datetime:
    """The present instant, aware UTC."""
    return datetime.now(UTC)


def open_database(
    url: str, teachers: Collection[str] = (), now: Callable[[], datetime] = utc_now
) -> Database:
    """The stores behind a SQLAlchemy address (`sqlite:///FILE`, `mysql+pymysql://…`).

    teachers: ids or names of those who are never students. Nothing is connected yet.
    """
    engine = create_engine(url)
    store, reading = RecordingStore(engine, teachers, now), Reading(engine, now)
    return Database(
        engine=engine,
        recordings=store,
        runs=RunStore(engine, now),
        stats=StatsStore(engine, now),
        reading=reading,
        exporting=Exporting(engine, reading),
        retention=RetentionStore(engine, now),
        old_texts=OldTextStore(engine, now),
        erasure=ErasureStore(engine, now),
        repair=RepairStore(engine, reading, store, now),
    )
