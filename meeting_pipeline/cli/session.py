"""The start of every command: settings are read and the log is set up."""

import logging
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from meeting_pipeline.domain.display import strip_control_characters
from meeting_pipeline.errors import ConfigError
from meeting_pipeline.runtime import limits, logs
from meeting_pipeline.settings.config import Settings, load, secret_values
from meeting_pipeline.settings.location import locate
from meeting_pipeline.settings.unknown_names import UnknownName

log = logging.getLogger(__name__)


def begin(
    log_file: str | None = None,
    env_file: Path | None = None,
    environment: Mapping[str, str] = os.environ,
    *,
    even_if_open: bool = False,
    may_create: bool = True,
) -> Settings:
    """Read the settings and send log lines to standard error and, for runs, to a file.

    Names that are no settings are named on standard error: what they should have set is not set.
    On a terminal, standard error belongs to the progress display, so only warnings go there.

    Args:
        log_file: The name of the log file; None for a command that is not a run.
        env_file: The file with the settings; None for the one in use (`settings.location`).
        environment: Settings that win over the file.
        even_if_open: Whether to accept a file that others can read, for a command that reports it.
        may_create: Whether the folder of the log file is made if it is not there.

    Raises:
        ConfigError: A setting cannot be read, MEETING_HOME is no folder, or the limits of this
            process leave no room for a run.
    """
    os.umask(0o077)
    settings = _loaded(env_file, environment, even_if_open)
    logs.set_up(
        settings.run.log_level,
        secret_values(settings),
        _log_path(settings, log_file, may_create) if log_file else None,
        quiet_console=sys.stderr.isatty() or log_file is None,
        log_format=settings.run.log_format,
    )
    if log_file:
        _check_limits()
    return settings


def _tell_unknown(names: Sequence[UnknownName]) -> None:
    for name in names:
        line = f"meeting: unknown_setting: {name.message} → {name.hint}"
        sys.stderr.write(strip_control_characters(line) + "\n")


def _check_limits() -> None:
    """Refuse limits under which no run works, and name those that may end a recording or the run.

    The system kills a process that has used up its time without a word, so the word comes before.
    """
    limits.check_for_run()
    if low := limits.too_low():
        log.warning(
            "系统限制过低，录制可能失败，运行可能被终止 limits are lower than may be needed; "
            "a recording may fail, or the run may be killed: %s → %s",
            low,
            limits.HINT,
        )


def _loaded(env_file: Path | None, environment: Mapping[str, str], even_if_open: bool) -> Settings:
    if env_file is not None:
        return load(env_file, environment, even_if_open=even_if_open, on_unknown=_tell_unknown)
    location = locate(environment)
    if not location.home.is_dir():
        raise ConfigError(
            "no_home",
            f"MEETING_HOME {location.home} 不是目录 is not a folder",
            hint="设为安装目录，或取消它 set it to the folder of the installation, or unset it",
        )
    return load(
        location.env_file,
        environment,
        even_if_open=even_if_open,
        home=location.home,
        on_unknown=_tell_unknown,
    )


def _log_path(settings: Settings, name: str, may_create: bool) -> Path | None:
    folder = logs.log_folder(settings.source.data_dir, settings.home)
    return folder / name if may_create or folder.is_dir() else None
