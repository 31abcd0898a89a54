"""The live view: the run as a whole, the resources it waits for, the records in flight."""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from rich.console import Console, Group, RenderableType
from rich.filesize import decimal
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from meeting_pipeline.cli.words import RESOURCE_WORDS, shorten
from meeting_pipeline.cli.words import minutes as clock_time
from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.domain.stages import RecordOutcome, StageName
from meeting_pipeline.domain.timing import GateUse, StageWork
from meeting_pipeline.ports.observer import RunObserver
from meeting_pipeline.reporting.counts import STAGE_WORDS

_REFRESHES_A_SECOND = 4
_LINES_BESIDE = 6  # of the terminal's height
_BAR_CELLS = 24
_ENOUGH_TO_ESTIMATE = 3  # finished records, before their pace says anything
_SPEED_OVER_S = 10.0


@dataclass(frozen=True)
class _Flight:
    """A record in flight, with the finished fraction (0..1) of its current stage."""

    what: str
    stage: StageName
    size_bytes: int
    fraction: float = 0.0

    @property
    def fetched_bytes(self) -> float:
        """Return how much of a download that is still running has arrived."""
        return self.fraction * self.size_bytes if self.stage is StageName.DOWNLOAD else 0.0


class ProgressDisplay(RunObserver):
    """An observer that draws the run on standard error, from what the gates report."""

    def __init__(
        self, console: Console | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Prepare the view.

        Args:
            console: Where to draw; None for standard error.
            clock: A monotonic clock, in seconds.
        """
        self._console = console or Console(stderr=True)
        self._clock = clock
        self._began = clock()
        self._worked_since: float | None = None
        self._gates: Callable[[], Sequence[GateUse]] = tuple
        self._flights: dict[int, _Flight] = {}
        self._due = self._finished = 0
        self._is_listing = True
        self._fetched_bytes = 0
        self._speed = _Speed()
        self._spinner = Spinner("dots")
        self._lock = threading.Lock()
        self._live = Live(
            get_renderable=self.view,
            console=self._console,
            refresh_per_second=_REFRESHES_A_SECOND,
            transient=True,
        )

    def __enter__(self) -> "ProgressDisplay":
        self._live.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._live.stop()

    def gates_opened(self, use: Callable[[], Sequence[GateUse]]) -> None:
        self._gates = use

    def records_listed(self, listed: int, new: int) -> None:
        self._is_listing = False

    def work_planned(self, due: int) -> None:
        with self._lock:
            self._due = due
            self._worked_since = self._worked_since or self._clock()

    def stage_started(self, recording_id: int, meta: RecordMeta, stage: StageName) -> None:
        what = f"#{recording_id} {STAGE_WORDS[stage]} {shorten(meta.subject, 28)}"
        with self._lock:
            self._flights[recording_id] = _Flight(what, stage, meta.size_bytes or 0)

    def stage_progressed(self, recording_id: int, fraction: float) -> None:
        with self._lock:
            if flight := self._flights.get(recording_id):
                self._flights[recording_id] = replace(flight, fraction=fraction)

    def stage_finished(
        self, recording_id: int, meta: RecordMeta, stage: StageName, work: StageWork
    ) -> None:
        if stage is StageName.DOWNLOAD:
            with self._lock:
                self._flights.pop(recording_id, None)
                self._fetched_bytes += work.size_bytes

    def record_finished(self, outcome: RecordOutcome) -> None:
        with self._lock:
            self._flights.pop(outcome.id, None)
            self._finished += 1

    def view(self) -> Group:
        """Return what is on the screen now."""
        with self._lock:
            lines: list[RenderableType] = [self._whole(), Text(gates_line(self._gates()))]
            room = max(1, self._console.height - _LINES_BESIDE)
            flights = list(self._flights.values())
            shown = Table.grid(padding=(0, 1))
            for flight in flights[:room]:
                shown.add_row(
                    Text(flight.what),
                    ProgressBar(1.0, flight.fraction, width=_BAR_CELLS),
                    Text(f"{flight.fraction:4.0%}"),
                )
            if len(flights) > room:
                shown.add_row(Text(f"… {len(flights) - room} more"))
            return Group(*lines, shown)

    def _whole(self) -> Table:
        what = "列表查询与处理 listing and processing" if self._is_listing else "全部 all records"
        row = Table.grid(padding=(0, 1))
        row.add_row(
            self._spinner,
            Text(what),
            ProgressBar(max(self._due, 1), self._finished, width=_BAR_CELLS),
            Text(f"{self._finished}/{self._due}{'+' if self._is_listing else ''}"),
            Text(clock_time(self._clock() - self._began)),
            Text(self._time_left()),
            Text(self._traffic()),
        )
        return row

    def _time_left(self) -> str:
        """Estimate the time left from the finished records; "" while there are too few."""
        left = self._due - self._finished
        if self._worked_since is None or self._finished < _ENOUGH_TO_ESTIMATE or not left:
            return ""
        pace_s = (self._clock() - self._worked_since) / self._finished
        return f"还需约 left {clock_time(left * pace_s)}"

    def _traffic(self) -> str:
        fetched = self._fetched_bytes + sum(one.fetched_bytes for one in self._flights.values())
        speed = self._speed.after(self._clock(), fetched)
        return f"{decimal(int(fetched))} · {decimal(int(speed))}/s" if fetched else ""


def gates_line(uses: Sequence[GateUse]) -> str:
    """Return every resource in use and the one that records wait for ("waiting for: ASR 3/3").

    Args:
        uses: The use of every gate.
    """
    parts = [
        f"{RESOURCE_WORDS[use.resource]} {use.used}/{use.slots}" for use in uses if use.entries
    ]
    crowded = max(uses, key=lambda use: use.waiting, default=None)
    if crowded and crowded.waiting:
        name = f"{RESOURCE_WORDS[crowded.resource]} {crowded.used}/{crowded.slots}"
        parts.append(f"等待 waiting for: {name} ({crowded.waiting})")
    return " · ".join(parts)


class _Speed:
    """The throughput of the last ten seconds, in bytes per second."""

    def __init__(self) -> None:
        self._seen: list[tuple[float, float]] = []

    def after(self, now: float, total_bytes: float) -> float:
        """Note how many bytes have arrived in all by `now`, and return the throughput."""
        self._seen = [one for one in self._seen if now - one[0] <= _SPEED_OVER_S]
        self._seen.append((now, total_bytes))
        since, before = self._seen[0]
        return max(0.0, total_bytes - before) / (now - since) if now > since else 0.0
