"""Which `.env` is used, and the folder from which relative paths in the settings count."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_CLONE = Path(__file__).parents[2]
"""The folder of the installation; that of all packages where it is not installed from a clone."""


@dataclass(frozen=True)
class Location:
    """Where the settings of this command are.

    Attributes:
        home: The folder from which relative paths in the settings count.
        reason: Why it is this folder, for people.
    """

    home: Path
    reason: str

    @property
    def env_file(self) -> Path:
        """Return the path of `.env`, which need not exist."""
        return self.home / ".env"

    @property
    def found(self) -> str | None:
        """Return the whole path of `.env`, or None if there is none."""
        return str(self.env_file.absolute()) if self.env_file.is_file() else None

    @property
    def words(self) -> str:
        """Return which `.env` is used, for people."""
        if not os.path.lexists(self.env_file):
            return f"没有 no .env（{self.reason}）：{self.home.absolute()}"
        return f"{self.env_file.absolute()}（{self.reason}）"


def locate(environment: Mapping[str, str] = os.environ) -> Location:
    """Return where the settings are.

    That is MEETING_HOME; else the current folder, if it has an `.env`; else the folder of the
    installation, if it has one; else there is the environment alone.

    Args:
        environment: Where MEETING_HOME may be set.
    """
    if home := environment.get("MEETING_HOME", "").strip():
        return Location(Path(home).expanduser(), "MEETING_HOME")
    if os.path.lexists(".env"):
        return Location(Path(), "当前目录 the current folder")
    if os.path.lexists(_CLONE / ".env"):
        return Location(_CLONE, "安装目录 the folder of the installation")
    return Location(Path(), "仅环境变量 the environment alone")
