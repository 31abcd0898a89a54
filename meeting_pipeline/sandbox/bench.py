"""The state that the three servers share: ledger, faults and clock."""

from collections.abc import Callable
from dataclasses import dataclass

from .faults import Faults
from .ledger import Ledger


@dataclass(frozen=True)
class Bench:
    """The state that the three servers share.

    Attributes:
        ledger: The record of all requests.
        faults: The faults to inject.
        now: Returns the time in Unix seconds.
        pause: Waits for the given seconds, or less when the sandbox stops.
    """

    ledger: Ledger
    faults: Faults
    now: Callable[[], float]
    pause: Callable[[float], object]
