"""Checks of a whole installation, each tried for real."""

import os
import platform
import shutil
import subprocess
import threading
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Protocol, runtime_checkable

from meeting_pipeline import backends, wiring
from meeting_pipeline.backends import Parts
from meeting_pipeline.config import Settings
from meeting_pipeline.domain.checks import Check
from meeting_pipeline.errors import MeetingError

_ENOUGH_BYTES = 2 << 30


@runtime_checkable
class Examined(Protocol):
    """A back end that can try itself for real."""

    def examine(self) -> list[Check]:
        """Its checks; it raises nothing for what is only red."""


def examine(settings: Settings, env_file: Path) -> list[Check]:
    """Every check, in the order in which things depend on each other."""
    with ExitStack() as services:
        parts = Parts(settings, 1, threading.Event(), services)
        return _examine(parts, env_file)


def _examine(parts: Parts, env_file: Path) -> list[Check]:
    settings = parts.settings
    checks: list[tuple[str, Callable[[], Check | list[Check]]]] = [
        ("env_file", lambda: _env_file(env_file)),
        ("time_zone", lambda: _time_zone(settings)),
        ("data_dir", lambda: _data_dir(settings)),
        ("database", lambda: wiring.database_checks(settings)),
        ("source", lambda: _source(parts)),
        ("media", lambda: _media(parts)),
        ("downloads", lambda: _downloads(parts)),
        ("speech", lambda: _speech(parts)),
        ("summary", lambda: _summary(parts)),
        ("schedule", _schedule),
    ]
    return [line for code, check in checks for line in _tried(code, check)]


def _tried(code: str, check: Callable[[], Check | list[Check]]) -> list[Check]:
    try:
        result = check()
    except MeetingError as error:
        return [Check(code, False, error.message, error.hint)]
    return result if isinstance(result, list) else [result]


def _env_file(env_file: Path) -> Check:
    if not env_file.is_file():
        return Check("env_file", None, "no .env here; environment and defaults are used")
    mode = env_file.stat().st_mode & 0o777
    return Check(
        "env_file",
        not mode & 0o077,
        f".env has mode {mode:o}",
        f"others can read your keys: chmod 600 {env_file}",
    )


def _time_zone(settings: Settings) -> Check:
    now = backends.utc_now().astimezone(settings.source.zone)
    return Check("time_zone", True, f"{settings.source.zone}: it is {now:%Y-%m-%d %H:%M}")


def _data_dir(settings: Settings) -> Check:
    folder = settings.source.data_dir
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        return Check("data_dir", False, f"{folder} cannot be written", "give it to this user")
    free = shutil.disk_usage(folder).free
    return Check(
        "data_dir",
        free > _ENOUGH_BYTES,
        f"{folder}: {free / 2**30:.1f} GiB free",
        "make room, or set DATA_DIR to a larger disk",
    )


def _source(parts: Parts) -> list[Check]:
    source = backends.make_source(parts)
    folder = parts.settings.source.folder
    if source.name == "folder" and folder and not folder.is_dir():
        return [Check("source", False, f"MEETING_FOLDER {folder} is not there", "make or mend it")]
    return [Check("source", True, source.name), *_examined(source)]


def _media(parts: Parts) -> Check:
    tool = type(parts.media).__name__.removesuffix("Media")
    return Check("media", True, f"{tool} on {platform.machine()}")


def _downloads(parts: Parts) -> list[Check]:
    if parts.settings.source_name == "folder":
        return [Check("downloads", None, "not needed: the recordings are files")]
    return _examined(backends.make_downloader(parts))


def _speech(parts: Parts) -> list[Check]:
    transcriber = backends.make_transcriber(parts, backends.make_source(parts))
    return [Check("speech", True, transcriber.settings), *_examined(transcriber)]


def _summary(parts: Parts) -> list[Check]:
    summarizer = backends.make_summarizer(parts)
    return [Check("summary", True, summarizer.settings), *_examined(summarizer)]


def _examined(back_end: object) -> list[Check]:
    """What a back end finds when it tries itself; those without anything to try say nothing."""
    return back_end.examine() if isinstance(back_end, Examined) else []


def _schedule() -> Check:
    crontab = shutil.which("crontab")
    if crontab is None:
        return Check("schedule", None, "no cron here", "apt-get install cron, then ./deploy.sh")
    listed = subprocess.run(  # noqa: S603 (a fixed command, found on PATH)
        [crontab, "-l"], capture_output=True, text=True, check=False
    )
    if "cron_incremental.py" in listed.stdout:
        return Check("schedule", True, "in this user's crontab")
    return Check("schedule", None, "not in this user's crontab", "./deploy.sh plans 03:00")
