"""How a command ended, for its exit code and its notice."""

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meeting_pipeline.domain.stages import RunReport


@dataclass
class Ended:
    """How a command ended, filled in while it runs; commands find it as the context's `obj`.

    Attributes:
        exit_code: The exit code of the process.
        error: The exception that ended the command; None when it chose its exit code itself.
        report: The report of a night or a watched run; None when there is none.
        is_watched: Whether HEARTBEAT_URL is told how it ended.
        notice_lock: Held while the notice is sent.
        has_notice: Whether a notice was sent, or is being sent.
    """

    exit_code: int = 0
    error: Exception | None = None
    report: "RunReport | None" = None
    is_watched: bool = False
    notice_lock: Lock = field(default_factory=Lock)
    has_notice: bool = False
