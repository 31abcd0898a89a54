"""The schema of the database: its state, its upgrade and its SQL."""

from meeting_pipeline.domain.views import SchemaStatus
from meeting_pipeline.settings.config import Settings
from meeting_pipeline.wiring import schema


def schema_status(settings: Settings) -> SchemaStatus:
    """Return which schema the database has and which one this program needs."""
    return schema.status(settings)


def upgrade_schema(settings: Settings) -> SchemaStatus:
    """Bring the tables to what this program needs; it may be killed and called again."""
    return schema.upgrade(settings)


def schema_sql(dialect: str) -> str:
    """Return the whole schema as SQL.

    Args:
        dialect: "mysql" or "sqlite".

    Raises:
        ConfigError: ("bad_dialect") for any other dialect.
    """
    return schema.sql(dialect)
