"""Idempotent writes: writing the same rows twice has the effect of writing them once."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from itertools import islice
from typing import TypeVar

from sqlalchemy import Connection, Table
from sqlalchemy.sql import Insert

from meeting_pipeline.adapters.db import schema
from meeting_pipeline.adapters.db.types import MYSQL, SQLITE

Item = TypeVar("Item")
Row = Mapping[str, object]

CHUNK = 500
"""Maximum number of rows or keys in one statement."""


def chunks(items: Iterable[Item]) -> Iterator[Sequence[Item]]:
    """Yield the items in their order, CHUNK at a time."""
    items = iter(items)
    while chunk := list(islice(items, CHUNK)):
        yield chunk


def upsert(
    connection: Connection,
    table: Table,
    rows: Sequence[Row],
    keys: Sequence[str],
    *,
    cleared: Sequence[str] = (),
) -> None:
    """Insert rows, or update those whose keys exist; `created_at` is never updated.

    Args:
        connection: A connection in a transaction.
        table: The table.
        rows: The rows, all with the same columns. Sort them by key: concurrent writers then queue
            up instead of deadlocking.
        keys: The columns of a unique key.
        cleared: Further columns, which become NULL.
    """
    if rows:
        changing = tuple(name for name in rows[0] if name not in keys and name != "created_at")
        statement = _upsert(connection.dialect.name, table, tuple(keys), (*changing, *cleared))
        connection.execute(statement, list(rows))


def insert_missing(connection: Connection, table: Table, rows: Sequence[Row]) -> None:
    """Insert the rows whose primary key does not exist yet."""
    if rows:
        connection.execute(_insert_missing(table), list(rows))


def mark_stale(connection: Connection, students: Iterable[str]) -> None:
    """Mark the statistics of these students to be recomputed."""
    rows = [{"student_id": student} for student in sorted(set(students))]
    insert_missing(connection, schema.stale_students, rows)


@cache
def _insert_missing(table: Table) -> Insert:
    ignoring = table.insert().prefix_with("IGNORE", dialect=MYSQL)
    return ignoring.prefix_with("OR IGNORE", dialect=SQLITE)


@cache
def _upsert(dialect: str, table: Table, keys: Sequence[str], changing: Sequence[str]) -> Insert:
    """Return the statement, built once because building it takes longer than sending it."""
    if dialect == MYSQL:
        from sqlalchemy.dialects import mysql

        ours = mysql.insert(table)
        return ours.on_duplicate_key_update({name: ours.inserted[name] for name in changing})
    from sqlalchemy.dialects import sqlite

    theirs = sqlite.insert(table)
    return theirs.on_conflict_do_update(
        index_elements=list(keys), set_={name: theirs.excluded[name] for name in changing}
    )
