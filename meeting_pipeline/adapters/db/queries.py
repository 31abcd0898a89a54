"""Query shapes whose cost grows with their result, not with the number of recordings."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

from sqlalchemy import Connection, Select

from meeting_pipeline.adapters.db.schema import recordings
from meeting_pipeline.adapters.db.types import MYSQL

Rows = TypeVar("Rows", bound=Select[Any])

_BY_START = (recordings.c.start_ts, recordings.c.id)


def ids_by_start(
    connection: Connection,
    queries: Iterable[Select[tuple[datetime, int]]],
    limit: int | None,
    *,
    newest_first: bool = False,
) -> list[int]:
    """Return our numbers of the recordings that any of the queries selects, ordered by start.

    One query with OR would give the same result, but no database reads several indexes in order: it
    would sort all recordings, or scan years of finished ones.

    Args:
        connection: A connection in a transaction.
        queries: Each selects (start_ts, id).
        limit: Maximum number of recordings; None for all.
        newest_first: Reverse the order.
    """
    order = [column.desc() for column in _BY_START] if newest_first else list(_BY_START)
    found: set[tuple[datetime, int]] = set()
    for query in queries:
        rows = connection.execute(query.order_by(*order).limit(limit))
        found.update((row.start_ts, row.id) for row in rows)
    return [number for _, number in sorted(found, reverse=newest_first)[:limit]]


def in_written_order(query: Rows) -> Rows:
    """Return the query with its tables joined in the written order.

    MySQL chooses the order by statistics, which are out of date for a table that has just grown. It
    would then scan all recordings to find those of a few students.
    """
    return query.prefix_with("STRAIGHT_JOIN", dialect=MYSQL)
