"""One line of an examination of the installation."""

from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

from meeting_pipeline.errors import MeetingError, Stopped


@dataclass(frozen=True)
class Check:
    """What was tested and what to do when it is red.

    ok: None where it does not apply to this installation, or could not be tried. hint: "" where
    nothing needs doing.
    """

    code: str
    ok: bool | None
    message: str
    hint: str = ""

    @classmethod
    def refused(cls, code: str, error: MeetingError, where: str = "") -> Self:
        """What an error says of a part; we stop waiting ourselves when a limit has no call left.

        where: the host that was asked, if any.
        """
        if isinstance(error, Stopped):
            hint = "try again in a minute, or when the run that is under way has ended"
            return cls(code, None, "not tried: no call is left in this minute", hint)
        message = f"{where}: {error.message}" if where else error.message
        return cls(code, False, message, error.hint)


@runtime_checkable
class Examinable(Protocol):
    """A back end that can try itself for real."""

    def examine(self) -> list[Check]:
        """Its checks; it raises nothing for what is only red."""


def run_checks(back_end: object) -> list[Check]:
    """What a back end finds when it tries itself; those without anything to try say nothing."""
    return back_end.examine() if isinstance(back_end, Examinable) else []
