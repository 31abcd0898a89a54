"""Translation of database errors into those of `meeting_pipeline.errors`."""

import sqlite3

from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError, StatementError

from meeting_pipeline.errors import ConfigError, FatalError, MeetingError, RecordError

UPGRADE = "run `meeting db upgrade`"

# MySQL/MariaDB server and client error numbers, SQLite primary result codes
_CONFLICT = {1205, 1213, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_CONNECTION_LOST = {1053, 1927, 2002, 2003, 2006, 2013, 2014, 2055}
_NO_TLS = 2026
_UNTRUSTED = "CERTIFICATE_VERIFY_FAILED"  # OpenSSL's reason, in the text of error 2003
_FULL = {1021, 1114, sqlite3.SQLITE_FULL}
_DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
_NO_ACCESS = {1044, 1045, 1049, 1698, sqlite3.SQLITE_CANTOPEN}
_OTHER_SCHEMA = {1054, 1146}
_TOO_LARGE = {1153, sqlite3.SQLITE_TOOBIG}
_REFUSED_VALUE = {1264, 1265, 1292, 1366, 1406, 4025, 3819, sqlite3.SQLITE_CONSTRAINT}


def may_pass(error: BaseException) -> bool:
    """Return whether the same transaction may succeed if it is repeated at once."""
    if not isinstance(error, DBAPIError) or _is_unverified(error):
        return False
    return error.connection_invalidated or number(error) in _CONFLICT | _CONNECTION_LOST


def translated(error: SQLAlchemyError) -> BaseException:
    """Return our error for a database error; the original exception if it is a bug of ours."""
    if isinstance(error, DBAPIError):
        return _unverified(error) if _is_unverified(error) else _translated(error, number(error))
    if isinstance(error, StatementError) and error.orig is not None:
        return error.orig  # a column type rejected the value
    return FatalError("database_gone", f"the database does not answer: {error}")


def _translated(error: DBAPIError, code: int) -> MeetingError:
    if code in _NO_ACCESS:
        return ConfigError(
            "database_refused",
            f"the database cannot be opened: {error.orig}",
            hint="check DB_HOST, DB_PORT, DB_USER, DB_PASS and DB_NAME, or DATA_DIR",
        )
    if code in _OTHER_SCHEMA or "no such table" in str(error) or "no such column" in str(error):
        message = f"the database's schema does not match this version: {error.orig}"
        return ConfigError("schema_old", message, hint=UPGRADE)
    if code in _TOO_LARGE:
        return too_large("a text is larger than the database accepts")
    if code in _REFUSED_VALUE or isinstance(error, IntegrityError):
        return RecordError("not_storable", f"the database rejected a value (error {code})")
    return _fatal(error, code)


def _fatal(error: DBAPIError, code: int) -> FatalError:
    if code in _FULL:
        return FatalError("disk_full", "the database has no space left", hint="free some space")
    if code in _DAMAGED:
        return FatalError(
            "database_damaged",
            f"the database file is damaged: {error.orig}",
            hint="run `meeting doctor --repair`: it says what to do, and does not change the file",
        )
    return FatalError(
        "database_gone",
        f"the database failed: {error.orig}",
        hint="check that it is running, accepts connections and is writable",
    )


def _is_unverified(error: DBAPIError) -> bool:
    """Return whether the server has no TLS although DB_CA requires it, or no valid certificate."""
    return number(error) == _NO_TLS or _UNTRUSTED in str(error.orig)


def _unverified(error: DBAPIError) -> ConfigError:
    return ConfigError(
        "database_tls",
        f"the identity of the database server cannot be verified: {error.orig}",
        hint="set DB_CA to the issuer of its certificate, and DB_HOST to the name in that",
    )


def too_large(message: str) -> RecordError:
    """Return the error for a text that does not fit into one statement."""
    return RecordError("too_large", message, hint="raise max_allowed_packet of the database server")


def number(error: DBAPIError) -> int:
    """Return MySQL's error number or SQLite's primary result code; 0 if there is none."""
    if isinstance(error.orig, sqlite3.Error):
        return int(getattr(error.orig, "sqlite_errorcode", 0)) & 0xFF
    arguments = error.orig.args if error.orig else ()
    return arguments[0] if arguments and isinstance(arguments[0], int) else 0
