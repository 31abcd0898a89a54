"""Column types that mean the same on MySQL/MariaDB and on SQLite."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Enum, Integer, String, Text, TypeDecorator
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

MYSQL = "mysql"
SQLITE = "sqlite"

NAME_LENGTH = 255
MESSAGE_LENGTH = 1000
WISH_LENGTH = 2000


class UtcDateTime(TypeDecorator[datetime]):
    """A time with microseconds, stored in UTC.

    Raises:
        ValueError: The datetime has no time zone.
    """

    impl = DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(_mysql_instant() if dialect.name == MYSQL else DateTime())

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a time zone cannot be stored")
        return value.astimezone(UTC).replace(tzinfo=None)

    def result_processor(
        self, dialect: Dialect, coltype: object
    ) -> Callable[[object], datetime | None]:
        return instant_of


class UnreadableValue(Exception):
    """A value in a row, written by hand, that its column does not mean."""


def instant_of(stored: object) -> datetime | None:
    """Return a stored time, aware UTC, in any form of ISO 8601; without a zone it is UTC.

    Raises:
        UnreadableValue: It is not a time.
    """
    if stored is None:
        return None
    try:
        found = stored if isinstance(stored, datetime) else datetime.fromisoformat(str(stored))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise UnreadableValue from error


def document_of(stored: str | bytes) -> Any:
    """Return a stored JSON document.

    Raises:
        UnreadableValue: It is not JSON.
    """
    try:
        return json.loads(stored)
    except (ValueError, RecursionError) as error:
        raise UnreadableValue from error


def word(length: int) -> TypeEngine[str]:
    """Return a text type that is compared byte by byte, for ids and codes.

    The case-insensitive collation of the other columns treats all emoji as equal.
    """
    return String(length).with_variant(String(length, collation="utf8mb4_bin"), MYSQL)


def one_of(kind: type[StrEnum], name: str) -> Enum:
    """Return a type for the values of an enum: ENUM on MySQL, a CHECK of this name on SQLite."""
    return Enum(
        kind,
        name=name,
        values_callable=lambda members: [member.value for member in members],
        create_constraint=True,
        validate_strings=True,
    )


# MySQL's types by name: its dialect takes 20 ms to import, and SQLite does not need it


def _mysql_instant() -> TypeEngine[datetime]:
    from sqlalchemy.dialects import mysql

    return mysql.DATETIME(fsp=6)


class _MediumText(Text):
    __visit_name__ = "MEDIUMTEXT"


class _LongText(Text):
    __visit_name__ = "LONGTEXT"


ID = BigInteger().with_variant(Integer(), SQLITE)  # SQLite generates only INTEGER keys
DOCUMENT = JSON(none_as_null=True)
MEDIUM_TEXT = Text().with_variant(_MediumText(), MYSQL)
LONG_TEXT = Text().with_variant(_LongText(), MYSQL)
