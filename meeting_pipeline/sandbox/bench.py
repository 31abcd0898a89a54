"""What all three servers share: ledger, knobs and clock."""

from collections.abc import Callable
from dataclasses import dataclass

from .faults import Faults
from .ledger import Ledger


@dataclass(frozen=True)
class Bench:
    """now: Unix seconds. pause: waits the given seconds, or less when the sandbox stops."""

    ledger: Ledger
    faults: Faults
    now: Callable[[], float]
    pause: Callable[[float], object]
