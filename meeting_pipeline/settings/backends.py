"""The back ends that settings can choose: one table, where each of them is one row.

    MEETING_SOURCE  where recordings come from
    DOWNLOADER      how media of a service is downloaded
    ASR_BACKEND     how speech becomes text
    LLM_BACKEND     how a transcript becomes a summary

A row is all there is to say of a back end beside its adapter and the function that makes it: the
settings accept its name, `meeting doctor` asks for what it needs, and `wiring` makes it.
"""

from collections.abc import Callable
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meeting_pipeline.settings.config import Settings

_FACTORIES = "meeting_pipeline.wiring.factories"
_APPLICATION = "腾讯会议企业管理后台 > 企业自建应用, the page of your application"


@dataclass(frozen=True)
class RequiredSetting:
    """A setting without which a back end cannot work.

    Attributes:
        name: Its name.
        where: Where its value is found.
        instead: Another setting that serves as well, or "".
    """

    name: str
    where: str
    instead: str = ""


def _always(settings: "Settings") -> bool:
    return True


@dataclass(frozen=True)
class BackendSpec:
    """A back end.

    Attributes:
        name: Its name in the setting.
        make: The function that makes it from a `BackendContext`, as "module:function". Its module,
            and with it the adapter and what that needs, is loaded only if the back end is chosen.
        required_settings: The settings without which it cannot work.
        is_default_when: Whether it is used where the setting leaves the choice open. The first such
            row of a table is; for ASR_BACKEND=auto the others follow it when it fails.
        is_service: Whether a service does the work, so that ASR_CONCURRENCY or LLM_CONCURRENCY
            says how much of it is done at once; otherwise as much as there are cores.
    """

    name: str
    make: str
    required_settings: tuple[RequiredSetting, ...] = ()
    is_default_when: Callable[["Settings"], bool] = _always
    is_service: bool = False

    def missing(self, settings: "Settings") -> list[RequiredSetting]:
        """Return the required settings that are empty."""
        return [
            one
            for one in self.required_settings
            if not settings.value(one.name) and not (one.instead and settings.value(one.instead))
        ]


@dataclass(frozen=True)
class BackendTable:
    """The back ends among which one setting chooses.

    Attributes:
        setting: The name of the setting.
        open_choice: The value that leaves the choice open, or None if there is none.
        rows: The back ends, the preferred one first.
    """

    setting: str
    open_choice: str | None
    rows: list[BackendSpec]

    def accepted(self) -> list[str]:
        """Return the values that the setting accepts."""
        names = [row.name for row in self.rows]
        return names if self.open_choice is None else [self.open_choice, *names]

    def defaults(self, settings: "Settings") -> list[BackendSpec]:
        """Return the rows that are used where the choice is left open, the preferred one first."""
        return [row for row in self.rows if row.is_default_when(settings)]

    def is_open(self, settings: "Settings") -> bool:
        """Return whether the setting leaves the choice open."""
        return settings.value(self.setting) == self.open_choice

    def chosen(self, settings: "Settings") -> BackendSpec:
        """Return the row in use: the one that is named, else the first default."""
        if self.is_open(settings):
            return self.defaults(settings)[0]
        return self[str(settings.value(self.setting))]

    def __getitem__(self, name: str) -> BackendSpec:
        return next(row for row in self.rows if row.name == name)


def _has_tencent_keys(settings: "Settings") -> bool:
    return bool(settings.tencent.secret_id and settings.tencent.secret_key)


def _has_speech_service(settings: "Settings") -> bool:
    return bool(settings.speech.base_url and settings.speech.model)


def _has_whisper(settings: "Settings") -> bool:
    """Return whether Whisper is installed, or there is no other engine: then it says what to do."""
    return find_spec("faster_whisper") is not None or not _has_speech_service(settings)


SOURCES = BackendTable(
    "MEETING_SOURCE",
    "",
    [
        BackendSpec(
            "tencent",
            f"{_FACTORIES}.tencent_source:make",
            required_settings=(
                RequiredSetting("TQM_SECRET_ID", _APPLICATION),
                RequiredSetting("TQM_SECRET_KEY", f"{_APPLICATION}, beside the Secret ID"),
                RequiredSetting("ENTERPRISE_ID", f"企业ID, {_APPLICATION}", instead="APP_ID"),
                RequiredSetting(
                    "TQM_OPERATOR_ID",
                    "Tencent asks in whose name we call: the user id (userid, 企业管理后台 > "
                    "用户管理) of an administrator who may view recordings",
                ),
            ),
            is_default_when=_has_tencent_keys,
        ),
        BackendSpec(
            "folder",
            f"{_FACTORIES}.folder_source:make",
            required_settings=(
                RequiredSetting(
                    "MEETING_FOLDER",
                    "a folder of recordings; or set TQM_SECRET_ID and TQM_SECRET_KEY instead",
                ),
            ),
        ),
    ],
)

DOWNLOADERS = BackendTable(
    "DOWNLOADER",
    None,
    [
        BackendSpec("aria2", f"{_FACTORIES}.aria2_downloader:make"),
        BackendSpec("http", f"{_FACTORIES}.http_downloader:make"),
    ],
)

TRANSCRIBERS = BackendTable(
    "ASR_BACKEND",
    "auto",
    [
        BackendSpec(
            "tencent",
            f"{_FACTORIES}.tencent_transcriber:make",
            is_default_when=lambda settings: settings.source_name == "tencent",
        ),
        BackendSpec(
            "openai",
            f"{_FACTORIES}.openai_transcriber:make",
            required_settings=(
                RequiredSetting("ASR_BASE_URL", "the address of the speech service, with /v1"),
                RequiredSetting("ASR_MODEL", "the name of its model"),
            ),
            is_default_when=_has_speech_service,
            is_service=True,
        ),
        BackendSpec(
            "whisper", f"{_FACTORIES}.whisper_transcriber:make", is_default_when=_has_whisper
        ),
    ],
)

SUMMARIZERS = BackendTable(
    "LLM_BACKEND",
    "",
    [
        BackendSpec(
            "kimi",
            f"{_FACTORIES}.kimi_summarizer:make",
            required_settings=(
                RequiredSetting(
                    "KIMI_API_KEY", "platform.kimi.com > API keys; or set LLM_BACKEND=extractive"
                ),
            ),
            is_default_when=lambda settings: bool(settings.language_model.api_key),
            is_service=True,
        ),
        BackendSpec("extractive", f"{_FACTORIES}.extractive_summarizer:make"),
    ],
)


def recognizers(settings: "Settings") -> list[BackendSpec]:
    """Return the engines that listen to recordings, the preferred one first.

    There are several where ASR_BACKEND leaves the choice open, and none for ASR_BACKEND=tencent,
    which takes the texts that Tencent has made.
    """
    is_open = TRANSCRIBERS.is_open(settings)
    rows = TRANSCRIBERS.defaults(settings) if is_open else [TRANSCRIBERS.chosen(settings)]
    return [row for row in rows if row.name != "tencent"]
