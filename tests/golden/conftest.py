"""Golden files: what `meeting` prints, stores and ends with, as it was once written down.

    pytest tests/golden                    compares, and shows what differs as one unified diff
    pytest tests/golden --golden-update    writes `expected/` again; read the difference in git

Each test types real commands (`tests.support.operator_terminal`) and removes from their output only
what differs between two runs (`tests.support.steady_text`).
"""

from pathlib import Path

import pytest

from tests.support.golden_files import GoldenFiles

EXPECTED = Path(__file__).parent / "expected"


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--golden-update", action="store_true", help="write the golden files again")


@pytest.fixture(scope="session")
def golden(pytestconfig: pytest.Config) -> GoldenFiles:
    return GoldenFiles(EXPECTED, bool(pytestconfig.getoption("golden_update", default=False)))
