"""Checks of a whole installation, each tried for real, side by side, and all within half a minute."""

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

from meeting_pipeline import backends, wiring
from meeting_pipeline.backends import Parts
from meeting_pipeline.config import REDACTED, Settings, secret_values
from meeting_pipeline.domain.checks import Check, examined
from meeting_pipeline.errors import ConfigError, MeetingError

Checking = Callable[[], Check | list[Check]]

_ENOUGH_BYTES = 2 << 30
_PATIENCE_S = 24.0
_LAST_S = 0.5
_SHORTEST_SECRET = 4
_TENCENT = "腾讯会议企业管理后台 > 企业自建应用, the page of your application"
_WHERE = {
    "TQM_SECRET_ID": _TENCENT,
    "TQM_SECRET_KEY": f"{_TENCENT}, beside the Secret ID",
    "ENTERPRISE_ID": f"企业ID: {_TENCENT}",
    "APP_ID": f"应用ID (SdkId): {_TENCENT}",
    "TQM_OPERATOR_ID": "the user id (账号 userid, 企业管理后台 > 用户管理) of an administrator who may "
    "view recordings: Tencent asks in whose name we call",
    "MEETING_FOLDER": "a folder of recordings; or set TQM_SECRET_ID and TQM_SECRET_KEY instead",
    "DB_USER": "the account that may write to DB_NAME",
    "DB_NAME": "the database made for meeting",
    "ASR_BASE_URL": "the address of the speech service, with /v1",
    "ASR_MODEL": "the name of its model",
    "KIMI_API_KEY": "platform.kimi.com > API keys; or set LLM_BACKEND=extractive",
}


def examine(settings: Settings, env_file: Path) -> list[Check]:
    """Every check, in the order in which things depend on each other; without any secret."""
    with ExitStack() as services:
        parts = Parts(settings, 1, threading.Event(), services)
        lines = list(_side_by_side(_checks(parts, env_file), parts.stop))
    return [_shown(line, secret_values(settings)) for line in lines]


def _checks(parts: Parts, env_file: Path) -> list[tuple[str, Checking]]:
    settings = parts.settings
    return [
        ("env_file", partial(_env_file, env_file)),
        ("settings_missing", partial(_settings_missing, settings)),
        ("private_hosts", partial(_private_hosts, settings)),
        ("time_zone", partial(_time_zone, settings)),
        ("data_dir", partial(_data_dir, settings)),
        ("database", partial(_database, settings)),
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
    """Without the secrets that a server may quote, and without a hint where all is well."""
    message, hint = check.message, "" if check.ok else check.hint
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            message, hint = message.replace(secret, REDACTED), hint.replace(secret, REDACTED)
    return replace(check, message=message, hint=hint)


# ── the settings ─────────────────────────────────────────────────────────────────────────────────


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


def _settings_missing(settings: Settings) -> Check:
    missing = list(_missing(settings))
    if not missing:
        message = f"everything is set that the source {settings.source_name} needs"
        return Check("settings_missing", True, message)
    hint = "; ".join(f"{name}: {_WHERE[name]}" for name in missing)
    return Check("settings_missing", False, f"not set: {', '.join(missing)}", hint)


def _missing(settings: Settings) -> Iterator[str]:
    """The names that are needed with the other settings as they are, and empty."""
    if settings.source_name == "tencent" or settings.tencent.secret_id:
        yield from _missing_for_tencent(settings)
    elif settings.source.folder is None:
        yield "MEETING_FOLDER"
    database, speech, model = settings.database, settings.speech, settings.language_model
    if database.host:
        yield from _empty(DB_USER=database.user, DB_NAME=database.name)
    if speech.backend == "openai":
        yield from _empty(ASR_BASE_URL=speech.base_url, ASR_MODEL=speech.model)
    if model.backend == "kimi":
        yield from _empty(KIMI_API_KEY=model.api_key)


def _missing_for_tencent(settings: Settings) -> Iterator[str]:
    """APP_ID and SDK_ID do as well, named as Tencent's documents name the two ids."""
    tencent = settings.tencent
    yield from _empty(
        TQM_SECRET_ID=tencent.secret_id,
        TQM_SECRET_KEY=tencent.secret_key,
        ENTERPRISE_ID=tencent.enterprise_id or (tencent.app_id and tencent.sdk_id),
        APP_ID=tencent.app_id or tencent.sdk_id,
        TQM_OPERATOR_ID=tencent.operator_ids,
    )


def _empty(**values: object) -> Iterator[str]:
    return (name for name, value in values.items() if not value)


def _private_hosts(settings: Settings) -> Check:
    download = settings.download
    if not download.allow_private_hosts:
        return Check("private_hosts", True, f"media from {', '.join(download.allowed_hosts)} only")
    message = "ALLOW_PRIVATE_HOSTS is on: for trials only, `meeting cron` refuses to start"
    return Check("private_hosts", False, message, "take ALLOW_PRIVATE_HOSTS out of .env")


def _time_zone(settings: Settings) -> Check:
    now = backends.utc_now().astimezone(settings.source.zone)
    return Check("time_zone", True, f"{settings.source.zone}: it is {now:%Y-%m-%d %H:%M}")


# ── what they lead to ────────────────────────────────────────────────────────────────────────────


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


def _database(settings: Settings) -> list[Check]:
    try:
        return wiring.database_checks(settings)
    except ConfigError as error:
        code = "database_schema" if error.code in ("schema_old", "schema_new") else "database"
        return [Check.refused(code, error)]


def _source(parts: Parts) -> list[Check]:
    if any(_missing(parts.settings)):
        return [Check("source", None, "not tried: settings are missing")]
    source = backends.make_source(parts)
    folder = parts.settings.source.folder
    if source.name == "folder" and folder and not folder.is_dir():
        return [Check("source", False, f"MEETING_FOLDER {folder} is not there", "make or mend it")]
    return [Check("source", True, source.name), *examined(source)]


def _media(parts: Parts) -> Check:
    tool = type(parts.media).__name__.removesuffix("Media")
    return Check("media", True, f"{tool} on {platform.machine()}")


def _downloads(parts: Parts) -> list[Check]:
    if parts.settings.source_name == "folder":
        return [Check("downloads", None, "not needed: the recordings are files")]
    download = parts.settings.download
    message = f"{download.downloader}, {download.concurrency} files at once"
    return [Check("downloads", True, message), *examined(backends.make_downloader(parts))]


def _speech(parts: Parts) -> list[Check]:
    try:
        source = backends.make_source(parts)
    except ConfigError:
        return [Check("speech", None, "not tried: the source comes first")]
    transcriber = backends.make_transcriber(parts, source)
    chosen = _tried("speech", lambda: Check("speech", True, transcriber.settings))
    return chosen + examined(transcriber)


def _summary(parts: Parts) -> list[Check]:
    summarizer = backends.make_summarizer(parts)
    return [Check("summary", True, summarizer.settings), *examined(summarizer)]


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
