"""What every command does first: read the settings and set up the log."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from meeting_pipeline.runtime import logs
from meeting_pipeline.settings.config import Settings, load, secret_values

ENV_FILE = Path(".env")


def begin(
    log_file: str | None = None,
    env_file: Path = ENV_FILE,
    environment: Mapping[str, str] = os.environ,
    *,
    even_if_open: bool = False,
) -> Settings:
    """The settings, with log lines going to standard error and, for runs, to `log_file`.

    even_if_open: take keys that others can read, too (for who examines just that).
    On a terminal standard error belongs to the progress display, so only warnings go there.
    """
    os.umask(0o077)
    settings = load(env_file, environment, even_if_open=even_if_open)
    logs.set_up(
        settings.run.log_level,
        secret_values(settings),
        logs.log_folder(settings.source.data_dir) / log_file if log_file else None,
        quiet_console=sys.stderr.isatty() or log_file is None,
        log_format=settings.run.log_format,
    )
    return settings
