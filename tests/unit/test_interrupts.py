"""A signal ends a run from a thread of its own, whatever the main thread is in the middle of."""

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import IO, Any

import pytest

from meeting_pipeline.adapters.processes.resizable_semaphore import ResizableSemaphore
from meeting_pipeline.adapters.processes.worker import Worker
from meeting_pipeline.adapters.processes.worker_pool import WorkerPool
from meeting_pipeline.domain.timing import Resource
from meeting_pipeline.errors import Stopped
from meeting_pipeline.ports.progress import Progress, no_progress
from meeting_pipeline.run.gates import Gates
from meeting_pipeline.runtime.interrupts import CommandInterrupts, Interrupts

pytestmark = pytest.mark.timeout(60)

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def nothing() -> None:
    """Neither closes doors nor breaks anything off."""


# ── the two deadlocks ────────────────────────────────────────────────────────────────────────────


class SignalsWhileItIsSent:
    """Work during whose sending, which is under the lock of the pool, the signal comes."""

    def __reduce__(self) -> tuple[Callable[[], "SignalsWhileItIsSent"], tuple[()]]:
        signal.raise_signal(signal.SIGTERM)
        return SignalsWhileItIsSent, ()

    def begin(self, slots: ResizableSemaphore) -> Worker:
        def work(task: object, progress: Progress) -> object:
            return threading.Event().wait()

        return work


def test_a_signal_while_this_thread_starts_a_worker_ends_the_worker() -> None:
    pool = WorkerPool(1, SignalsWhileItIsSent(), cores=1)
    interrupts = Interrupts(nothing, pool.close)
    with interrupts.handled(), pytest.raises(Stopped):
        pool.run("any task", no_progress)
    assert interrupts.exit_code() == 143


def test_a_signal_while_this_thread_goes_to_sleep_on_the_closed_gates_wakes_it() -> None:
    gates = Gates({Resource.LLM: 1})
    interrupts = Interrupts(gates.close, nothing)
    with interrupts.handled(), signalled_at_the_start_of(threading.Condition.wait):
        gates.closed.wait()
    assert interrupts.exit_code() == 130


def test_a_signal_while_this_thread_has_the_lock_of_a_gate_closes_it() -> None:
    coming = list[signal.Signals]()

    def clock() -> float:
        if coming:  # a gate looks at the clock while it has its lock
            signal.raise_signal(coming.pop())
        return 0.0

    gates = Gates({Resource.LLM: 1}, clock)
    with Interrupts(gates.close, nothing).handled():
        coming.append(signal.SIGTERM)
        with gates[Resource.LLM].slot():
            gates.closed.wait()
        with pytest.raises(Stopped), gates[Resource.LLM].slot():
            pytest.fail("it is closed")


@contextmanager
def signalled_at_the_start_of(function: Callable[..., Any]) -> Iterator[None]:
    """Have SIGINT come as this thread begins to call the function, before its first line."""

    def called(frame: FrameType, event: str, details: object) -> None:
        if event == "call" and frame.f_code is function.__code__:
            sys.setprofile(None)
            signal.raise_signal(signal.SIGINT)

    sys.setprofile(called)
    try:
        yield
        assert sys.getprofile() is None, "the signal came"
    finally:
        sys.setprofile(None)


# ── what is heard, and by whom ───────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("number", SIGNALS)
def test_doors_are_closed_and_work_is_broken_off_on_other_threads(number: signal.Signals) -> None:
    closed_by, broken_off_by = list[threading.Thread](), list[threading.Thread]()
    is_broken_off = threading.Event()

    def break_off() -> None:
        broken_off_by.append(threading.current_thread())
        is_broken_off.set()

    interrupts = Interrupts(lambda: closed_by.append(threading.current_thread()), break_off)
    with interrupts.handled():
        signal.raise_signal(number)
        is_broken_off.wait()

    assert threading.main_thread() not in [*closed_by, *broken_off_by]
    assert (len(closed_by), len(broken_off_by)) == (1, 1)


def test_a_signal_of_another_program_s_is_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    heard = threading.Event()
    before = signal.signal(signal.SIGUSR1, lambda number, frame: heard.set())
    interrupts = Interrupts(nothing, nothing)
    try:
        with interrupts.handled():
            signal.raise_signal(signal.SIGUSR1)
            assert heard.wait()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert interrupts.exit_code() is None


@pytest.mark.parametrize("ignored", SIGNALS)
def test_what_was_ignored_stays_ignored(ignored: signal.Signals) -> None:
    before = signal.signal(ignored, signal.SIG_IGN)
    interrupts = Interrupts(nothing, nothing)
    try:
        with interrupts.handled():
            signal.raise_signal(ignored)
            assert signal.getsignal(ignored) is signal.SIG_IGN
    finally:
        signal.signal(ignored, before)
    assert interrupts.exit_code() is None


def test_afterwards_handlers_and_the_wakeup_descriptor_are_what_they_were() -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    first = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    handlers = [signal.getsignal(number) for number in SIGNALS]
    try:
        with Interrupts(nothing, nothing).handled():
            signal.raise_signal(signal.SIGTERM)
        assert signal.set_wakeup_fd(first) == writer
    finally:
        signal.set_wakeup_fd(first)
        os.close(reader)
        os.close(writer)
    assert [signal.getsignal(number) for number in SIGNALS] == handlers
    assert "signals" not in [thread.name for thread in threading.enumerate()]


def test_what_was_asked_before_the_end_is_over_when_the_block_is() -> None:
    done = threading.Event()
    begun = threading.Event()

    def break_off() -> None:
        begun.wait()
        done.set()

    with Interrupts(nothing, break_off).handled():
        signal.raise_signal(signal.SIGTERM)
        begun.set()
    assert done.is_set()


# ── a second signal ──────────────────────────────────────────────────────────────────────────────

HANGING = """
import threading
from meeting_pipeline.runtime.interrupts import Interrupts, CommandInterrupts

def hang():
    print("broken off", flush=True)
    threading.Event().wait()

with Interrupts(lambda: None, hang).handled():
    print("ready", flush=True)
    threading.Event().wait()
"""


@contextmanager
def running(program: str) -> Iterator[tuple[subprocess.Popen[str], IO[str]]]:
    """Start a program; give it and its output, and end it if it has not ended with the block."""
    words = [sys.executable, "-P", "-c", program]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        try:
            yield process, process.stdout
        finally:
            process.kill()


@pytest.mark.parametrize("first", SIGNALS)
def test_a_second_signal_ends_at_once_what_cannot_be_broken_off(first: signal.Signals) -> None:
    with running(HANGING) as (process, output):
        assert output.readline() == "ready\n"
        process.send_signal(first)
        assert output.readline() == "broken off\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait() == (130 if first is signal.SIGINT else 143)


# ── outside a run ────────────────────────────────────────────────────────────────────────────────

LOSING = """
import threading
from meeting_pipeline.runtime.interrupts import CommandInterrupts

with CommandInterrupts().handled():
    while True:
        try:
            print("waiting", flush=True)
            threading.Event().wait()
        except BaseException:
            print("lost", flush=True)
"""


@pytest.mark.parametrize("number", SIGNALS)
def test_a_command_outside_a_run_is_unwound(number: signal.Signals) -> None:
    interrupts = CommandInterrupts()
    with pytest.raises((KeyboardInterrupt, SystemExit)), interrupts.handled():
        signal.raise_signal(number)
    assert interrupts.exit_code(1) == (130 if number is signal.SIGINT else 143)


def test_a_command_that_failed_because_it_was_asked_to_end_says_so() -> None:
    """A library that calls back may make an error of its own of our exception."""
    interrupts = CommandInterrupts()
    with interrupts.handled(), suppress(SystemExit):
        signal.raise_signal(signal.SIGTERM)
    assert interrupts.exit_code(4) == 143
    assert interrupts.exit_code(0) == 0, "it was done all the same"
    assert CommandInterrupts().exit_code(4) == 4


@pytest.mark.parametrize("first", SIGNALS)
def test_a_second_signal_ends_a_command_in_which_the_first_was_lost(first: signal.Signals) -> None:
    with running(LOSING) as (process, output):
        assert output.readline() == "waiting\n"
        process.send_signal(first)
        assert output.readline() == "lost\n"
        process.send_signal(signal.SIGINT)
        assert process.wait() == (130 if first is signal.SIGINT else 143)
