"""Checks of the database for `meeting doctor`."""

from collections.abc import Iterator

from sqlalchemy import Connection, Engine, text

from meeting_pipeline.adapters.db import migrate
from meeting_pipeline.adapters.db.engine import read
from meeting_pipeline.adapters.db.failures import UPGRADE
from meeting_pipeline.adapters.db.types import MYSQL
from meeting_pipeline.domain.checks import Check

_ENOUGH_PACKET_BYTES = 16 << 20
_VARIABLES = (
    "SHOW VARIABLES WHERE Variable_name IN "
    "('character_set_database', 'max_allowed_packet', 'sql_mode', 'read_only')"
)


def examine(engine: Engine) -> list[Check]:
    """Check connection, version and schema; on MySQL also character set, mode and packet size.

    Raises:
        FatalError: "database_gone" when the database cannot be reached.
    """
    return [*read(engine, lambda connection: list(_checks(connection))), _schema(engine)]


def _checks(connection: Connection) -> Iterator[Check]:
    dialect = connection.dialect
    if dialect.name != MYSQL:
        version = connection.execute(text("SELECT sqlite_version()")).scalar_one()
        yield Check("database", True, f"SQLite {version}, embedded")
        return
    version = connection.execute(text("SELECT VERSION()")).scalar_one()
    yield Check("database", True, f"{version}")
    rows = connection.execute(text(_VARIABLES))
    yield from _mysql({row[0]: row[1] for row in rows})


def _mysql(variables: dict[str, str]) -> Iterator[Check]:
    charset = variables["character_set_database"]
    yield Check(
        "database_charset",
        charset == "utf8mb4",
        f"the database's character set is {charset}",
        "run ALTER DATABASE … CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
    )
    strict = "STRICT" in variables["sql_mode"] or "TRADITIONAL" in variables["sql_mode"]
    mode = "sessions use strict mode" if strict else "sessions do not use strict mode"
    yield Check("database_strict", strict, mode)
    packet = int(variables["max_allowed_packet"])
    yield Check(
        "database_packet",
        packet >= _ENOUGH_PACKET_BYTES,
        f"max_allowed_packet is {packet >> 20} MiB",
        "set max_allowed_packet to 16M or more: a long transcript is stored as one value",
    )
    writable = variables["read_only"] in ("OFF", "0", "NO")
    yield Check("database_writable", writable, "read_only is " + variables["read_only"])


def _schema(engine: Engine) -> Check:
    found = migrate.status(engine)
    message = f"schema {found.current or 'missing'}, this version needs {found.needed}"
    return Check("database_schema", found.is_current, message, UPGRADE)
