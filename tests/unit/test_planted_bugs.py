"""The bugs that `make faults` plants can be planted into the code as it is."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.support import planted, planted_bugs

PLANT_ALL = (
    f"from {planted.__name__} import BUGS\nfor bug in BUGS:\n    bug.plant()\n    print(bug.name)\n"
)


def test_every_bug_finds_what_it_changes() -> None:
    """In a process of its own, which has it then."""
    ended = subprocess.run(
        [sys.executable, "-c", PLANT_ALL],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    )
    assert ended.stdout.splitlines() == [bug.name for bug in planted.BUGS]


def test_what_is_not_in_the_package_cannot_be_replaced() -> None:
    def gone() -> None: ...

    with pytest.raises(AssertionError, match="gone is nowhere in the package"):
        planted_bugs.replace(gone, gone)
