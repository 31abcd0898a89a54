"""One lesson, and an installation that shall bring it to its rows whatever goes wrong."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from meeting_pipeline.sandbox.limits import ROOMY
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.databases import mariadb
from tests.support.lessons import SHORT_IS_FINE, company, lesson, tone
from tests.support.offices import Office

__all__ = ["mariadb"]


@pytest.fixture(scope="session")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the sounds of lessons are kept."""
    return tmp_path_factory.mktemp("sounds")


@pytest.fixture
def sandbox(sounds: Path) -> Iterator[Sandbox]:
    with Sandbox(company(lesson(0, tone(sounds))), limits=ROOMY) as running:
        yield running


@pytest.fixture
def office(sandbox: Sandbox, tmp_path: Path) -> Office:
    settings = {**SHORT_IS_FINE, "DOWNLOADER": "http", "ASR_BACKEND": "openai", "JOBS": "4"}
    return Office(sandbox, tmp_path / "data", changes=settings)
