"""Row 76: a signal at any stage ends the run soon and in good order; the next one goes on."""

import os
import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from meeting_pipeline.adapters.downloads.aria2 import LARGE_BYTES
from meeting_pipeline.adapters.processes import worker
from meeting_pipeline.domain.stages import RecordStatus
from meeting_pipeline.sandbox.faults import Fault, Kind
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.processes import Started, Starter, family, until_gone
from tests.support.sandbox_installation import Office
from tests.support.short_recordings import BURSTS, BY_FFMPEG, large, lesson, tone

CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 143}
RUN = ["run", "--since", "7d", "--json"]
LISTEN = ["run", "--since", "2026-01-01", "--json"]
SOON_S = 10.0
SAMPLES = Path(__file__).parents[2] / "meeting_pipeline" / "samples"
EACH_ONCE = {(0, place): 1 for place in BURSTS}


@dataclass
class Reached:
    """Every call of a fault; tells when the first one came."""

    came: threading.Event = field(default_factory=threading.Event)

    def __contains__(self, number: object) -> bool:
        self.came.set()
        return True

    def wait(self) -> None:
        assert self.came.wait(60)


def ended_by(run: Started, number: signal.Signals) -> None:
    """It leaves soon, with a report and without children."""
    children = family(run.pid)
    run.send(number)
    assert run.wait(SOON_S) == CODES[number], run.err.read_text("utf-8")
    assert run.report["exit_code"] == CODES[number], "it ended in good order"
    for child in children:
        until_gone(child)


def assert_gone_on_with(office: Office) -> None:
    """One more night: done, once, nothing left over."""
    office.sandbox.faults.clear()
    assert office.night().exit_code == 0
    assert office.only().status is RecordStatus.DONE
    assert office.sandbox.ledger.bursts.keys() == EACH_ONCE.keys()
    assert [name for name in office.files() if ".part" in name] == []


@pytest.mark.parametrize(
    ("where", "number"),
    [
        ("corp_records", signal.SIGTERM),
        ("addresses", signal.SIGHUP),
        ("media", signal.SIGINT),
        ("transcriptions", signal.SIGTERM),
        ("chat", signal.SIGINT),
    ],
)
def test_row_76_a_signal_while_a_service_keeps_us_waiting(
    office: Office, sandbox: Sandbox, starter: Starter, where: str, number: signal.Signals
) -> None:
    reached = Reached()
    sandbox.faults.add(Fault(Kind.STALL, where, calls=reached, amount=600))
    run = starter.start(RUN, office.environment)
    reached.wait()

    ended_by(run, number)

    assert run.report["deferred"] == (0 if where == "corp_records" else 1)
    assert run.report["failed"] == 0
    assert_gone_on_with(office)


def test_row_76_a_signal_while_aria2_downloads(
    office: Office, sandbox: Sandbox, starter: Starter, sounds: Path
) -> None:
    sandbox.company.add(lesson(0, large(tone(sounds), LARGE_BYTES)))
    sandbox.faults.add(Fault(Kind.THROTTLE, "media", amount=1_000))
    by_aria2 = replace(office, changes={**office.changes, "DOWNLOADER": "aria2"})
    run = starter.start(RUN, by_aria2.environment)
    run.has_child("aria2c")

    ended_by(run, signal.SIGTERM)

    assert run.report["deferred"] == 1
    assert_gone_on_with(by_aria2)


def test_row_76_a_signal_while_ffmpeg_works(office: Office, starter: Starter, endless: str) -> None:
    run = starter.start(RUN, {**office.environment, **BY_FFMPEG, "PATH": endless})
    run.has_child("/dev/zero")

    ended_by(run, signal.SIGINT)

    assert run.report["deferred"] == 1
    assert_gone_on_with(office)


def test_row_76_a_signal_while_the_speech_model_works(starter: Starter, tmp_path: Path) -> None:
    run = starter.start(LISTEN, listening(tmp_path))
    run.says("transcribe starts")
    run.has_child(worker.__name__)

    ended_by(run, signal.SIGTERM)

    assert run.report["deferred"] > 0
    assert run.report["failed"] == 0


def test_row_76_a_second_signal_ends_it_at_once(office: Office, starter: Starter) -> None:
    with nobody_answers() as address:
        run = starter.start(RUN, {**office.environment, "KIMI_BASE_URL": address})
        run.connects_to(urlsplit(address).port or 0)  # before that it would end by itself
        run.send(signal.SIGTERM)
        run.says("asked to end")
        run.send(signal.SIGINT)
        assert run.wait(SOON_S) == CODES[signal.SIGTERM]
        assert run.out.read_text("utf-8") == "", "it did not wait for anything"
    assert_gone_on_with(office)


def test_row_76_nohup_is_meant(office: Office, sandbox: Sandbox, starter: Starter) -> None:
    reached = Reached()
    sandbox.faults.add(Fault(Kind.STALL, "chat", calls=reached, amount=600))
    run = starter.start(RUN, office.environment, ignoring=[signal.SIGHUP])
    reached.wait()
    run.send(signal.SIGHUP)
    ended_by(run, signal.SIGTERM)  # as the first signal: a second one leaves without a report


# ── and after kill -9, no child is left ──────────────────────────────────────────────────────────


@pytest.mark.parametrize("child", ["aria2c", "sleep", worker.__name__])
def test_row_77_no_child_outlives_a_run_that_is_killed(
    office: Office,
    sandbox: Sandbox,
    starter: Starter,
    tmp_path: Path,
    sounds: Path,
    hanging: str,
    child: str,
) -> None:
    environment = {**office.environment, **BY_FFMPEG, "DOWNLOADER": "aria2", "PATH": hanging}
    if child == "aria2c":
        sandbox.company.add(lesson(0, large(tone(sounds), LARGE_BYTES)))
        sandbox.faults.add(Fault(Kind.THROTTLE, "media", amount=100_000))
    if child == worker.__name__:
        run = starter.start(LISTEN, listening(tmp_path))
        run.says("transcribe starts")
    else:
        run = starter.start(RUN, environment)
    run.has_child(child)
    children = family(run.pid)

    run.send(signal.SIGKILL)

    assert run.wait() == -signal.SIGKILL
    for one in children:
        until_gone(one)


# ── what a run is kept busy with ─────────────────────────────────────────────────────────────────


@pytest.fixture
def endless(tmp_path: Path) -> str:
    """A PATH on which ffmpeg writes for ever."""
    return a_path(tmp_path / "endless", "exec cat /dev/zero")


@pytest.fixture
def hanging(tmp_path: Path) -> str:
    """A PATH on which ffmpeg does nothing for ever."""
    return a_path(tmp_path / "hanging", "exec sleep 1000")


def a_path(folder: Path, body: str) -> str:
    folder.mkdir()
    ffmpeg = folder / "ffmpeg"
    ffmpeg.write_text(f"#!/bin/sh\n{body}\n")
    ffmpeg.chmod(0o700)
    return f"{folder}:{os.environ['PATH']}"


def listening(tmp_path: Path) -> dict[str, str]:
    """The settings of an installation that has minutes of work for the local speech model.

    Without the sample that is cut on purpose: it fails, sooner or later than a signal comes.
    """
    lessons = tmp_path / "lessons"
    shutil.copytree(SAMPLES, lessons, ignore=shutil.ignore_patterns("*-445999974-*"))
    return {
        "MEETING_SOURCE": "folder",
        "MEETING_FOLDER": str(lessons),
        "SETTLE_S": "0",
        "TQM_LOOKBACK_DAYS": "36500",
        "ASR_BACKEND": "whisper",
        "DATA_DIR": str(tmp_path / "listening"),
    }


@contextmanager
def nobody_answers() -> Iterator[str]:
    """The address of a service that takes no connection, and refuses none."""
    with ExitStack() as sockets:
        listener = sockets.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        for _ in range(3):
            waiting = sockets.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
