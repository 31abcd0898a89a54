"""Names that are written like settings and are none: misspelt, or of another program."""

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches

_OUR_PREFIXES = ("MEETING_", "TQM_", "ASR_", "KIMI_", "WHISPER_", "RETENTION_")
_OF_THE_ENVIRONMENT = ("MEETING_HOME",)
"""Names that are read from the environment alone, before there are settings."""
_SHORTEST = 6
"""Letters of a name that a name of another program is compared with: shorter ones are alike."""
_ALIKE = 0.7


@dataclass(frozen=True)
class UnknownName:
    """A name that is no setting and is ignored.

    Attributes:
        name: The name as it is written.
        origin: Where it is written: "environment" or ".env".
        nearest: The setting whose name it resembles, or "".
    """

    name: str
    origin: str
    nearest: str

    @property
    def is_ours(self) -> bool:
        """Return whether it was surely written for this program."""
        return self.origin == ".env" or self.name.upper().startswith(_OUR_PREFIXES)

    @property
    def message(self) -> str:
        """Return what is wrong."""
        where = f"{self.name[:60]} (from {self.origin})"
        return f"{where}: 没有这项设置，已忽略 is not a setting and is ignored"

    @property
    def hint(self) -> str:
        """Return what to do about it."""
        if self.name in _OF_THE_ENVIRONMENT:
            return "只能在环境变量中设置 set it in the environment"
        if self.nearest:
            return f"应为 write {self.nearest}"
        return "删除它，或对照 .env.example 改名 remove it, or see .env.example for the names"


def unknown_names(
    known: Collection[str], written: Iterable[str], environment: Mapping[str, str]
) -> tuple[UnknownName, ...]:
    """Return the names that are no settings.

    The environment has the names of many programs: only those that begin like ours, or differ in
    one letter, are meant for us.

    Args:
        known: The names of all settings.
        written: The names in `.env`.
        environment: The environment.
    """
    settings = {_letters(name): name for name in known}
    alike = _one_letter_off(letters for letters in settings if len(letters) >= _SHORTEST)
    in_environment = (
        name
        for name in environment
        if name.upper().startswith(_OUR_PREFIXES) or not alike.isdisjoint(_shorter(_letters(name)))
    )
    named = [(name, ".env") for name in written]
    named += [(name, "environment") for name in in_environment]
    return tuple(
        UnknownName(name, origin, _nearest(name, settings))
        for name, origin in named
        if name not in known and (name not in _OF_THE_ENVIRONMENT or origin == ".env")
    )


def _letters(name: str) -> str:
    """Return a name without what is mistaken for one another: case, hyphens, underscores."""
    return name.upper().replace("_", "").replace("-", "")


def _shorter(letters: str) -> Iterator[str]:
    """Yield the letters, and the letters without each one of them."""
    yield letters
    for place in range(len(letters)):
        yield letters[:place] + letters[place + 1 :]


def _one_letter_off(names: Iterable[str]) -> frozenset[str]:
    return frozenset(shorter for name in names for shorter in _shorter(name))


def _nearest(name: str, settings: Mapping[str, str]) -> str:
    letters = _letters(name)
    found = get_close_matches(letters, settings, 1, _ALIKE)
    return settings[found[0]] if found else ""
