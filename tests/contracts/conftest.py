"""Every suite about rows runs against every engine."""

from tests.support.databases import (
    clock,
    database,
    database_url,
    empty_url,
    engine_name,
    mariadb,
    sqlite_template,
)

__all__ = [
    "clock",
    "database",
    "database_url",
    "empty_url",
    "engine_name",
    "mariadb",
    "sqlite_template",
]
