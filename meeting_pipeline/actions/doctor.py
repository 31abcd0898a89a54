"""Checks of a whole installation, each tried for real, all side by side within half a minute."""

import os
import platform
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from multiprocessing.pool import AsyncResult, ThreadPool
from pathlib import Path
from time import monotonic

from meeting_pipeline.actions import repair
from meeting_pipeline.domain.checks import Check, run_checks
from meeting_pipeline.errors import ConfigError, MeetingError
from meeting_pipeline.runtime.programs import find_program
from meeting_pipeline.settings import checks as settings_checks
from meeting_pipeline.settings.config import REDACTED, Settings, secret_values
from meeting_pipeline.storage import files
from meeting_pipeline.upkeep import erasure
from meeting_pipeline.wiring import backends, schema
from meeting_pipeline.wiring.backends import Parts

Checking = Callable[[], Check | list[Check]]

_ENOUGH_BYTES = 2 << 30
_PATIENCE_S = 24.0
_LAST_S = 0.5
_SHORTEST_SECRET = 4


def examine(settings: Settings, env_file: Path) -> list[Check]:
    """Every check, in the order in which things depend on each other; without any secret."""
    with ExitStack() as services:
        parts = Parts(settings, 1, threading.Event(), services)
        lines = list(_side_by_side(_checks(parts, env_file), parts.stop))
    return [_shown(line, secret_values(settings)) for line in lines]


def _checks(parts: Parts, env_file: Path) -> list[tuple[str, Checking]]:
    settings = parts.settings
    return [
        ("env_file", partial(settings_checks.env_file, env_file)),
        ("settings_missing", partial(settings_checks.settings_missing, settings)),
        ("private_hosts", partial(settings_checks.private_hosts, settings)),
        ("time_zone", partial(settings_checks.time_zone, settings)),
        ("data_dir", partial(_data_dir, settings)),
        ("database_tls", partial(settings_checks.database_tls, settings)),
        ("database", partial(_database, parts)),
        ("erasures", partial(_erasures, settings)),
        ("source", partial(_source, parts)),
        ("media", partial(_media, parts)),
        ("downloads", partial(_downloads, parts)),
        ("speech", partial(_speech, parts)),
        ("summary", partial(_summary, parts)),
        ("schedule", _schedule),
    ]


# ── trying ───────────────────────────────────────────────────────────────────────────────────────


def _side_by_side(checks: Sequence[tuple[str, Checking]], stop: threading.Event) -> Iterator[Check]:
    """What hangs is left behind: its thread ends with the program."""
    deadline = monotonic() + _PATIENCE_S
    with ThreadPool(len(checks)) as threads:
        begun = [(code, threads.apply_async(_tried, (code, check))) for code, check in checks]
        for code, result in begun:
            yield from _verdict(code, result, deadline, stop)


def _verdict(
    code: str, result: "AsyncResult[list[Check]]", deadline: float, stop: threading.Event
) -> list[Check]:
    """Its lines; late waits for our own rate limits end with `stop`, late servers are red."""
    for patience_s in (max(0.0, deadline - monotonic()), _LAST_S):
        result.wait(patience_s)
        if result.ready():
            return result.get()
        stop.set()
    message = f"no answer in {_PATIENCE_S:.0f} s"
    return [
        Check(code, False, message, "see whether its address is right and lets this machine in")
    ]


def _tried(code: str, check: Checking) -> list[Check]:
    try:
        result = check()
    except MeetingError as error:
        return [Check.refused(code, error)]
    except OSError as error:
        message = f"{error.filename or 'the system'}: {error.strerror or error}"
        return [Check(code, False, message, "give DATA_DIR to this user, or choose another one")]
    return result if isinstance(result, list) else [result]


def _shown(check: Check, secrets: Iterable[str]) -> Check:
    """Without the secrets that a server may quote; with a hint where it is red, none where not."""
    message, hint = check.message, "" if check.ok else check.hint
    if check.ok is False and not hint:
        hint = "mend what is red above it, then try again"
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            message, hint = message.replace(secret, REDACTED), hint.replace(secret, REDACTED)
    return replace(check, message=message, hint=hint)


# ── the parts ───────────────────────────────────────────────────────────────────────────────────


def _data_dir(settings: Settings) -> Check:
    folder = settings.source.data_dir
    files.private_folder(folder)
    if not os.access(folder, os.W_OK):
        return Check("data_dir", False, f"{folder} cannot be written", "give it to this user")
    free = shutil.disk_usage(folder).free
    return Check(
        "data_dir",
        free > _ENOUGH_BYTES,
        f"{folder}: {free / 2**30:.1f} GiB free",
        "make room, or set DATA_DIR to a larger disk",
    )


def _erasures(settings: Settings) -> Check:
    broken_off = erasure.broken_off(settings.source.data_dir)
    return Check(
        "erasures",
        not broken_off,
        f"{broken_off} broken off" if broken_off else "none broken off",
        "give `meeting erase --student ID` again, with the same id: it goes on where it stopped",
    )


def _database(parts: Parts) -> list[Check]:
    """The damage comes after it: an empty database has its tables then."""
    settings = parts.settings
    try:
        return [*schema.checks(settings), repair.glance(settings, parts.stop.is_set)]
    except ConfigError as error:
        code = "database_schema" if error.code in ("schema_old", "schema_new") else "database"
        return [Check.refused(code, error)]


def _source(parts: Parts) -> list[Check]:
    if any(settings_checks.missing_for_source(parts.settings)):
        return [Check("source", None, "not tried: settings are missing")]
    source = backends.make_source(parts)
    folder = parts.settings.source.folder
    if source.name == "folder" and folder and not folder.is_dir():
        return [Check("source", False, f"MEETING_FOLDER {folder} is not there", "make or mend it")]
    return [Check("source", True, source.name), *run_checks(source)]


def _media(parts: Parts) -> Check:
    tool = type(parts.media).__name__.removesuffix("Media")
    return Check("media", True, f"{tool} on {platform.machine()}")


def _downloads(parts: Parts) -> list[Check]:
    if parts.settings.source_name == "folder":
        return [Check("downloads", None, "not needed: the recordings are files")]
    download = parts.settings.download
    message = f"{download.downloader}, {download.concurrency} files at once"
    return [Check("downloads", True, message), *run_checks(backends.make_downloader(parts))]


def _speech(parts: Parts) -> list[Check]:
    try:
        source = backends.make_source(parts)
    except ConfigError:
        return [Check("speech", None, "not tried: the source comes first")]
    transcriber = backends.make_transcriber(parts, source)
    chosen = _tried("speech", lambda: Check("speech", True, transcriber.settings))
    return chosen + run_checks(transcriber)


def _summary(parts: Parts) -> list[Check]:
    summarizer = backends.make_summarizer(parts)
    return [Check("summary", True, summarizer.settings), *run_checks(summarizer)]


def _schedule() -> Check:
    crontab = find_program("crontab")
    if crontab is None:
        return Check("schedule", None, "no cron here", "apt-get install cron, then ./deploy.sh")
    listed = subprocess.run(  # noqa: S603 (a fixed command, found on PATH)
        [crontab, "-l"], capture_output=True, text=True, check=False
    )
    if "cron_incremental.py" in listed.stdout:
        return Check("schedule", True, "in this user's crontab")
    return Check("schedule", None, "not in this user's crontab", "./deploy.sh plans 03:00")
