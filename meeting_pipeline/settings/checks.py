"""What can be said of the settings before anything is tried with them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from meeting_pipeline.domain.checks import Check
from meeting_pipeline.settings.config import Settings, env_file_risk

_APPLICATION = "腾讯会议企业管理后台 > 企业自建应用, the page of your application"
_WHERE = {
    "TQM_SECRET_ID": _APPLICATION,
    "TQM_SECRET_KEY": f"{_APPLICATION}, beside the Secret ID",
    "ENTERPRISE_ID": f"企业ID, {_APPLICATION}",
    "TQM_OPERATOR_ID": "Tencent asks in whose name we call: the user id (userid, 企业管理后台 > "
    "用户管理) of an administrator who may view recordings",
    "MEETING_FOLDER": "a folder of recordings; or set TQM_SECRET_ID and TQM_SECRET_KEY instead",
    "DB_USER": "the account that may write to DB_NAME",
    "DB_NAME": "the database made for meeting",
    "ASR_BASE_URL": "the address of the speech service, with /v1",
    "ASR_MODEL": "the name of its model",
    "KIMI_API_KEY": "platform.kimi.com > API keys; or set LLM_BACKEND=extractive",
}
"""Each setting that can be missing, and where its value is found."""

_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")


def env_file(file: Path) -> Check:
    """Whether others can read the keys."""
    if not file.is_file():
        return Check("env_file", None, "no .env here; environment and defaults are used")
    risk = env_file_risk(file)
    message = risk or f"{file} is for you alone"
    return Check("env_file", risk is None, message, f"chmod 600 {file}, as the user who runs this")


def settings_missing(settings: Settings) -> Check:
    """Whether something is empty that is needed with the other settings as they are."""
    missing = [*missing_for_source(settings), *_missing_elsewhere(settings)]
    if not missing:
        message = f"everything is set that the source {settings.source_name} needs"
        return Check("settings_missing", True, message)
    hint = "; ".join(f"{name}: {_WHERE[name]}" for name in missing)
    return Check("settings_missing", False, f"not set: {', '.join(missing)}", hint)


def missing_for_source(settings: Settings) -> Iterator[str]:
    """The settings without which the source cannot be asked."""
    tencent, source = settings.tencent, settings.source
    has_begun = bool(tencent.secret_id or tencent.secret_key) and not source.source
    if settings.source_name == "tencent" or (has_begun and not source.folder):
        yield from _empty(
            TQM_SECRET_ID=tencent.secret_id,
            TQM_SECRET_KEY=tencent.secret_key,
            ENTERPRISE_ID=tencent.enterprise_id or tencent.app_id,
            TQM_OPERATOR_ID=tencent.operator_ids,
        )
    elif source.folder is None:
        yield "MEETING_FOLDER"


def _missing_elsewhere(settings: Settings) -> Iterator[str]:
    database, speech, model = settings.database, settings.speech, settings.language_model
    if database.host:
        yield from _empty(DB_USER=database.user, DB_NAME=database.name)
    if speech.backend == "openai":
        yield from _empty(ASR_BASE_URL=speech.base_url, ASR_MODEL=speech.model)
    if model.backend == "kimi":
        yield from _empty(KIMI_API_KEY=model.api_key)


def _empty(**values: object) -> Iterator[str]:
    return (name for name, value in values.items() if not value)


def private_hosts(settings: Settings) -> Check:
    """Whether the switch for trials is off."""
    download = settings.download
    if not download.allow_private_hosts:
        return Check("private_hosts", True, f"media from {', '.join(download.allowed_hosts)} only")
    message = "ALLOW_PRIVATE_HOSTS is on: for trials only, `meeting cron` refuses to start"
    return Check("private_hosts", False, message, "take ALLOW_PRIVATE_HOSTS out of .env")


def database_tls(settings: Settings) -> Check:
    """Tell whether the identity of a database server on another machine is verified."""
    host, ca = settings.database.host, settings.database.ca
    if not host or host in _THIS_MACHINE:
        return Check("database_tls", None, "the rows are on this machine")
    if ca:
        return Check("database_tls", True, f"{host} must prove itself by {ca}")
    message = f"the rows are on {host}, and its certificate is not checked"
    return Check("database_tls", None, message, "set DB_CA to the certificate that signed its own")


def time_zone(settings: Settings) -> Check:
    """What time it is there."""
    now = datetime.now(UTC).astimezone(settings.source.zone)
    return Check("time_zone", True, f"{settings.source.zone}: it is {now:%Y-%m-%d %H:%M}")
