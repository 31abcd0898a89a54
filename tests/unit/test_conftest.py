"""What every test starts from holds in whatever way the tests are started."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.chance import drawn_for

pytestmark = pytest.mark.slow  # each starts a pytest of its own

ROOT = Path(__file__).parents[2]
DRAWS = "def test_it(chance):\n    assert False, f'drew {chance.random()}'\n"
BY_HYPOTHESIS = """
from hypothesis import given, strategies
@given(strategies.integers())
def test_it(number):
    assert number < 1000
"""
EATS_UP_MEMORY = """
def test_it():
    bytearray(9 << 30)
"""
NEEDS_A_PROGRAM = """
import pytest
from tests.support.system_programs import require_program
@pytest.fixture
def tool():
    return require_program("no-such-program", "no-such-package")
def test_in_a_fixture(tool):
    pass
def test_in_itself():
    require_program("no-such-program", "no-such-package")
"""
ASKS_A_CHILD = """
import signal, subprocess, sys
def test_it():
    names = "signal.SIGINT, signal.SIGHUP"
    program = f"import signal; print(signal.SIG_IGN in map(signal.getsignal, ({names})))"
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert child.stdout == b"False\\n"
"""
OUTLIVES_ITS_TERMINAL = """
import signal
def test_it():
    signal.raise_signal(signal.SIGHUP)
"""


def outcome_of(
    test: str,
    folder: Path,
    seed: str | None = None,
    ignoring: signal.Signals | None = None,
    ci: str = "",
) -> tuple[int, str]:
    """Run the tests of one file in a pytest of its own.

    Args:
        test: The text of the file.
        folder: Where the file is written.
        seed: The value of TEST_SEED, if any.
        ignoring: A signal that is ignored when pytest starts.
        ci: The value of CI.

    Returns:
        The exit code and the output.
    """
    (folder / "test_it.py").write_text(test)
    environment = {name: value for name, value in os.environ.items() if name != "TEST_SEED"}
    environment["CI"] = ci
    if seed:
        environment["TEST_SEED"] = seed
    words = ("-m", "pytest", "-p", "tests.conftest", "-p", "no:cacheprovider", "--rootdir=.", ".")
    before = signal.signal(ignoring, signal.SIG_IGN) if ignoring else None
    try:
        run = subprocess.Popen(
            [sys.executable, *words],
            cwd=folder,
            env=environment | {"PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            text=True,
        )
    finally:
        if ignoring:
            signal.signal(ignoring, before)
    said, _ = run.communicate()
    return run.returncode, said


def drawn(said: str) -> str:
    return said.partition("Error: drew ")[2].split()[0]


def test_a_failure_tells_the_seed_that_draws_the_same_once_more(tmp_path: Path) -> None:
    code, said = outcome_of(DRAWS, tmp_path)
    assert code == pytest.ExitCode.TESTS_FAILED
    beside = said.partition("= FAILURES =")[2]
    seed = beside.partition("TEST_SEED=")[2].split()[0]
    _, repeated = outcome_of(DRAWS, tmp_path, seed)
    assert drawn(repeated) == drawn(said)


def test_each_test_draws_for_itself() -> None:
    assert drawn_for("one").random() == drawn_for("one").random() != drawn_for("other").random()


def test_what_hypothesis_found_can_be_had_once_more(tmp_path: Path) -> None:
    _, said = outcome_of(BY_HYPOTHESIS, tmp_path)
    assert "@reproduce_failure" in said


@pytest.mark.parametrize("ignored", [signal.SIGINT, signal.SIGHUP])
def test_started_by_nohup_in_the_background_children_heed_signals_all_the_same(
    tmp_path: Path, ignored: signal.Signals
) -> None:
    code, said = outcome_of(ASKS_A_CHILD, tmp_path, ignoring=ignored)
    assert code == 0, said


def test_started_by_nohup_the_tests_outlive_their_terminal(tmp_path: Path) -> None:
    code, said = outcome_of(OUTLIVES_ITS_TERMINAL, tmp_path, ignoring=signal.SIGHUP)
    assert code == 0, said


def test_one_that_eats_up_memory_fails_by_its_name(tmp_path: Path) -> None:
    code, said = outcome_of(EATS_UP_MEMORY, tmp_path)
    assert code == pytest.ExitCode.TESTS_FAILED
    assert "FAILED test_it.py::test_it - MemoryError" in said


def test_a_missing_program_is_a_skip_on_a_laptop_and_a_failure_in_ci(tmp_path: Path) -> None:
    on_a_laptop = outcome_of(NEEDS_A_PROGRAM, tmp_path)
    in_ci = outcome_of(NEEDS_A_PROGRAM, tmp_path, ci="true")

    assert on_a_laptop[0] == 0 and "2 skipped" in on_a_laptop[1]
    assert in_ci[0] == 1 and "1 failed, 1 error" in in_ci[1]
