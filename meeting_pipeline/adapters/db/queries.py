"""Shapes of query that cost as much as what they find, however many recordings there are."""

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
    """Our numbers of what any of the queries selects (start_ts, id), each once, in that order.

    One query with OR would say the same, but no database reads several indexes in order: it would
    sort all there is, or walk through years of finished recordings.
    """
    order = [column.desc() for column in _BY_START] if newest_first else list(_BY_START)
    found: set[tuple[datetime, int]] = set()
    for query in queries:
        rows = connection.execute(query.order_by(*order).limit(limit))
        found.update((row.start_ts, row.id) for row in rows)
    return [number for _, number in sorted(found, reverse=newest_first)[:limit]]


def in_written_order(query: Rows) -> Rows:
    """The same, begun at its first table.

    MySQL judges by statistics, which say nothing yet of a table that has just grown; it would then
    walk through all recordings to find those of a few students.
    """
    return query.prefix_with("STRAIGHT_JOIN", dialect=MYSQL)
