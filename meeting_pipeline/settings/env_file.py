"""The file `.env`: who else can read it, and what it says."""

import io
import os
import stat
from pathlib import Path
from typing import TextIO

from meeting_pipeline.errors import ConfigError


def env_file_risk(path: Path) -> str | None:
    """Return who else can read or change the keys in this file, or None."""
    try:
        status = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        mode = stat.S_IMODE(status.st_mode)
        return f"{path} has mode {mode:o}: others on this machine can read or change your keys"
    if status.st_uid not in (os.geteuid(), 0):
        return f"{path} belongs to another user (number {status.st_uid}), who can change your keys"
    return None


def read_env_file(path: Path) -> dict[str, str]:
    """Return the values in an `.env`, and none if there is no file.

    Raises:
        ConfigError: "env_file": it cannot be read.
    """
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8") as stream:
            return _values(stream)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "env_file", f"{path} cannot be read: {error}", hint="save it as UTF-8 text, mode 600"
        ) from error


def salvage_env_file(path: Path) -> dict[str, str]:
    """Return what can be read of an `.env`, in whatever encoding it was saved."""
    try:
        text = path.read_bytes().decode("utf-8", "replace") if path.is_file() else ""
    except OSError:
        return {}
    return _values(io.StringIO(text))


def _values(stream: TextIO) -> dict[str, str]:
    from dotenv import dotenv_values

    values = dotenv_values(stream=stream, interpolate=False)
    return {name: value for name, value in values.items() if value is not None}
