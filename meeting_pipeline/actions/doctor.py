"""Checks of a whole installation, each made for real, all in parallel within half a minute."""

import logging
import os
import platform
import shutil
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import replace
from functools import partial
from multiprocessing.pool import AsyncResult, ThreadPool
from pathlib import Path
from time import monotonic

from meeting_pipeline.actions import notices, repair
from meeting_pipeline.actions.schedule import check_schedule
from meeting_pipeline.domain.checks import Check, run_checks
from meeting_pipeline.domain.display import mask_credentials
from meeting_pipeline.domain.enums import Beat
from meeting_pipeline.errors import ConfigError, MeetingError
from meeting_pipeline.reporting import notice, notice_hosts
from meeting_pipeline.runtime import limits
from meeting_pipeline.settings import checks as settings_checks
from meeting_pipeline.settings.config import REDACTED, Settings, secret_values
from meeting_pipeline.storage import files
from meeting_pipeline.upkeep.erasure import interrupted_erasures
from meeting_pipeline.wiring import backends, schema
from meeting_pipeline.wiring.context import BackendContext
from meeting_pipeline.wiring.heartbeat import make_heartbeat
from meeting_pipeline.wiring.transcribers import make_transcriber

log = logging.getLogger(__name__)

Checking = Callable[[], Check | list[Check]]

_ENOUGH_BYTES = 2 << 30
_PATIENCE_S = 24.0
_LAST_S = 0.5
_SHORTEST_SECRET = 4


def examine(settings: Settings, env_file: Path) -> list[Check]:
    """Return the result of every check, in the order in which the parts depend on each other.

    Args:
        settings: The installation; no secret of it is in the result.
        env_file: The file with the settings.
    """
    with ExitStack() as services:
        context = BackendContext(settings, 1, threading.Event(), services, records_calls=False)
        lines = list(_side_by_side(_checks(context, env_file), context.stop))
    return [_redacted(line, secret_values(settings)) for line in lines]


def _checks(context: BackendContext, env_file: Path) -> list[tuple[str, Checking]]:
    settings = context.settings
    return [
        ("env_file", partial(settings_checks.env_file, env_file)),
        ("settings_unknown", partial(settings_checks.settings_unknown, settings)),
        ("settings_missing", partial(settings_checks.settings_missing, settings)),
        ("private_hosts", partial(settings_checks.private_hosts, settings)),
        ("time_zone", partial(settings_checks.time_zone, settings)),
        ("data_dir", partial(_data_dir, settings)),
        ("limits", _limits),
        ("database_tls", partial(settings_checks.database_tls, settings)),
        ("database", partial(_database, context)),
        ("erasures", partial(_erasures, settings)),
        ("source", partial(_source, context)),
        ("media", partial(_media, context)),
        ("downloads", partial(_downloads, context)),
        ("speech", partial(_speech, context)),
        ("summary", partial(_summary, context)),
        ("notices", partial(_notices, settings)),
        ("heartbeat", partial(_heartbeat, settings)),
        ("schedule", partial(check_schedule, settings.source.zone)),
    ]


# ── running checks ───────────────────────────────────────────────────────────────────────────────


def _side_by_side(checks: Sequence[tuple[str, Checking]], stop: threading.Event) -> Iterator[Check]:
    """Run the checks in parallel; one that hangs is abandoned, and its thread ends with us."""
    deadline = monotonic() + _PATIENCE_S
    with ThreadPool(len(checks)) as threads:
        begun = [(code, threads.apply_async(_result, (code, check))) for code, check in checks]
        for code, result in begun:
            yield from _verdict(code, result, deadline, stop)


def _verdict(
    code: str, result: "AsyncResult[list[Check]]", deadline: float, stop: threading.Event
) -> list[Check]:
    """Return the result of a check.

    When it is late, `stop` ends a wait for one of our rate limits; a late server is a failure.
    """
    for patience_s in (max(0.0, deadline - monotonic()), _LAST_S):
        result.wait(patience_s)
        if result.ready():
            return result.get()
        stop.set()
    message = f"{_PATIENCE_S:.0f} 秒内没有应答 no answer in {_PATIENCE_S:.0f} s"
    hint = "检查地址和防火墙 check its address, and whether it accepts this machine"
    return [Check(code, False, message, hint)]


def _result(code: str, check: Checking) -> list[Check]:
    try:
        result = check()
    except MeetingError as error:
        return [Check.refused(code, error)]
    except OSError as error:
        message = f"{error.filename or 'the system'}: {error.strerror or error}"
        hint = "让本用户可写 make DATA_DIR writable for this user, or set another one"
        return [Check(code, False, message, hint)]
    except Exception as bug:
        log.exception("the check %s failed", code)
        message = f"没有检查 not tried: 检查程序出错 a bug in the check: {type(bug).__name__}"
        return [Check.not_made(code, message, "上报错误信息 report the traceback above")]
    return result if isinstance(result, list) else [result]


def _redacted(check: Check, secrets: Iterable[str]) -> Check:
    """Return a check without secrets that a server may quote, and with a hint where it failed."""
    message, hint = mask_credentials(check.message), "" if check.ok else check.hint
    if check.ok is False and not hint:
        hint = "按原因处理，再运行 remove the cause that is named, then run meeting doctor again"
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            message, hint = message.replace(secret, REDACTED), hint.replace(secret, REDACTED)
    return replace(check, message=message, hint=hint)


# ── checks of the parts ──────────────────────────────────────────────────────────────────────────


def _data_dir(settings: Settings) -> Check:
    """Check that DATA_DIR can be written and has room; where there is none yet, none is made."""
    folder = settings.source.data_dir
    is_there = os.path.lexists(folder)
    if is_there:
        files.private_folder(folder)
    disk = folder if is_there else _nearest_folder(folder)
    if not (disk.is_dir() and os.access(disk, os.W_OK | os.X_OK)):
        message = f"{disk}: 不是可写的目录 is not a folder that can be written"
        return Check("data_dir", False, message, "让本用户可写 make it writable for this user")
    free = shutil.disk_usage(disk).free
    later = "" if is_there else "首次运行时创建 the first run makes it; "
    return Check(
        "data_dir",
        free > _ENOUGH_BYTES,
        f"{folder}: {later}剩余 {free / 2**30:.1f} GiB free",
        "清理磁盘，或换更大的磁盘 free some space, or set DATA_DIR to a larger disk",
    )


def _nearest_folder(path: Path) -> Path:
    """Return the nearest folder above a path that is there."""
    return next(parent for parent in path.absolute().parents if parent.exists())


def _limits() -> Check:
    try:
        limits.check_for_run()
    except ConfigError as error:
        return Check("limits", False, error.message, error.hint)
    if low := limits.too_low():
        message = f"系统限制过低 lower than a recording may need: {low}"
        return Check("limits", False, message, limits.HINT)
    return Check("limits", True, "系统限制足够 what recordings need is allowed")


def _erasures(settings: Settings) -> Check:
    interrupted = interrupted_erasures(settings.source.data_dir)
    return Check(
        "erasures",
        not interrupted,
        f"未完成 not completed: {interrupted}" if interrupted else "都已完成 all completed",
        "用同一 ID 再运行一次 run `meeting erase --student ID` again with the same id; it "
        "completes the erasure",
    )


def _database(context: BackendContext) -> list[Check]:
    """Return the checks of the database and of damage, for which an empty one gets its tables."""
    settings = context.settings
    try:
        return [*schema.checks(settings), repair.glance(settings, context.stop.is_set)]
    except ConfigError as error:
        code = "database_schema" if error.code in ("schema_old", "schema_new") else "database"
        return [Check.refused(code, error)]


def _source(context: BackendContext) -> list[Check]:
    if any(settings_checks.missing_for_source(context.settings)):
        message = "没有检查 not tried: 缺少设置 settings are missing"
        return [Check.not_made("source", message, "先修复 first fix settings_missing")]
    source = backends.make_source(context)
    folder = context.settings.source.folder
    if source.name == "folder" and folder and not folder.is_dir():
        return [
            Check(
                "source",
                False,
                f"目录不存在 MEETING_FOLDER {folder} does not exist",
                "新建或改正 create or correct it",
            )
        ]
    return [Check("source", True, source.name), *run_checks(source)]


def _media(context: BackendContext) -> Check:
    return Check("media", True, f"{context.media_name} on {platform.machine()}")


def _downloads(context: BackendContext) -> list[Check]:
    if context.settings.source_name == "folder":
        return [Check("downloads", None, "不需要 not needed: the recordings are files")]
    download = context.settings.download
    message = f"{download.downloader}, {download.concurrency} files at once"
    return [Check("downloads", True, message), *run_checks(backends.make_downloader(context))]


def _speech(context: BackendContext) -> list[Check]:
    try:
        source = backends.make_source(context)
    except ConfigError:
        message = "没有检查 not tried: 来源不可用 the source does not work"
        return [Check.not_made("speech", message, "先修复 first fix the source")]
    transcriber = make_transcriber(context, source)
    chosen = _result("speech", lambda: Check("speech", True, transcriber.settings))
    return chosen + run_checks(transcriber)


def _summary(context: BackendContext) -> list[Check]:
    summarizer = backends.make_summarizer(context)
    return [Check("summary", True, summarizer.settings), *run_checks(summarizer)]


def _notices(settings: Settings) -> Check:
    """Check the addresses of notices; only a notice proves more, and doctor sends none."""
    urls = settings.run.notify_urls
    if not urls:
        message = "没有设置 NOTIFY_URLS is not set: 早上不会收到报告 no report is sent"
        return Check("notices", None, message)
    unknown = [str(number) for number, url in enumerate(urls, 1) if notice.service_of(url) is None]
    if unknown:
        message = f"NOTIFY_URLS: 无法识别第 {'、'.join(unknown)} 个地址 the kind is unknown"
        return Check("notices", False, message, "见 see github.com/caronc/apprise/wiki")
    last = notices.last_test(settings)
    at = f"{last.at.astimezone(settings.source.zone):%Y-%m-%d %H:%M}" if last else ""
    if away := notice_hosts.unreachable(urls):
        hint = "检查地址、网络和防火墙 check address, network and firewall; meeting notify --test"
        return Check("notices", False, f"NOTIFY_URLS: {'; '.join(away)}", hint)
    if last and last.problems:
        message = f"测试通知未被接受 a test was refused: {at}: {'; '.join(last.problems)}"
        hint = "改正 correct NOTIFY_URLS in .env, then meeting notify --test"
        return Check("notices", False, message, hint)
    if last:
        return Check("notices", True, f"测试通知已被接受 a test was accepted: {at}")
    message = "没有检查 not tried: 只有发送才能验证 NOTIFY_URLS only sending proves that they work"
    return Check.not_made("notices", message, "meeting notify --test")


def _heartbeat(settings: Settings) -> Check:
    """Check the dead-man's switch by a line in its log, which changes nothing of its state."""
    url = settings.run.heartbeat_url
    if not url:
        message = (
            "没有设置 HEARTBEAT_URL is not set: 整晚没有运行时不会报警 a missing night is not told"
        )
        return Check("heartbeat", None, message)
    try:
        make_heartbeat(url).tell(Beat.LOG, "meeting doctor")
    except ConfigError as error:
        if error.code != "heartbeat_no_log":
            raise
        message = f"没有检查 not tried: {error.message}"
        return Check.not_made("heartbeat", message, error.hint)
    return Check("heartbeat", True, "HEARTBEAT_URL: 监控服务可用 the service answers")
