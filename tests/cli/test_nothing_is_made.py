"""Commands that only look leave no DATA_DIR behind where there was none."""

from pathlib import Path

import pytest

from tests.support.command import meeting
from tests.support.crontabs import path_with_cron


@pytest.fixture
def settings(tmp_path: Path) -> dict[str, str]:
    """The settings of an installation with one file, which no run has looked at."""
    recordings = tmp_path / "录制"
    recordings.mkdir()
    (recordings / "2026-01-05 李雷的课.mp4").write_text("this is not a film", "utf-8")
    return {
        "MEETING_SOURCE": "folder",
        "MEETING_FOLDER": str(recordings),
        "DATA_DIR": str(tmp_path / "data"),
        "SETTLE_S": "0",
    }


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("doctor", 0),
        ("doctor --json", 0),
        ("doctor --repair", 0),
        ("doctor --repair --dry-run", 0),
        ("retry 1", 2),
        ("retry --dead", 0),
        ("run --since 2020-01-01 --dry-run", 0),
        ("run-range 2020-01-01 2030-01-01 --dry-run", 0),
        ("fetch --dry-run", 0),
        ("status", 0),
        ("stats", 0),
    ],
)
def test_looking_makes_no_data_folder(
    settings: dict[str, str],
    tmp_path: Path,
    tmp_path_factory: pytest.TempPathFactory,
    words: str,
    code: int,
) -> None:
    settings["PATH"] = path_with_cron(tmp_path_factory.mktemp("cron"))
    ended = meeting(*words.split(), env=settings, cwd=tmp_path)
    assert ended.code == code, ended.err
    assert [path.name for path in tmp_path.iterdir()] == ["录制"]


def test_a_dry_run_without_a_data_folder_still_says_what_it_would_do(
    settings: dict[str, str], tmp_path: Path
) -> None:
    ended = meeting("run", "--since", "2020-01-01", "--dry-run", env=settings, cwd=tmp_path)
    assert "1 listed = 1 new + 0 known" in ended.out
