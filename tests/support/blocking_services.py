"""Services that block their caller until a test releases it."""

import threading
from dataclasses import dataclass, field

_PATIENCE_S = 120.0


@dataclass
class Hold:
    """As `calls` of a fault: strikes none, and holds requests from this number on."""

    number: int = 1
    came: threading.Event = field(default_factory=threading.Event)
    may_go: threading.Event = field(default_factory=threading.Event)

    def __contains__(self, number: object) -> bool:
        if isinstance(number, int) and number < self.number:
            return False
        self.came.set()
        assert self.may_go.wait(_PATIENCE_S)
        return False

    def wait(self) -> None:
        """Until somebody waits at it."""
        assert self.came.wait(_PATIENCE_S)

    def go(self) -> None:
        """Let everybody pass, now and from now on."""
        self.may_go.set()
