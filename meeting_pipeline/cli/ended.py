"""How a command ended, for those who tell of it."""

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from meeting_pipeline.domain.stages import RunReport


@dataclass
class Ended:
    """Filled in while a command runs; its functions find it as the context's `obj`.

    error: what was raised, None for a code of the command's own. report: of a night that has one.
    is_told: whether its notice is sent; held under `telling`.
    """

    exit_code: int = 0
    error: Exception | None = None
    report: "RunReport | None" = None
    telling: Lock = field(default_factory=Lock)
    is_told: bool = False
