"""The settings: read once from the environment and `.env`, and checked before work starts.

`load()` returns one frozen tree. Each field declares its name outside, how it is read and whether
it is a secret. The environment wins over `.env`, and `.env` over the default.
"""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from meeting_pipeline.domain.display import mask_credentials
from meeting_pipeline.errors import ConfigError
from meeting_pipeline.settings import readers
from meeting_pipeline.settings.backends import DOWNLOADERS, SOURCES, SUMMARIZERS, TRANSCRIBERS
from meeting_pipeline.settings.env_file import env_file_risk, read_env_file
from meeting_pipeline.settings.readers import OneOf, Reader, one_of
from meeting_pipeline.settings.unknown_names import UnknownName, unknown_names

REDACTED = "********"


@dataclass(frozen=True)
class Declaration:
    """What is declared of a setting.

    Attributes:
        name: Its name outside.
        default: Its default, as it would be written.
        read: Turns the text into the value.
        secret: Whether the value is never shown.
    """

    name: str
    default: str
    read: Reader
    secret: bool


def setting(name: str, default: str, read: Reader = readers.text, *, secret: bool = False) -> Any:
    """Declare a field of the tree.

    Args:
        name: Its name outside.
        default: Its default, as it would be written.
        read: Turns the text into the value.
        secret: Whether the value is never shown.
    """
    declaration = Declaration(name, default, read, secret)
    return field(metadata={"declaration": declaration}, repr=not secret)


@dataclass(frozen=True)
class TencentSettings:
    """The Tencent Meeting account."""

    secret_id: str = setting("TQM_SECRET_ID", "", secret=True)
    secret_key: str = setting("TQM_SECRET_KEY", "", secret=True)
    enterprise_id: str = setting("ENTERPRISE_ID", "")
    app_id: str = setting("APP_ID", "")
    sdk_id: str = setting("SDK_ID", "")
    operator_ids: tuple[str, ...] = setting("TQM_OPERATOR_ID", "", readers.names)
    operator_id_type: int = setting("TQM_OPERATOR_ID_TYPE", "1", readers.positive)
    record_scope: str = setting("TQM_RECORD_SCOPE", "corp", one_of("corp", "user"))
    base_url: str = setting("TQM_BASE_URL", "https://api.meeting.qq.com", readers.web_address)
    per_minute: int = setting("TQM_PER_MINUTE", "300", readers.positive)
    corp_per_minute: int = setting("TQM_CORP_PER_MINUTE", "10", readers.positive)
    lookback_days: float = setting("TQM_LOOKBACK_DAYS", "7", readers.number)


@dataclass(frozen=True)
class SourceSettings:
    """Where recordings come from and which of them count."""

    source: str = setting("MEETING_SOURCE", "", OneOf(SOURCES.accepted))
    folder: Path | None = setting("MEETING_FOLDER", "", readers.optional_path)
    settle_s: float = setting("SETTLE_S", "60", readers.number)
    minimum_duration_s: float = setting("MIN_DURATION_S", "30", readers.number)
    zone: ZoneInfo = setting("MEETING_TZ", "Asia/Shanghai", readers.zone)
    data_dir: Path = setting("DATA_DIR", "./data", readers.path)
    teacher_whitelist: tuple[str, ...] = setting("TEACHER_WHITELIST", "", readers.names)


@dataclass(frozen=True)
class DatabaseSettings:
    """The rows; without a host the embedded SQLite below DATA_DIR is used."""

    host: str = setting("DB_HOST", "")
    port: int = setting("DB_PORT", "3306", readers.positive)
    user: str = setting("DB_USER", "")
    password: str = setting("DB_PASS", "", secret=True)
    name: str = setting("DB_NAME", "")
    ca: Path | None = setting("DB_CA", "", readers.optional_path)


@dataclass(frozen=True)
class DownloadSettings:
    """How media comes here."""

    downloader: str = setting("DOWNLOADER", "aria2", OneOf(DOWNLOADERS.accepted))
    concurrency: int = setting("DOWNLOAD_CONCURRENCY", "4", readers.positive)
    connections: int = setting("DOWNLOAD_CONNECTIONS", "8", readers.positive)
    allowed_hosts: tuple[str, ...] = setting(
        "ALLOWED_DOWNLOAD_HOSTS",
        '["myqcloud.com","meeting.tencent.com","tencentcos.cn"]',
        readers.names,
    )
    allow_private_hosts: bool = setting("ALLOW_PRIVATE_HOSTS", "0", readers.switch)
    aria2c: str = setting("ARIA2C", "", readers.name_or_path)


@dataclass(frozen=True)
class SpeechSettings:
    """How speech becomes text."""

    backend: str = setting("ASR_BACKEND", "auto", OneOf(TRANSCRIBERS.accepted))
    base_url: str = setting("ASR_BASE_URL", "", readers.web_address)
    api_key: str = setting("ASR_API_KEY", "", secret=True)
    model: str = setting("ASR_MODEL", "")
    language: str = setting("ASR_LANGUAGE", "zh", readers.language)
    concurrency: int = setting("ASR_CONCURRENCY", "2", readers.positive)
    per_minute: int | None = setting("ASR_RPM", "", readers.optional_whole)
    max_upload_mb: float = setting("ASR_MAX_UPLOAD_MB", "24", readers.number)
    max_chunk_s: float = setting("ASR_MAX_CHUNK_S", "1200", readers.number)
    whisper_model: str = setting("WHISPER_MODEL", "", readers.name_or_path)
    whisper_beam: int = setting("WHISPER_BEAM", "5", readers.positive)


@dataclass(frozen=True)
class LanguageModelSettings:
    """How a transcript becomes a summary."""

    backend: str = setting("LLM_BACKEND", "", OneOf(SUMMARIZERS.accepted))
    api_key: str = setting("KIMI_API_KEY", "", secret=True)
    base_url: str = setting("KIMI_BASE_URL", "https://api.moonshot.cn/v1", readers.kimi_address)
    model: str = setting("KIMI_MODEL", "kimi-k2.6")
    concurrency: int = setting("LLM_CONCURRENCY", "1", readers.positive)
    per_minute: int | None = setting("LLM_RPM", "3", readers.optional_whole)
    tokens_per_minute: int | None = setting("LLM_TPM", "", readers.optional_whole)


@dataclass(frozen=True)
class RunSettings:
    """How a run behaves."""

    jobs: int | None = setting("JOBS", "auto", readers.jobs)
    max_attempts: int = setting("MAX_ATTEMPTS", "5", readers.positive)
    max_runtime_s: float | None = setting("MAX_RUNTIME", "", readers.duration)
    retention_video_days: float = setting("RETENTION_VIDEO_DAYS", "0", readers.number)
    retention_audio_days: float = setting("RETENTION_AUDIO_DAYS", "7", readers.number)
    budget_per_night: float | None = setting("BUDGET_PER_NIGHT", "", readers.optional_number)
    notify_urls: tuple[str, ...] = setting("NOTIFY_URLS", "", readers.names, secret=True)
    heartbeat_url: str = setting("HEARTBEAT_URL", "", readers.web_address, secret=True)
    log_level: str = setting(
        "LOG_LEVEL", "INFO", one_of("debug", "info", "warning", "error", "critical")
    )
    log_format: str = setting("LOG_FORMAT", "text", one_of("text", "json"))


@dataclass(frozen=True)
class Settings:
    """The whole tree.

    Attributes:
        origins: Where the value of each setting comes from: "environment", ".env" or "default".
        unknown: The names beside them that are no settings.
        home: The folder from which their relative paths count.
    """

    tencent: TencentSettings
    source: SourceSettings
    database: DatabaseSettings
    download: DownloadSettings
    speech: SpeechSettings
    language_model: LanguageModelSettings
    run: RunSettings
    origins: Mapping[str, str]
    unknown: tuple[UnknownName, ...] = ()
    home: Path = Path()

    @property
    def source_name(self) -> str:
        """The name of the source in use."""
        return SOURCES.chosen(self).name

    @property
    def summarizer_name(self) -> str:
        """The name of the summarizer in use."""
        return SUMMARIZERS.chosen(self).name

    def value(self, name: str) -> object:
        """Return the value of the setting with this name."""
        group, attribute = _PLACES[name]
        return getattr(getattr(self, group), attribute)

    @property
    def database_url(self) -> str:
        """The SQLAlchemy URL of the database. It holds the password: never show it.

        Raises:
            ConfigError: "no_certificates": DB_CA is not a file.
        """
        from sqlalchemy import URL

        database = self.database
        if not database.host:
            file = str((self.source.data_dir / "meeting.db").absolute())
            return URL.create("sqlite", database=file).render_as_string()  # quotes %, ? and #
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
    """Return the options that demand TLS, a certificate signed by `ca`, and the server's name."""
    if ca is None:
        return {}
    if not ca.is_file():
        raise ConfigError(
            "no_certificates",
            f"DB_CA {ca} is not there",
            hint="set it to the certificate that signed the database server's, in PEM form",
        )
    return {"ssl_ca": str(ca.absolute())}


@dataclass(frozen=True)
class ShownSetting:
    """One line of `meeting config show`; the value of a secret is hidden."""

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


_DECLARED: list[tuple[str, str, Declaration]] = [
    (group, item.name, item.metadata["declaration"])
    for group, kind in _GROUPS.items()
    for item in fields(kind)
]
"""Each setting with its group and its attribute there, in the order of the tree."""

_PLACES = {declared.name: (group, attribute) for group, attribute, declared in _DECLARED}


def setting_names() -> list[str]:
    """Return the name of every setting, in the order of the tree."""
    return list(_PLACES)


def load(
    env_file: Path = Path(".env"),
    environment: Mapping[str, str] = os.environ,
    *,
    even_if_open: bool = False,
    home: Path = Path(),
    on_unknown: Callable[[Sequence[UnknownName]], object] = lambda names: None,
) -> Settings:
    """Read and check all settings.

    Args:
        env_file: The file `.env`.
        environment: Its values win over those of the file.
        even_if_open: Whether to take keys that others can read, too.
        home: The folder from which relative paths count.
        on_unknown: Is told the names that are no settings, before any value is read.

    Raises:
        ConfigError: "bad_setting", which names the setting; "env_file_open" for a file that others
            can read; "env_file" for one that cannot be read.
    """
    if not even_if_open and (risk := env_file_risk(env_file)):
        raise ConfigError("env_file_open", risk, hint=f"chmod 600 {env_file}")
    written = read_env_file(env_file)
    unknown = unknown_names(_PLACES, written, environment)
    on_unknown(unknown)
    origins: dict[str, str] = {}
    groups: dict[str, dict[str, object]] = {group: {} for group in _GROUPS}
    for group, attribute, declared in _DECLARED:
        origin, text = _found(declared, environment, written)
        origins[declared.name] = origin
        groups[group][attribute] = _located(
            declared, _read(declared, text, _place(origin, env_file)), home
        )
    tree = {group: kind(**groups[group]) for group, kind in _GROUPS.items()}
    return Settings(**tree, origins=origins, unknown=unknown, home=home)


def shown(settings: Settings) -> list[ShownSetting]:
    """Return the values in force and where they come from, without secrets."""
    resolved = {
        "MEETING_SOURCE": settings.source_name,
        "LLM_BACKEND": settings.summarizer_name,
        "WHISPER_MODEL": "base, as packaged",
        "JOBS": "auto",
    }
    return [
        ShownSetting(
            declared.name,
            _show(settings.value(declared.name), declared.secret)
            or resolved.get(declared.name, ""),
            settings.origins[declared.name],
        )
        for _, _, declared in _DECLARED
    ]


def secret_names() -> list[str]:
    """Return the name of every setting that is a secret."""
    return [declared.name for _, _, declared in _DECLARED if declared.secret]


def secret_values(settings: Settings) -> list[str]:
    """Return every secret in use, so that logs can leave them out."""
    secrets: list[str] = []
    for value in map(settings.value, secret_names()):
        secrets += value if isinstance(value, tuple) else [str(value)]
    return secrets


def _found(
    declared: Declaration, environment: Mapping[str, str], written: Mapping[str, str]
) -> tuple[str, str]:
    """Return where the value of a setting comes from, and its text; empty text is the default."""
    for origin, values in (("environment", environment), (".env", written)):
        if declared.name in values:
            text = values[declared.name]
            return (origin, text) if text.strip() else ("default", declared.default)
    return "default", declared.default


def _place(origin: str, env_file: Path) -> str:
    """Return where a value is written, for people: the path of `.env`, as there may be several."""
    return str(env_file.absolute()) if origin == ".env" else origin


def _read(declared: Declaration, text: str, origin: str) -> Any:
    try:
        return declared.read(text)
    except readers.WrongAddress as wrong:
        raise ConfigError(
            "bad_setting",
            f"{declared.name} (from {origin}): {text[:80]!r} {wrong.message}",
            hint=f"改为 write {declared.name}={wrong.instead}",
        ) from wrong
    except readers.REFUSALS as error:
        accepted = readers.accepted_by(declared.read)
        value = "its value" if declared.secret else repr(mask_credentials(text)[:80])
        raise ConfigError(
            "bad_setting",
            f"{declared.name} (from {origin}): {value} is not {accepted}",
            hint=f"set {declared.name} to {accepted}",
        ) from error


def _located(declared: Declaration, value: Any, home: Path) -> Any:
    """Return a value, where a relative path counts from `home`."""
    if isinstance(value, Path):
        return home / value
    is_path = declared.read is readers.name_or_path and value.startswith(("./", "../"))
    if is_path and home != Path():
        return str(home / value)
    return value


def _show(value: object, is_secret: bool) -> str:
    if is_secret:
        return REDACTED if value else ""
    if value is None:
        return ""
    if isinstance(value, tuple):
        return mask_credentials(json.dumps(value, ensure_ascii=False))
    if isinstance(value, bool):
        return str(int(value))
    return mask_credentials(str(value))
