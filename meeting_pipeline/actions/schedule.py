"""The check of the nightly schedule: the crontab line, its hour, and whether cron is running."""

import os
import re
import subprocess
from datetime import datetime, time, tzinfo
from pathlib import Path
from zoneinfo import ZoneInfo

from meeting_pipeline.domain.checks import Check
from meeting_pipeline.runtime.programs import find_program

_CODE = "schedule"
_JOB = "cron_incremental.py"
_CLOCK = Path("/etc/localtime")  # which cron follows, whatever TZ is set to
_LATEST = time(6)
_FIELDS = re.compile(r"\s*(\d+)\s+(\d+)\s")


def check_schedule(zone: ZoneInfo) -> Check:
    """Check that a night starts by itself, between 00:00 and 06:00.

    Args:
        zone: MEETING_TZ.
    """
    crontab = find_program("crontab")
    if crontab is None:
        message = "没有安装 cron is not installed: 夜间任务不会自动运行 no night starts by itself"
        hint = "apt-get install cron, then ./deploy.sh; or a timer of your own"
        return Check(_CODE, None, message, hint)
    listed = _run(crontab, "-l")
    lines = [line for line in listed.stdout.splitlines() if _JOB in line and line.strip()[0] != "#"]
    if lines:
        return _check_lines(lines, zone)
    if listed.returncode and "no crontab" not in listed.stderr:
        message = f"没有检查 not tried: crontab -l: {listed.stderr.strip() or listed.returncode}"
        hint = "请管理员允许 let an administrator allow cron for this user: /etc/cron.allow"
        return Check.not_made(_CODE, message, hint)
    message = "crontab 中没有夜间任务 not in this user's crontab: no night starts by itself"
    return Check(_CODE, None, message, "运行 run ./deploy.sh: it schedules 03:00")


def _check_lines(lines: list[str], zone: ZoneInfo) -> Check:
    starts = [_start(line, zone) for line in lines]
    known = [start for start in starts if start is not None]
    if len(known) < len(starts):
        message = (
            "没有检查 not tried: 无法识别 crontab 中的时间 the hours in the crontab are not read"
        )
        hint = f"crontab -e: 确认它在 see that it starts between 00:00 and 06:00 {zone.key}"
        return Check.not_made(_CODE, message, hint)
    told = "、".join(f"{start:%H:%M}" for start in known)
    message = f"crontab: 每晚 {told} starts at {told} {zone.key}"
    if any(start > _LATEST for start in known):
        hint = (
            f"crontab -e: 改到 set it between 00:00 and 06:00 {zone.key}; ./deploy.sh 给出时间 says"
        )
        return Check(_CODE, False, f"{message}: 不在夜间 is not at night", f"{hint} the hour")
    pidof = find_program("pidof")
    if pidof and _run(pidof, "cron", "crond").returncode:
        return Check.not_made(
            _CODE,
            f"{message}; cron 没有运行 no cron is running",
            "启动 start it: service cron start",
        )
    return Check(_CODE, True, message)


def _start(line: str, zone: ZoneInfo) -> time | None:
    """Return when a line starts in a zone, today; None where its fields are not two numbers."""
    found = _FIELDS.match(line)
    if found is None:
        return None
    try:
        here = datetime.now(_host_zone()).replace(hour=int(found[2]), minute=int(found[1]))
    except ValueError:
        return None
    return here.astimezone(zone).time().replace(second=0, microsecond=0)


def _host_zone() -> tzinfo:
    if not _CLOCK.exists():
        return ZoneInfo("UTC")
    with _CLOCK.open("rb") as file:
        return ZoneInfo.from_file(file)


def _run(program: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(  # noqa: S603 (a fixed command, found on PATH)
        [program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "LC_ALL": "C"},
    )
