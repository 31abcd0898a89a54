"""What every test starts from: no settings of this machine, help pages of one width."""

import os
from pathlib import Path

import pytest

os.environ.update({"COLUMNS": "100", "NO_COLOR": "1", "_TYPER_FORCE_DISABLE_TERMINAL": "1"})


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Settings come from the test alone, and files go to its own folder."""
    from meeting_pipeline.config import setting_names

    for name in setting_names():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
