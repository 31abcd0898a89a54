"""The schema of the database that the settings name; apart, because it loads Alembic."""

from meeting_pipeline.adapters.db import health, migrate
from meeting_pipeline.adapters.db.schema import REVISION
from meeting_pipeline.domain.checks import Check
from meeting_pipeline.domain.views import SchemaStatus
from meeting_pipeline.errors import UsageError
from meeting_pipeline.settings.config import Settings
from meeting_pipeline.wiring import stores


def status(settings: Settings) -> SchemaStatus:
    """Return which schema the database has and which one this program needs."""
    if stores.missing_database(settings):
        return SchemaStatus(None, REVISION, is_known=True)
    with stores.raw_database(settings) as rows:
        return migrate.status(rows.engine)


def upgrade(settings: Settings) -> SchemaStatus:
    """Bring the tables to what this program needs."""
    with stores.raw_database(settings) as rows:
        return migrate.upgrade(rows.engine)


def sql(dialect: str) -> str:
    """Return the whole schema as SQL.

    Raises:
        UsageError: ("bad_dialect") for a dialect that the program has no SQL for.
    """
    if dialect not in migrate.DIALECTS:
        known = " or ".join(migrate.DIALECTS)
        raise UsageError("bad_dialect", f"there is no SQL for {dialect!r}", hint=f"use {known}")
    return migrate.dump_sql(dialect)


def checks(settings: Settings) -> list[Check]:
    """Return whether the database is fit for our rows; an empty one gets its tables first.

    Where there is no embedded database yet, a temporary one is tried, and none is made.
    """
    with stores.stored(settings) as rows:
        return health.examine(rows.engine)
