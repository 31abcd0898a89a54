"""Checks of a whole installation, each tried for real."""

import os
import platform
import shutil
import subprocess
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from meeting_pipeline import wiring
from meeting_pipeline.config import Settings
from meeting_pipeline.domain.checks import Check
from meeting_pipeline.errors import MeetingError

_ENOUGH_BYTES = 2 << 30


def examine(settings: Settings, env_file: Path) -> list[Check]:
    """Every check, in the order in which things depend on each other."""
    checks: list[tuple[str, Callable[[], Check | list[Check]]]] = [
        ("env_file", lambda: _env_file(env_file)),
        ("time_zone", lambda: _time_zone(settings)),
        ("data_dir", lambda: _data_dir(settings)),
        ("database", lambda: wiring.database_checks(settings)),
        ("source", lambda: _source(settings)),
        ("media", _media),
        ("speech", lambda: _speech(settings)),
        ("summary", lambda: _summary(settings)),
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
    now = wiring.utc_now().astimezone(settings.source.zone)
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


def _source(settings: Settings) -> Check:
    name = wiring.make_source(settings, wiring.media_tool()).name
    folder = settings.source.folder
    if name == "folder" and folder and not folder.is_dir():
        return Check("source", False, f"MEETING_FOLDER {folder} is not there", "make it or mend it")
    return Check("source", True, name)


def _media() -> Check:
    found = shutil.which("ffmpeg") and shutil.which("ffprobe")
    tool = "ffmpeg and ffprobe of the system" if found else "PyAV (no ffmpeg installed; fine)"
    return Check("media", True, f"{tool}, {platform.machine()}")


def _speech(settings: Settings) -> Check:
    with ExitStack() as services:
        transcriber = wiring.make_transcriber(settings, 1, services)
        return Check("speech", True, transcriber.settings)


def _summary(settings: Settings) -> Check:
    return Check("summary", True, wiring.make_summarizer(settings).settings)


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
