"""The search for the row in which a value was written by hand that cannot be read."""

from collections.abc import Callable, Iterator
from typing import Any

from sqlalchemy import JSON, Column, Connection, LargeBinary, Table, cast, select

from meeting_pipeline.adapters.db.schema import metadata
from meeting_pipeline.adapters.db.types import (
    UnreadableValue,
    UtcDateTime,
    document_of,
    instant_of,
)
from meeting_pipeline.domain.display import strip_control_characters
from meeting_pipeline.errors import FatalError

_SHOWN = 60
_TIME = "write it in UTC as YYYY-MM-DD HH:MM:SS, or restore a backup"
_DOCUMENT = "write it as JSON, or restore a backup"


def unreadable_row(connection: Connection) -> FatalError:
    """Return the error that names the first row with a value that cannot be read."""
    where, hint = next(_unreadable(connection), ("a value of a row that has changed since", ""))
    return FatalError("unreadable_row", f"{where} cannot be read", hint=hint)


def _unreadable(connection: Connection) -> Iterator[tuple[str, str]]:
    for table in metadata.sorted_tables:
        for column in table.c:
            if isinstance(column.type, UtcDateTime):
                yield from _in_column(connection, table, column, instant_of, _TIME)
            elif isinstance(column.type, JSON):
                yield from _in_column(connection, table, column, document_of, _DOCUMENT)


def _in_column(
    connection: Connection,
    table: Table,
    column: Column[Any],
    read: Callable[[Any], object],
    hint: str,
) -> Iterator[tuple[str, str]]:
    keys = [key for key in table.primary_key if not isinstance(key.type, UtcDateTime)]
    stored = cast(column, LargeBinary)  # as it is, not as the column means it
    for value, *numbers in connection.execute(select(stored, *keys).where(column.is_not(None))):
        text = bytes(value).decode(errors="replace")
        try:
            read(text)
        except UnreadableValue:
            row = ", ".join(f"{k.name} {n}" for k, n in zip(keys, numbers, strict=True))
            shown = strip_control_characters(text)[:_SHOWN]
            yield f"{table.name}.{column.name} of {row} is {shown!r} and", hint
