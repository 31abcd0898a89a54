"""Log lines for the operator: what happened and what will happen next, never a secret.

Every line passes one redaction step: known secret values, credentials in links, authorisation
headers. Transcript text is never handed to a logger in the first place.
"""

import logging
import logging.handlers
import re
import sys
from collections.abc import Collection
from pathlib import Path

_REDACTED = "********"
_QUERY = re.compile(r"(https?://[^\s?\"'<>]+)\?[^\s\"'<>]*")
_NAMED = re.compile(
    r"(?i)\b(authorization|x-tc-signature|x-tc-key|sts-token|token|secret|password|api[_-]?key)"
    r"(\W{1,3})(bearer\s+)?[^\s,;\"'&]+"
)
_SHORTEST_SECRET = 4  # a shorter one would blot out ordinary words
_FILE_BYTES = 5_000_000
_FILES_KEPT = 10


class Redaction(logging.Formatter):
    """Formats through another formatter and takes secrets out of the whole text, traceback too."""

    def __init__(self, inner: logging.Formatter, secrets: Collection[str]) -> None:
        super().__init__()
        self._inner = inner
        self._secrets = sorted(
            (value for value in secrets if len(value) >= _SHORTEST_SECRET), key=len, reverse=True
        )

    def format(self, record: logging.LogRecord) -> str:
        return self.redact(self._inner.format(record))

    def redact(self, text: str) -> str:
        """The text without secret values, link credentials and authorisation headers."""
        for secret in self._secrets:
            text = text.replace(secret, _REDACTED)
        text = _QUERY.sub(rf"\1?{_REDACTED}", text)
        return _NAMED.sub(rf"\1\2{_REDACTED}", text)


def set_up(
    level: str,
    secrets: Collection[str],
    file: Path | None = None,
    *,
    quiet_console: bool = False,
) -> None:
    """Send our log lines to standard error and, if named, to a rotating file.

    quiet_console: only warnings go to standard error (a progress display or a table is there).
    """
    lines = logging.Formatter("%(asctime)s %(levelname)-7s %(message)s")
    formatter = Redaction(lines, secrets)
    console = _StandardError(logging.WARNING if quiet_console else logging.NOTSET)
    handlers: list[logging.Handler] = [console]
    if file is not None and (rotating := _rotating(file)) is not None:
        handlers.append(rotating)
    logging.raiseExceptions = False  # a full disk must not print a traceback for every line
    root = logging.getLogger()
    root.handlers[:] = handlers
    root.setLevel(logging.WARNING)  # other people's libraries speak only of trouble
    logging.getLogger("urllib3").setLevel(logging.ERROR)  # its warnings quote whole links
    logging.getLogger("meeting_pipeline").setLevel(level.upper())
    for handler in handlers:
        handler.setFormatter(formatter)


class _StandardError(logging.Handler):
    """Writes to whatever standard error is now: a live display puts itself in front of it."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
            sys.stderr.flush()
        except (OSError, ValueError):  # closed or gone: the log file still has the line
            return


def log_folder(data_dir: Path) -> Path:
    """`logs/` of the installation where there is one, else below DATA_DIR."""
    installed = Path("logs")
    return installed if installed.is_dir() else data_dir / "logs"


def _rotating(file: Path) -> logging.Handler | None:
    """None where it cannot be written: no run fails for its log."""
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        return logging.handlers.RotatingFileHandler(
            file, maxBytes=_FILE_BYTES, backupCount=_FILES_KEPT, encoding="utf-8"
        )
    except OSError as error:
        sys.stderr.write(f"meeting: no log file {file}: {error.strerror}\n")
        return None
