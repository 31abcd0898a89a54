"""Nights as processes of their own, forked in milliseconds, and killed where a test wants it."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.support.quick_python import SINGLE, name_of, quick_python
from tests.support.tracing import Tracer

MAIN, WORKER = "MainThread", "record_0"
RUN = ("run", "--since", "30d", "--json", "--jobs", "1")
NIGHT = ("night",)


@dataclass(frozen=True)
class NightOrder:
    """What to run where. folder: its working directory, which also gets `out` and `err`."""

    folder: Path
    environment: Mapping[str, str]
    words: Sequence[str] = RUN


@dataclass(frozen=True)
class NightEnd:
    """How it ended: an exit code, minus a signal it died of, or None when it was killed -9.

    report: what it printed last.

    calls: how often each was made, where they were counted.
    """

    code: int | None
    out: str
    err: str
    calls: Mapping[str, int] = field(default_factory=dict)

    @property
    def was_killed(self) -> bool:
        return self.code is None

    @property
    def report(self) -> Mapping[str, Any]:
        """The run report of a night that was not killed."""
        report: Mapping[str, Any] = json.loads(self.out)
        return report


class NightProcesses:
    """Forks nights from a process that has everything imported, one at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process
        assert self._hear() == {"ready": True}

    def run(self, order: NightOrder) -> NightEnd:
        """One night to its end."""
        self._start(order)
        return self._end(order)

    def run_killed_after(self, order: NightOrder, seconds: float) -> NightEnd:
        """One night, killed -9 so many seconds after its start should it still run then."""
        pid = self._start(order)
        with _watched(pid) as watch:
            if not watch.ended_within(seconds):
                signal.pidfd_send_signal(watch.descriptor, signal.SIGKILL)
        return self._end(order)

    def run_signalled_after(
        self, order: NightOrder, seconds: float, number: signal.Signals, within_s: float
    ) -> NightEnd:
        """One night, sent a signal so many seconds after its start should it still run then.

        One that has not ended `within_s` later writes where it hangs to `err`, and is killed -9.
        """
        pid = self._start(order)
        with _watched(pid) as watch:
            if not watch.ended_within(seconds):
                signal.pidfd_send_signal(watch.descriptor, number)
                if not watch.ended_within(within_s):
                    signal.pidfd_send_signal(watch.descriptor, signal.SIGUSR1)
                    watch.ended_within(1)
                    signal.pidfd_send_signal(watch.descriptor, signal.SIGKILL)
        return self._end(order, may_die_of=number)

    def run_killed_at(self, order: NightOrder, thread: str, call: str, number: int) -> NightEnd:
        """One night, killed -9 as this thread of it begins its number-th call of that name."""
        self._start(order, trip={"thread": thread, "names": [call], "number": number})
        return self._end(order)

    def calls(self, order: NightOrder, thread: str, names: Sequence[str]) -> Mapping[str, int]:
        """How often that thread calls each of these in one whole night."""
        self._start(order, trip={"thread": thread, "names": list(names), "number": 0})
        ended = self._end(order)
        assert ended.code == 0, ended.err
        return ended.calls

    def orphans(self, within_s: float = 10.0) -> list[str]:
        """The command lines of children that are still there after so long."""
        self._ask({"do": "orphans", "within_s": within_s})
        left: list[str] = self._hear()["left"]
        return left

    def run_traced(self, order: NightOrder, thread: str, tracer: Tracer) -> NightEnd:
        """One night, with that thread of it traced from its start."""
        self._start(order, hold=thread)
        held = self._hear()["thread"]
        with tracer.attached(held):
            gate = _gate(order)
            gate.write_bytes(b"")
            return self._end(order)

    def _start(
        self, order: NightOrder, hold: str | None = None, trip: Mapping[str, Any] | None = None
    ) -> int:
        order.folder.mkdir(parents=True, exist_ok=True)
        for name in ("out", "err"):
            (order.folder / name).unlink(missing_ok=True)
        gate = _gate(order)
        gate.unlink(missing_ok=True)
        os.mkfifo(gate)
        self._ask(
            {
                "do": "night",
                "environment": dict(order.environment),
                "folder": str(order.folder),
                "words": list(order.words),
                "hold": hold,
                "trip": trip,
                "gate": str(gate),
            }
        )
        pid: int = self._hear()["pid"]
        return pid

    def _end(self, order: NightOrder, may_die_of: signal.Signals = signal.SIGKILL) -> NightEnd:
        heard = self._hear()
        status, calls = heard["status"], heard["calls"]
        _gate(order).unlink()
        out, err = ((order.folder / name).read_text("utf-8") for name in ("out", "err"))
        code = os.waitstatus_to_exitcode(status)
        assert code >= 0 or -code in (signal.SIGKILL, may_die_of), err
        return NightEnd(None if code == -signal.SIGKILL else code, out, err, calls)

    def _ask(self, request: Mapping[str, Any]) -> None:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout
        heard: dict[str, Any] = json.loads(self._process.stdout.readline())
        return heard


@contextmanager
def night_processes(plant: Callable[[], None] | None = None) -> Iterator[NightProcesses]:
    """Start the forking process, and end it when the block ends.

    Args:
        plant: Called in that process, and in the one that workers are forked from, when all is
            imported: a bug that all nights and their workers shall have.
    """
    planted = [name_of(plant)] if plant else []
    with (
        quick_python(plant) as python,
        subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.support.forked_nights", python, *planted],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **SINGLE, "PYTHONPATH": str(Path(__file__).parents[2])},
        ) as process,
    ):
        yield NightProcesses(process)
        assert process.stdin
        process.stdin.close()


@dataclass(frozen=True)
class _Watch:
    descriptor: int

    def ended_within(self, seconds: float) -> bool:
        """Wait for the end of the process, but no longer than that."""
        import select

        poll = select.poll()
        poll.register(self.descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))


@contextmanager
def _watched(pid: int) -> Iterator[_Watch]:
    descriptor = os.pidfd_open(pid)
    try:
        yield _Watch(descriptor)
    finally:
        os.close(descriptor)


def _gate(order: NightOrder) -> Path:
    return order.folder / "gate"
