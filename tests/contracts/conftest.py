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
from tests.support.downloaders import canary, downloader, part
from tests.support.media_tools import apart, tool

__all__ = [
    "apart",
    "canary",
    "clock",
    "database",
    "database_url",
    "downloader",
    "empty_url",
    "engine_name",
    "mariadb",
    "part",
    "sqlite_template",
    "tool",
]
