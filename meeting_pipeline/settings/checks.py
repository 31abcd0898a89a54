"""Checks of the settings themselves, before anything is tried with them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from meeting_pipeline.domain.checks import Check
from meeting_pipeline.settings.backends import (
    SOURCES,
    SUMMARIZERS,
    TRANSCRIBERS,
    RequiredSetting,
)
from meeting_pipeline.settings.config import Settings
from meeting_pipeline.settings.env_file import env_file_risk

_OF_A_SERVER = (
    RequiredSetting("DB_USER", "the account that may write to DB_NAME"),
    RequiredSetting("DB_NAME", "the database made for meeting"),
)
"""What DB_HOST needs beside itself."""

_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def env_file(file: Path) -> Check:
    """Check that others cannot read the keys."""
    if not file.is_file():
        message = "没有 no .env：只用环境变量和默认值 environment and defaults are used"
        return Check(
            "env_file", None, message, "设置写在 write the settings into .env: ./deploy.sh"
        )
    risk = env_file_risk(file)
    message = risk or f"{file}: 仅本用户可读 is for you alone"
    hint = f"以运行用户执行 as the user who runs this: chmod 600 {file}"
    return Check("env_file", risk is None, message, hint)


def settings_unknown(settings: Settings) -> Check:
    """Check that no name is misspelt; a name that resembles none may be another program's."""
    unknown = settings.unknown
    if not unknown:
        return Check("settings_unknown", True, "名称都正确 every name in .env is a setting")
    message = "; ".join(one.message for one in unknown)
    hint = "; ".join(f"{one.name[:60]}: {one.hint}" for one in unknown)
    is_misspelt = any(one.is_ours and one.nearest for one in unknown)
    return Check("settings_unknown", False if is_misspelt else None, message, hint)


def settings_missing(settings: Settings) -> Check:
    """Check that no setting is empty that the other settings make necessary."""
    missing = [*missing_for_source(settings), *_missing_elsewhere(settings)]
    if not missing:
        message = f"没有缺少 everything is set that the source {settings.source_name} needs"
        return Check("settings_missing", True, message)
    hint = "; ".join(f"{one.name}: {one.where}" for one in missing)
    names = ", ".join(one.name for one in missing)
    return Check("settings_missing", False, f"没有设置 not set: {names}", hint)


def missing_for_source(settings: Settings) -> list[RequiredSetting]:
    """Return the empty settings without which the source cannot be asked."""
    tencent, source = settings.tencent, settings.source
    has_begun = bool(tencent.secret_id or tencent.secret_key) and not source.source
    # one key of two chooses the folder; where none is named, Tencent is what was meant
    is_tencent_meant = has_begun and not source.folder
    row = SOURCES["tencent"] if is_tencent_meant else SOURCES.chosen(settings)
    return row.missing(settings)


def _missing_elsewhere(settings: Settings) -> Iterator[RequiredSetting]:
    if settings.database.host:
        yield from (one for one in _OF_A_SERVER if not settings.value(one.name))
    for table in (TRANSCRIBERS, SUMMARIZERS):
        yield from table.chosen(settings).missing(settings)


def private_hosts(settings: Settings) -> Check:
    """Check that the switch for trials is off."""
    download = settings.download
    if not download.allow_private_hosts:
        hosts = ", ".join(download.allowed_hosts)
        return Check("private_hosts", True, f"只从这些主机下载 media from {hosts} only")
    message = (
        "ALLOW_PRIVATE_HOSTS 已打开，仅供试用，夜间任务会拒绝启动 is on: for trials only, "
        "`meeting cron` refuses to start"
    )
    hint = "从 .env 中删除 take ALLOW_PRIVATE_HOSTS out of .env"
    return Check("private_hosts", False, message, hint)


def database_tls(settings: Settings) -> Check:
    """Check that a database server on another machine has to prove its identity."""
    host, ca = settings.database.host, settings.database.ca
    if not host or host in _THIS_MACHINE:
        return Check("database_tls", None, "数据库在本机 the rows are on this machine")
    if ca:
        return Check("database_tls", True, f"{host}: 校验证书 must prove itself by {ca}")
    message = f"数据库 {host} 的证书没有校验 the certificate of the database is not checked"
    hint = "把 DB_CA 设为签发它的证书 set DB_CA to the certificate that signed its own"
    return Check("database_tls", None, message, hint)


def time_zone(settings: Settings) -> Check:
    """Tell the time in the time zone of the settings."""
    now = datetime.now(UTC).astimezone(settings.source.zone)
    return Check("time_zone", True, f"{settings.source.zone}: 现在 now {now:%Y-%m-%d %H:%M}")
