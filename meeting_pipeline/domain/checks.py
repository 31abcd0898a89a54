"""The checks of an installation that `meeting doctor` makes."""

from dataclasses import dataclass
from typing import Protocol, Self, runtime_checkable

from meeting_pipeline.errors import MeetingError, RetryableError, Stopped

_TRY_LATER = (
    "对方暂时出错，几分钟后再试；仍失败时联系服务方 the service fails now: "
    "try again in some minutes; if it still fails, ask its provider"
)


@dataclass(frozen=True)
class Check:
    """The result of one check.

    Attributes:
        code: A stable name for scripts ("tencent_clock").
        ok: Whether the check passed; None if it does not apply to this installation, is a remark,
            or could not be made.
        message: What was found.
        hint: What to do about it, or "".
        unknown: Whether it could not be made, so that no one knows whether the part works.
    """

    code: str
    ok: bool | None
    message: str
    hint: str = ""
    unknown: bool = False

    @classmethod
    def not_made(cls, code: str, message: str, hint: str = "") -> Self:
        """Return a check that could not be made.

        Args:
            code: The name of the check.
            message: Why it could not be made.
            hint: What to do to find out, or "".
        """
        return cls(code, None, message, hint, unknown=True)

    @classmethod
    def refused(cls, code: str, error: MeetingError, where: str = "") -> Self:
        """Return the check that failed with an error.

        Args:
            code: The name of the check.
            error: What the part that was checked raised.
            where: The host that was called, or "".
        """
        if isinstance(error, Stopped):  # a check does not wait for the next minute of a rate limit
            hint = "一分钟后再试 try again in a minute, or when the run that is under way has ended"
            message = "没有检查 not tried: 本分钟的调用次数已用完 no call is left in this minute"
            return cls.not_made(code, message, hint)
        message = f"{where}: {error.message}" if where else error.message
        is_passing = isinstance(error, RetryableError) and not error.hint
        return cls(code, False, message, _TRY_LATER if is_passing else error.hint)


@runtime_checkable
class Examinable(Protocol):
    """A back end that can check itself by using the service behind it."""

    def examine(self) -> list[Check]:
        """Return its checks; a check that fails is a result and raises nothing."""


def run_checks(back_end: object) -> list[Check]:
    """Return the checks of a back end, or an empty list if it has none."""
    return back_end.examine() if isinstance(back_end, Examinable) else []
