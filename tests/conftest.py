"""What every test starts from: no settings of this machine, help pages of one width, Ctrl-C heeded.

And chance that a failed test tells the seed of.
"""

import os
import resource
import signal
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest
from hypothesis import HealthCheck, settings

from tests.support.chance import TOLD, drawn_for
from tests.support.system_programs import RequirementMissing, is_ci

os.environ.update({"COLUMNS": "100", "NO_COLOR": "1", "_TYPER_FORCE_DISABLE_TERMINAL": "1"})
os.environ["MEETING_HOME"] = "."  # the current folder, and never the .env of this clone

# `nohup` and a shell's `&` have us ignore these: our children would inherit that, and never end. A
# handler is not inherited, and the tests themselves still outlive their terminal.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda number, frame: None)

# A test that eats up memory fails by its name, and does not have the system kill whom it likes.
resource.setrlimit(resource.RLIMIT_DATA, (8 << 30, resource.getrlimit(resource.RLIMIT_DATA)[1]))

# How long an example takes tells how busy the machine is.
settings.register_profile(
    "here",
    settings.default,
    print_blob=True,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("here")


settings.register_profile("quick", settings.get_profile("here"), max_examples=20)


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Settings come from the test alone, and files go to its own folder."""
    from meeting_pipeline.settings.config import setting_names

    for name in setting_names():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def chance(request: pytest.FixtureRequest) -> Random:
    """What this test draws from."""
    return drawn_for(request.node.nodeid)


def pytest_report_header() -> str:
    return TOLD


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that start a MariaDB, so that `make quick` can leave them out."""
    for item in items:
        if _uses_mariadb(item):
            item.add_marker(pytest.mark.mariadb)


def _uses_mariadb(item: pytest.Item) -> bool:
    parameters = getattr(item, "callspec", None)
    return "mariadb" in getattr(item, "fixturenames", ()) or (
        parameters is not None
        and any(isinstance(one, str) and one == "mariadb" for one in parameters.params.values())
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Generator[None, None, None]:
    """Skip a test whose fixtures need what this machine lacks; CI lets it fail."""
    with _skipped_on_laptops():
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, None, None]:
    """Skip a test that needs what this machine lacks; CI lets it fail."""
    with _skipped_on_laptops():
        return (yield)


@contextmanager
def _skipped_on_laptops() -> Iterator[None]:
    try:
        yield
    except RequirementMissing as missing:
        if is_ci():
            raise
        pytest.skip(f"NOT TESTED HERE: {missing}")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Have a failure tell the seed of what it drew."""
    report = yield
    if report.failed and "chance" in getattr(item, "fixturenames", ()):
        report.sections.append(("chance", TOLD))
    return report
