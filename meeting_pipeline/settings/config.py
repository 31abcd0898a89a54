"""Every setting, read once from the environment and `.env`, checked before work starts.

`load()` gives one frozen tree; each field knows its name outside, how it is read and whether it is
a secret. The environment wins over `.env`, `.env` over the default.
"""

import io
import json
import os
import re
import stat
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from math import isfinite
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from meeting_pipeline.domain import durations
from meeting_pipeline.errors import ConfigError

REDACTED = "********"
_ADDRESS = re.compile(r"\w+://[^\s,\"'\[\]]+")


def _text(value: str) -> str:
    return value.strip()


def _number(value: str) -> float:
    number = float(value)
    if not (isfinite(number) and number >= 0):
        raise ValueError(value)
    return number


def _optional_number(value: str) -> float | None:
    return _number(value) if value.strip() else None


def _positive(value: str) -> int:
    number = int(value)
    if number < 1:
        raise ValueError(value)
    return number


def _optional_whole(value: str) -> int | None:
    return _positive(value) if value.strip() else None


def _duration(value: str) -> float | None:
    return durations.parse_duration(value) if value.strip() else None


def _switch(value: str) -> bool:
    return {
        "1": True,
        "true": True,
        "yes": True,
        "0": False,
        "false": False,
        "no": False,
        "": False,
    }[value.strip().lower()]


def _jobs(value: str) -> int | None:
    return None if value.strip().lower() in ("", "auto") else _positive(value)


def _zone(value: str) -> ZoneInfo:
    return ZoneInfo(value.strip())


def _path(value: str) -> Path:
    return Path(value.strip()).expanduser()


def _optional_path(value: str) -> Path | None:
    return _path(value) if value.strip() else None


def _names(value: str) -> tuple[str, ...]:
    """A JSON list of strings, or one plain value, or nothing."""
    value = value.strip()
    if not value.startswith("["):
        return tuple(part.strip() for part in value.split(",") if part.strip())
    names = json.loads(value)
    if not all(isinstance(name, str) for name in names):
        raise ValueError(value)
    return tuple(name.strip() for name in names)


def _web_address(value: str) -> str:
    address = value.strip()
    parts = urlsplit(address)
    if address and (parts.scheme not in ("https", "http") or not parts.hostname):
        raise ValueError(value)
    return address


def _one_of(*choices: str) -> Callable[[str], str]:
    def read(value: str) -> str:
        choice = value.strip().lower()
        if choice not in choices:
            raise ValueError(value)
        return choice

    read.__doc__ = "one of " + ", ".join(choice or "(empty)" for choice in choices)
    return read


_ACCEPTED = {
    _number: "a number from 0",
    _optional_number: "a number from 0, or nothing",
    _positive: "a whole number from 1",
    _optional_whole: "a whole number from 1, or nothing",
    _duration: f"{durations.ACCEPTED}, or nothing",
    _switch: "1 or 0",
    _jobs: "auto, or a whole number from 1",
    _zone: "a time zone such as Asia/Shanghai",
    _web_address: "an address such as https://api.example.com/v1",
    _names: 'a JSON list such as ["li","wang"]',
}


def setting(
    name: str, default: str, read: Callable[[str], Any] = _text, *, secret: bool = False
) -> Any:
    """A field of the tree: its outside name, its default as it would be written, its reader."""
    facts = {"name": name, "default": default, "read": read, "secret": secret}
    return field(metadata=facts, repr=not secret)


@dataclass(frozen=True)
class TencentSettings:
    """The Tencent Meeting account."""

    secret_id: str = setting("TQM_SECRET_ID", "", secret=True)
    secret_key: str = setting("TQM_SECRET_KEY", "", secret=True)
    enterprise_id: str = setting("ENTERPRISE_ID", "")
    app_id: str = setting("APP_ID", "")
    sdk_id: str = setting("SDK_ID", "")
    operator_ids: tuple[str, ...] = setting("TQM_OPERATOR_ID", "", _names)
    operator_id_type: int = setting("TQM_OPERATOR_ID_TYPE", "1", _positive)
    record_scope: str = setting("TQM_RECORD_SCOPE", "corp", _one_of("corp", "user"))
    base_url: str = setting("TQM_BASE_URL", "https://api.meeting.qq.com", _web_address)
    per_minute: int = setting("TQM_PER_MINUTE", "300", _positive)
    corp_per_minute: int = setting("TQM_CORP_PER_MINUTE", "10", _positive)
    lookback_days: float = setting("TQM_LOOKBACK_DAYS", "7", _number)


@dataclass(frozen=True)
class SourceSettings:
    """Where recordings come from and which of them count."""

    source: str = setting("MEETING_SOURCE", "", _one_of("", "tencent", "folder"))
    folder: Path | None = setting("MEETING_FOLDER", "", _optional_path)
    settle_s: float = setting("SETTLE_S", "60", _number)
    minimum_duration_s: float = setting("MIN_DURATION_S", "30", _number)
    zone: ZoneInfo = setting("MEETING_TZ", "Asia/Shanghai", _zone)
    data_dir: Path = setting("DATA_DIR", "./data", _path)
    teacher_whitelist: tuple[str, ...] = setting("TEACHER_WHITELIST", "", _names)


@dataclass(frozen=True)
class DatabaseSettings:
    """The rows; without a host the embedded SQLite below DATA_DIR is used."""

    host: str = setting("DB_HOST", "")
    port: int = setting("DB_PORT", "3306", _positive)
    user: str = setting("DB_USER", "")
    password: str = setting("DB_PASS", "", secret=True)
    name: str = setting("DB_NAME", "")
    ca: Path | None = setting("DB_CA", "", _optional_path)


@dataclass(frozen=True)
class DownloadSettings:
    """How media comes here."""

    downloader: str = setting("DOWNLOADER", "aria2", _one_of("aria2", "http"))
    concurrency: int = setting("DOWNLOAD_CONCURRENCY", "4", _positive)
    connections: int = setting("DOWNLOAD_CONNECTIONS", "8", _positive)
    allowed_hosts: tuple[str, ...] = setting(
        "ALLOWED_DOWNLOAD_HOSTS", '["myqcloud.com","meeting.tencent.com","tencentcos.cn"]', _names
    )
    allow_private_hosts: bool = setting("ALLOW_PRIVATE_HOSTS", "0", _switch)
    aria2c: str = setting("ARIA2C", "")


@dataclass(frozen=True)
class SpeechSettings:
    """How speech becomes text."""

    backend: str = setting("ASR_BACKEND", "auto", _one_of("auto", "tencent", "openai", "whisper"))
    base_url: str = setting("ASR_BASE_URL", "", _web_address)
    api_key: str = setting("ASR_API_KEY", "", secret=True)
    model: str = setting("ASR_MODEL", "")
    language: str = setting("ASR_LANGUAGE", "zh")
    concurrency: int = setting("ASR_CONCURRENCY", "2", _positive)
    per_minute: int | None = setting("ASR_RPM", "", _optional_whole)
    max_upload_mb: float = setting("ASR_MAX_UPLOAD_MB", "24", _number)
    max_chunk_s: float = setting("ASR_MAX_CHUNK_S", "1200", _number)
    whisper_model: str = setting("WHISPER_MODEL", "")
    whisper_beam: int = setting("WHISPER_BEAM", "5", _positive)


@dataclass(frozen=True)
class LanguageModelSettings:
    """How a transcript becomes a summary."""

    backend: str = setting("LLM_BACKEND", "", _one_of("", "kimi", "extractive"))
    api_key: str = setting("KIMI_API_KEY", "", secret=True)
    base_url: str = setting("KIMI_BASE_URL", "https://api.moonshot.cn/v1", _web_address)
    model: str = setting("KIMI_MODEL", "kimi-k2.6")
    concurrency: int = setting("LLM_CONCURRENCY", "1", _positive)
    per_minute: int | None = setting("LLM_RPM", "3", _optional_whole)
    tokens_per_minute: int | None = setting("LLM_TPM", "", _optional_whole)


@dataclass(frozen=True)
class RunSettings:
    """How a run behaves."""

    jobs: int | None = setting("JOBS", "auto", _jobs)
    max_attempts: int = setting("MAX_ATTEMPTS", "5", _positive)
    max_runtime_s: float | None = setting("MAX_RUNTIME", "", _duration)
    retention_video_days: float = setting("RETENTION_VIDEO_DAYS", "0", _number)
    retention_audio_days: float = setting("RETENTION_AUDIO_DAYS", "7", _number)
    budget_per_night: float | None = setting("BUDGET_PER_NIGHT", "", _optional_number)
    notify_urls: tuple[str, ...] = setting("NOTIFY_URLS", "", _names, secret=True)
    log_level: str = setting(
        "LOG_LEVEL", "INFO", _one_of("debug", "info", "warning", "error", "critical")
    )
    log_format: str = setting("LOG_FORMAT", "text", _one_of("text", "json"))


@dataclass(frozen=True)
class Settings:
    """The whole tree. origins: setting name → "environment", ".env" or "default"."""

    tencent: TencentSettings
    source: SourceSettings
    database: DatabaseSettings
    download: DownloadSettings
    speech: SpeechSettings
    language_model: LanguageModelSettings
    run: RunSettings
    origins: Mapping[str, str]

    @property
    def source_name(self) -> str:
        """The source in use: as named, else tencent when its credentials are there, else folder."""
        has_credentials = self.tencent.secret_id and self.tencent.secret_key
        return self.source.source or ("tencent" if has_credentials else "folder")

    @property
    def summarizer_name(self) -> str:
        """The summarizer in use: as named, else kimi when its key is there, else extractive."""
        model = self.language_model
        return model.backend or ("kimi" if model.api_key else "extractive")

    @property
    def database_url(self) -> str:
        """A SQLAlchemy URL (holds the password: never show it).

        Raises ConfigError("no_certificates") where DB_CA is not a file.
        """
        database = self.database
        if not database.host:
            return f"sqlite:///{(self.source.data_dir / 'meeting.db').absolute()}"
        from sqlalchemy import URL

        url = URL.create(
            "mysql+pymysql",
            database.user,
            database.password,
            database.host,
            database.port,
            database.name,
            {"charset": "utf8mb4", **_verified_by(database.ca)},
        )
        return url.render_as_string(hide_password=False)


def _verified_by(ca: Path | None) -> Mapping[str, str]:
    """What makes the driver insist on TLS, on a certificate by `ca`, and on the server's name."""
    if ca is None:
        return {}
    if not ca.is_file():
        raise ConfigError(
            "no_certificates",
            f"DB_CA {ca} is not there",
            hint="the certificate of the authority that signed the database server's, in PEM form",
        )
    return {"ssl_ca": str(ca.absolute())}


@dataclass(frozen=True)
class ShownSetting:
    """One line of `meeting config show`; a secret's value is only said to be there."""

    name: str
    value: str
    origin: str


_GROUPS: dict[str, type] = {
    "tencent": TencentSettings,
    "source": SourceSettings,
    "database": DatabaseSettings,
    "download": DownloadSettings,
    "speech": SpeechSettings,
    "language_model": LanguageModelSettings,
    "run": RunSettings,
}


def setting_names() -> list[str]:
    """Every name that is read, in the order of the tree."""
    return [item.metadata["name"] for group in _GROUPS.values() for item in fields(group)]


def load(
    env_file: Path = Path(".env"),
    environment: Mapping[str, str] = os.environ,
    *,
    even_if_open: bool = False,
) -> Settings:
    """Read everything once; raises ConfigError("bad_setting") that names the variable.

    Also ("env_file_open") for a file that others can read, unless even_if_open.
    """
    if not even_if_open and (risk := env_file_risk(env_file)):
        raise ConfigError("env_file_open", risk, hint=f"chmod 600 {env_file}")
    written = _read_env_file(env_file)
    origins: dict[str, str] = {}
    groups = {
        attribute: group(
            **{
                item.name: _read(item.metadata, written, environment, origins)
                for item in fields(group)
            }
        )
        for attribute, group in _GROUPS.items()
    }
    return Settings(**groups, origins=origins)


def env_file_risk(path: Path) -> str | None:
    """Who else can read the keys in this file, in words; None where it is ours alone."""
    try:
        status = path.stat()
    except OSError:
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    if status.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        mode = stat.S_IMODE(status.st_mode)
        return f"{path} has mode {mode:o}: others on this machine can read or change your keys"
    if status.st_uid not in (os.geteuid(), 0):
        return f"{path} belongs to another user (number {status.st_uid}), who can change your keys"
    return None


def shown(settings: Settings) -> list[ShownSetting]:
    """The effective values and where they come from, without secrets."""
    resolved = {
        "MEETING_SOURCE": settings.source_name,
        "LLM_BACKEND": settings.summarizer_name,
        "WHISPER_MODEL": "base, as packaged",
        "JOBS": "auto",
    }
    return [
        ShownSetting(
            item.metadata["name"],
            _show(item.metadata, value) or resolved.get(item.metadata["name"], ""),
            origin,
        )
        for attribute, group in _GROUPS.items()
        for item in fields(group)
        for value in [getattr(getattr(settings, attribute), item.name)]
        for origin in [settings.origins[item.metadata["name"]]]
    ]


def secret_values(settings: Settings) -> list[str]:
    """Every secret in use, so that logs can take them out."""
    values = [
        getattr(getattr(settings, attribute), item.name)
        for attribute, group in _GROUPS.items()
        for item in fields(group)
        if item.metadata["secret"]
    ]
    return [text for value in values for text in ([value] if isinstance(value, str) else value)]


@dataclass(frozen=True)
class AlertSettings:
    """What an alert needs. urls: whom to tell. secrets: what it must not say."""

    urls: tuple[str, ...]
    secrets: tuple[str, ...] = field(repr=False)


def alert_settings(
    env_file: Path = Path(".env"), environment: Mapping[str, str] = os.environ
) -> AlertSettings:
    """Return what an alert needs, also where the settings as a whole cannot be read.

    A file that cannot be read has no addresses. An `.env` that others can read is read here, though
    no run takes its keys: no key is used, the alert holds no secret, and the keys are no less
    public if it stays unsent, while every night that is refused because of it would fail unheard.
    """
    written = _salvaged(env_file)
    metadata = [item.metadata for group in _GROUPS.values() for item in fields(group)]
    values = {
        one["name"]: environment.get(one["name"], written.get(one["name"], ""))
        for one in metadata
        if one["secret"]
    }
    urls = _addresses(values["NOTIFY_URLS"])
    return AlertSettings(urls, (*filter(None, values.values()), *urls))


def _addresses(value: str) -> tuple[str, ...]:
    try:
        return _names(value)
    except ValueError:  # the alert is about this very value, and has to go to what is in it
        return tuple(_ADDRESS.findall(value))


def _salvaged(path: Path) -> dict[str, str]:
    """What can be read of an `.env`, in whatever encoding it was saved."""
    try:
        text = path.read_bytes().decode("utf-8", "replace") if path.is_file() else ""
    except OSError:
        return {}
    return _values(io.StringIO(text))


def _values(stream: TextIO) -> dict[str, str]:
    from dotenv import dotenv_values

    values = dotenv_values(stream=stream, interpolate=False)
    return {name: value for name, value in values.items() if value is not None}


def _read_env_file(path: Path) -> dict[str, str]:
    if not path.is_file():
        return {}
    try:
        with path.open(encoding="utf-8") as stream:
            return _values(stream)
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            "env_file", f"{path} cannot be read: {error}", hint="save it as UTF-8 text, mode 600"
        ) from error


def _read(
    metadata: Mapping[str, Any],
    written: Mapping[str, str],
    environment: Mapping[str, str],
    origins: dict[str, str],
) -> Any:
    name, default = metadata["name"], metadata["default"]
    origin, value = next(
        (origin, values[name])
        for origin, values in (
            ("environment", environment),
            (".env", written),
            ("default", {name: default}),
        )
        if name in values
    )
    if not value.strip():
        origin, value = "default", default
    origins[name] = origin
    try:
        return metadata["read"](value)
    except (ValueError, LookupError, TypeError, RuntimeError, OSError) as error:
        raise _unreadable(metadata, value, origin) from error


def _unreadable(metadata: Mapping[str, Any], value: str, origin: str) -> ConfigError:
    read = metadata["read"]
    accepted = _ACCEPTED.get(read) or read.__doc__ or "text"
    what = "its value" if metadata["secret"] else repr(value[:80])
    return ConfigError(
        "bad_setting",
        f"{metadata['name']} (from {origin}): {what} is not {accepted}",
        hint=f"set {metadata['name']} to {accepted}",
    )


def _show(metadata: Mapping[str, Any], value: object) -> str:
    if metadata["secret"]:
        return REDACTED if value else ""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return str(int(value))
    return str(value)
