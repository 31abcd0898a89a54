"""One lesson, and an installation that shall bring it to its rows whatever goes wrong."""

import os
import shutil
import sys
from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

import certifi
import pytest

from meeting_pipeline.sandbox.limits import ROOMY
from meeting_pipeline.sandbox.server import Sandbox
from tests.support import canaries, fault_table
from tests.support.canaries import CommandLines, watched_command_lines
from tests.support.crash_site import sandbox_with, sandbox_with_a_large_file
from tests.support.databases import clear, sqlite_template
from tests.support.databases import mariadb as plain_mariadb
from tests.support.mariadb import MariaDb
from tests.support.night_processes import NightProcesses, night_processes
from tests.support.processes import Starter, starting
from tests.support.quick_python import quick_python
from tests.support.sandbox_installation import Office
from tests.support.short_recordings import SHORT_IS_FINE, company, lesson, tone

__all__ = ["plain_mariadb", "sqlite_template"]

_IN_MEMORY = Path("/dev/shm")
_ROOM = 4 << 30

if _IN_MEMORY.is_dir() and shutil.disk_usage(_IN_MEMORY).free > _ROOM:
    # kill -9 loses nothing that was written, synced or not, so no test needs to wait for a disk
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(_IN_MEMORY))


@pytest.fixture
def starter(tmp_path: Path) -> Iterator[Starter]:
    """Start processes, and end those that are left when the test ends."""
    with starting(tmp_path / "streams") as one:
        yield one


@pytest.fixture(scope="session")
def mariadb(plain_mariadb: MariaDb) -> MariaDb:
    """The session's server, with an account whose password every night is given."""
    canaries.make_account(plain_mariadb, canaries.ACCOUNT)
    return plain_mariadb


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the sounds of lessons are kept."""
    return tmp_path_factory.mktemp("sounds")


@pytest.fixture(scope="session", autouse=True)
def quick_nights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Worker processes of nights in this process are forked.

    And no connection to MariaDB reads all the certificates of the world, which takes 50 ms.
    """
    first, end, _ = Path(certifi.where()).read_text("utf-8").partition("-----END CERTIFICATE-----")
    certificates = tmp_path_factory.mktemp("certificates") / "one.pem"
    certificates.write_text(first + end + "\n", "utf-8")
    with quick_python() as python, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "executable", python)
        patch.setenv("SSL_CERT_FILE", str(certificates))
        yield


@pytest.fixture(scope="session")
def command_lines() -> Iterator[CommandLines]:
    """Reads what the list of processes shows."""
    with watched_command_lines() as watched:
        yield watched


@pytest.fixture(autouse=True)
def no_secret_is_seen(tmp_path: Path, command_lines: CommandLines) -> Iterator[None]:
    """I9 of every test: in no file that it left, and in no process that it started."""
    yield
    assert [*canaries.found_in_files(tmp_path), *command_lines.found()] == []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """I9 of every test: not in what it printed or logged in this process either."""
    report = yield
    texts = "\n".join((report.capstdout, report.capstderr, report.caplog)).encode()
    if report.passed and (kinds := canaries.found_in(texts)):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} shows {', '.join(kinds)}"
    return report


@pytest.fixture
def sandbox(sounds: Path) -> Iterator[Sandbox]:
    with Sandbox(company(lesson(0, tone(sounds))), limits=ROOMY) as running:
        yield running


@pytest.fixture
def office(sandbox: Sandbox, tmp_path: Path) -> Office:
    settings = {**SHORT_IS_FINE, "DOWNLOADER": "http", "ASR_BACKEND": "openai", "JOBS": "4"}
    return Office(sandbox, tmp_path / "data", changes=settings)


@pytest.fixture
def served(office: Office, mariadb: MariaDb) -> Office:
    """The installation with its rows in MariaDB."""
    clear(mariadb)
    return replace(office, changes={**office.changes, **canaries.at(mariadb)})


@pytest.fixture(scope="session")
def processes() -> Iterator[NightProcesses]:
    """Forks nights."""
    with night_processes() as running:
        yield running


@pytest.fixture(scope="session")
def two_lessons(sounds: Path) -> Iterator[Sandbox]:
    """Two recordings to process, and one to wait for."""
    with sandbox_with(2, sounds) as running:
        yield running


@pytest.fixture(scope="session")
def large_lesson(sounds: Path) -> Iterator[Sandbox]:
    """One recording that aria2 downloads over several connections."""
    with sandbox_with_a_large_file(sounds) as running:
        yield running


@pytest.fixture(scope="session")
def sixteen_lessons(sounds: Path) -> Iterator[Sandbox]:
    """Sixteen recordings to process, and one to wait for."""
    with sandbox_with(16, sounds) as running:
        yield running


@pytest.fixture(scope="session")
def tables(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A DATA_DIR with our tables and no rows."""
    folder = tmp_path_factory.mktemp("tables")
    (folder / "meeting.db").write_bytes(sqlite_template.read_bytes())
    return folder


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """The table, over all processes that tested."""
    stats = terminalreporter.stats
    passed, failed = stats.get("passed", []), stats.get("failed", [])
    faults = [report for report in passed if "tests/faults/" in report.nodeid]
    others = [report for report in faults if not fault_table.is_told(report)]
    lines = [*fault_table.table([*passed, *failed], len(others)), *fault_table.found_bugs(passed)]
    if lines:
        terminalreporter.section("faults")
        terminalreporter.write_line("\n".join(lines))
