"""What a database's own errors mean for the pipeline."""

import sqlite3

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from meeting_pipeline.errors import ConfigError, FatalError, MeetingError, RecordError

UPGRADE = "run `meeting db upgrade`"

# MySQL/MariaDB server and client error numbers, SQLite primary result codes
_CONFLICT = {1205, 1213, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_CONNECTION_LOST = {1053, 1927, 2002, 2003, 2006, 2013, 2014, 2055}
_NO_TLS = 2026
_UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"  # OpenSSL's word, in the text of a 2003
_FULL = {1021, 1114, sqlite3.SQLITE_FULL}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_NO_ACCESS = {1044, 1045, 1049, 1698, sqlite3.SQLITE_CANTOPEN}
_OTHER_SCHEMA = {1054, 1146}
_TOO_LARGE = {1153, sqlite3.SQLITE_TOOBIG}
_REFUSED_VALUE = {1264, 1265, 1292, 1366, 1406, 4025, 3819, sqlite3.SQLITE_CONSTRAINT}


def may_pass(error: BaseException) -> bool:
    """Whether the same transaction, from its start, may well succeed right now."""
    if not isinstance(error, DBAPIError) or _proves_nothing(error):
        return False
    return error.connection_invalidated or number(error) in _CONFLICT | _CONNECTION_LOST


def translated(error: SQLAlchemyError) -> BaseException:
    """Our error for it; the original one where it is a bug of ours."""
    if isinstance(error, DBAPIError):
        return _untrusted(error) if _proves_nothing(error) else _translated(error, number(error))
    if isinstance(error, StatementError) and error.orig is not None:
        return error.orig  # a column type refused the value
    return FatalError("database_gone", f"the database does not answer: {error}")


def _translated(error: DBAPIError, code: int) -> MeetingError:
    if code in _NO_ACCESS:
        return ConfigError(
            "database_refused",
            f"the database cannot be opened: {error.orig}",
            hint="check DB_HOST, DB_PORT, DB_USER, DB_PASS and DB_NAME, or DATA_DIR",
        )
    if code in _OTHER_SCHEMA or "no such table" in str(error) or "no such column" in str(error):
        return ConfigError("schema_old", f"the schema is not ours: {error.orig}", hint=UPGRADE)
    if code in _TOO_LARGE:
        return too_large("a text is larger than the database takes")
    if code in _REFUSED_VALUE or isinstance(error, IntegrityError):
        return RecordError("not_storable", f"the database refused a value (error {code})")
    return _fatal(error, code)


def _fatal(error: DBAPIError, code: int) -> FatalError:
    if code in _FULL:
        return FatalError("disk_full", "the database has no room left", hint="free some space")
    if code in _DAMAGED:
        return FatalError(
            "database_damaged",
            f"the database file is damaged: {error.orig}",
            hint="`meeting doctor --repair` says what to do; it writes nothing to it",
        )
    return FatalError(
        "database_gone",
        f"the database does not work: {error.orig}",
        hint="see whether it runs, takes connections and may be written to",
    )


def _proves_nothing(error: DBAPIError) -> bool:
    """Whether the server speaks no TLS where it must, or nobody vouches for its certificate."""
    return number(error) == _NO_TLS or _UNTRUSTED in str(error.orig)


def _untrusted(error: DBAPIError) -> ConfigError:
    return ConfigError(
        "database_tls",
        f"the database server does not prove that it is the right one: {error.orig}",
        hint="DB_CA has to be what signed its certificate, and DB_HOST the name in there",
    )


def too_large(message: str) -> RecordError:
    """The error for a text that does not fit into one statement."""
    return RecordError("too_large", message, hint="raise max_allowed_packet of the database server")


def number(error: DBAPIError) -> int:
    """The number of MySQL's error, or SQLite's primary result code; 0 where there is none."""
    if isinstance(error.orig, sqlite3.Error):
        return int(getattr(error.orig, "sqlite_errorcode", 0)) & 0xFF
    arguments = error.orig.args if error.orig else ()
    return arguments[0] if arguments and isinstance(arguments[0], int) else 0
