"""What records leave free is given back to the system while the run goes on."""

from collections.abc import Callable
from time import monotonic

from meeting_pipeline.domain.stages import RecordOutcome
from meeting_pipeline.ports.observer import RunObserver
from meeting_pipeline.runtime.memory import give_back

_EVERY_S = 2.0  # it takes half a millisecond


class SpareMemory(RunObserver):
    """Sixteen threads take and free by turns, so that holes come between what stays.

    Without it a night of long recordings takes half a megabyte more with each of them. give_back:
    does it. clock: seconds.
    """

    def __init__(
        self,
        give_back: Callable[[], None] = give_back,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._give_back, self._clock = give_back, clock
        self._given_at = clock()

    def record_finished(self, outcome: RecordOutcome) -> None:
        if self._clock() >= self._given_at + _EVERY_S:
            self._given_at = self._clock()
            self._give_back()
