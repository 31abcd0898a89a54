"""The measurement of where the time of a run goes."""

import threading
from collections import defaultdict

from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.domain.stages import StageName
from meeting_pipeline.domain.timing import StageTime, StageWork, Timing
from meeting_pipeline.ports.observer import RunObserver
from meeting_pipeline.run.gates import Gates


class Stopwatch(RunObserver):
    """Sums up the time of each stage over all records; it may be used by several threads."""

    def __init__(self, gates: Gates) -> None:
        self._gates = gates
        self._stages: defaultdict[StageName, StageTime] = defaultdict(StageTime)
        self._records: defaultdict[int, float] = defaultdict(float)
        self._lock = threading.Lock()

    def stage_finished(
        self, recording_id: int, meta: RecordMeta, stage: StageName, work: StageWork
    ) -> None:
        with self._lock:
            self._stages[stage] += work
            self._records[recording_id] += work.seconds

    def timing(self, seconds: float) -> Timing:
        """Return the timing after this many seconds of wall time."""
        with self._lock:
            stages = {str(name): self._stages[name] for name in StageName if name in self._stages}
            longest_s = max(self._records.values(), default=0.0)
        return Timing(seconds, stages, self._gates.use(), longest_s)
