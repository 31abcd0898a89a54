"""The program that forks our worker processes outlives whatever becomes of one of them."""

import os
import select
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from meeting_pipeline.adapters.processes.decoders import Decoders
from tests.support.processes import PATIENCE_S
from tests.support.quick_python import quick_python

ITS_PID = ("os", "getsid", 0)  # a worker leads a session of its own


@pytest.fixture
def decoders(monkeypatch: pytest.MonkeyPatch) -> Iterator[Decoders]:
    with quick_python() as python:
        monkeypatch.setattr(sys, "executable", python)
        made = Decoders(2)
        yield made
        made.close()


@pytest.mark.parametrize("first", ["worker", "program"])
def test_a_worker_and_the_program_that_is_it_may_end_in_the_same_moment(
    decoders: Decoders, first: str
) -> None:
    others = children()
    worker = decoders.call(*ITS_PID)
    (program,), server = children() - others, parent_of(worker)
    in_order = (worker, program) if first == "worker" else (program, worker)

    os.kill(server, signal.SIGSTOP)  # so that it hears of both ends at once
    for pid in in_order:
        kill_and_wait(pid)
    os.kill(server, signal.SIGCONT)

    assert parent_of(decoders.call(*ITS_PID)) == server


def kill_and_wait(pid: int) -> None:
    """Whoever started it still has to be told."""
    watch = os.pidfd_open(pid)
    try:
        signal.pidfd_send_signal(watch, signal.SIGKILL)
        ended, _, _ = select.select([watch], [], [], PATIENCE_S)
        assert ended
    finally:
        os.close(watch)


def parent_of(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("PPid:")[2].split()[0])


def children() -> set[int]:
    """Processes that we started and that still run."""
    tasks = Path("/proc/self/task").iterdir()
    return {int(pid) for task in tasks for pid in (task / "children").read_text().split()}
