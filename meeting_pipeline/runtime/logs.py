"""Logging for the operator: what happens and what happens next, without secrets.

Every line passes a redaction that removes known secret values, credentials in links and
authorisation headers. Transcript text is never passed to a logger in the first place.
"""

import logging
import os
import re
import sys
from collections.abc import Collection
from contextlib import suppress
from datetime import UTC, datetime
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from meeting_pipeline.domain.display import (
    MASK,
    json_text,
    mask_credentials,
    strip_control_characters,
)

_REDACTED = MASK
_QUERY = re.compile(r"(https?://[^\s?\"'<>]+)\?[^\s\"'<>]*")
_NAMED = re.compile(
    r"(?i)\b(authorization|x-tc-signature|x-tc-key|sts-token|token|secret|password|api[_-]?key)"
    r"(\W{1,3})(bearer\s+)?[^\s,;\"'&]+"
)
_SHORTEST_SECRET = 4  # a shorter one would remove ordinary words
_FILE_BYTES = 5_000_000
_FILES_KEPT = 10

FIELDS = (
    "run_id",
    "recording_id",
    "record",
    "stage",
    "status",
    "error_code",
    "seconds",
    "waited_s",
    "bytes",
    "counts",
    "slowest",
    "lower_bound_s",
    "in_use",
)
"""The fields that may be passed as `extra`, beside `event`: ids, codes and numbers, no text."""


class Redaction:
    """Removes secrets from text, except for values of less than 4 characters."""

    def __init__(self, secrets: Collection[str]) -> None:
        self._secrets = sorted(
            (value for value in secrets if len(value) >= _SHORTEST_SECRET), key=len, reverse=True
        )

    def redact(self, text: str) -> str:
        """Return the text without secret values, credentials in links and authorisation headers."""
        for secret in self._secrets:
            text = text.replace(secret, _REDACTED)
        text = _QUERY.sub(_without_query, mask_credentials(text))
        return _NAMED.sub(_without_value, text)


def _without_query(link: re.Match[str]) -> str:
    return f"{link[1]}?{_REDACTED}"


def _without_value(named: re.Match[str]) -> str:
    return f"{named[1]}{named[2]}{_REDACTED}"


class TextLines(logging.Formatter):
    """Formats lines for people; the traceback of a bug follows on lines of its own."""

    def __init__(self, redaction: Redaction) -> None:
        super().__init__("%(asctime)s %(levelname)-7s %(message)s")
        self._redaction = redaction

    def formatMessage(self, record: logging.LogRecord) -> str:
        return strip_control_characters(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        return self._redaction.redact(super().format(record))


class JsonLines(logging.Formatter):
    """Formats one JSON object a line, with time, level, event, message and the known FIELDS."""

    def __init__(self, redaction: Redaction) -> None:
        super().__init__()
        self._redaction = redaction

    def format(self, record: logging.LogRecord) -> str:
        line = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "event": getattr(record, "event", "log"),
            **{name: getattr(record, name) for name in FIELDS if hasattr(record, name)},
            "message": self._redaction.redact(record.getMessage()),
        }
        if record.exc_info:
            line["traceback"] = self._redaction.redact(self.formatException(record.exc_info))
        return json_text(line)


_FORMATS = {"text": TextLines, "json": JsonLines}


def set_up(
    level: str,
    secrets: Collection[str],
    file: Path | None = None,
    *,
    quiet_console: bool = False,
    log_format: str = "text",
) -> None:
    """Send log lines to standard error and optionally to a rotating file.

    Args:
        level: The lowest level that is logged ("INFO").
        secrets: The values that must not appear in a line.
        file: The log file, or None.
        quiet_console: Whether only warnings go to standard error, because a progress display or a
            table is shown there.
        log_format: "text" or "json".
    """
    console = _StandardError(logging.WARNING if quiet_console else logging.NOTSET)
    handlers: list[logging.Handler] = [console]
    if file is not None and (rotating := _rotating(file)) is not None:
        handlers.append(rotating)
    logging.raiseExceptions = False  # a line that cannot be written must not print a traceback
    root = logging.getLogger()
    root.handlers[:] = handlers
    root.setLevel(logging.WARNING)  # of other libraries, warnings and errors only
    silence_libraries_that_quote_links()
    logging.getLogger("meeting_pipeline").setLevel(level.upper())
    formatter = _FORMATS[log_format](Redaction(secrets))
    for handler in handlers:
        handler.setFormatter(formatter)


def silence_libraries_that_quote_links() -> None:
    """Drop the warnings of libraries that quote whole links.

    `set_up` calls this; it is called separately where a bad setting prevents `set_up`.
    """
    for name in ("urllib3", "apprise"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


class RotatingLogFile(RotatingFileHandler):
    """Rotates itself, and follows its name when another program rotates, moves or removes the file.

    The lock of a run admits one writer at a time, so rotation needs no lock between processes. A
    line that the disk has no room for is dropped, and the run is not told.
    """

    def shouldRollover(self, record: logging.LogRecord) -> int:
        if self.stream and not self._has_its_name(self.stream):
            moved, self.stream = self.stream, self._open()
            with suppress(OSError):  # what it could not write is lost
                moved.close()
        return super().shouldRollover(record)

    def _has_its_name(self, stream: TextIOWrapper) -> bool:
        try:
            return os.path.samestat(Path(self.baseFilename).stat(), os.fstat(stream.fileno()))
        except FileNotFoundError:
            return False

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return super()._open()


class _StandardError(logging.Handler):
    """Writes to the present `sys.stderr`, which a live display replaces while it is shown."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):  # standard error is closed
            return


def log_folder(data_dir: Path, home: Path) -> Path:
    """Return `logs/` of the installation if there is one, else `logs/` below DATA_DIR.

    Args:
        data_dir: DATA_DIR.
        home: The folder of the installation.
    """
    installed = home / "logs"
    return installed if installed.is_dir() else data_dir / "logs"


def _rotating(file: Path) -> logging.Handler | None:
    """Return None where the file cannot be written: no run fails for its log."""
    try:
        return RotatingLogFile(
            file,
            maxBytes=_FILE_BYTES,
            backupCount=_FILES_KEPT,
            encoding="utf-8",
            errors="backslashreplace",
        )
    except OSError as error:
        sys.stderr.write(f"meeting: cannot write the log file {file}: {error.strerror}\n")
        return None
