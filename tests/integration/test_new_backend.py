"""A back end is added as CONTRIBUTING.md says, and a night uses it."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from meeting_pipeline import exit_codes
from meeting_pipeline.errors import ConfigError
from meeting_pipeline.sandbox.limits import ROOMY
from meeting_pipeline.sandbox.server import Sandbox
from meeting_pipeline.settings import backends, config
from meeting_pipeline.settings.backends import SUMMARIZERS, BackendSpec
from tests.support.sandbox_installation import Office
from tests.support.short_recordings import SHORT_IS_FINE, company, tone

PAGE = Path(__file__).parents[2] / "CONTRIBUTING.md"
EXAMPLE = re.compile(r"```python\n# (\S+)\n(.*?)```", re.DOTALL)
NO_FILE = Path("no.env")


@pytest.fixture
def opening(monkeypatch: pytest.MonkeyPatch) -> Iterator[BackendSpec]:
    """The back end of the page: its modules are there, and its row is in the table."""
    *modules, (place, row) = EXAMPLE.findall(PAGE.read_text("utf-8"))
    for path, text in modules:
        name = "meeting_pipeline." + path.removesuffix(".py").replace("/", ".")
        module = ModuleType(name)
        exec(compile(text, path, "exec"), module.__dict__)
        monkeypatch.setitem(sys.modules, name, module)
    assert place == "settings/backends.py"
    spec = eval(row, dict(vars(backends)))
    assert isinstance(spec, BackendSpec)
    SUMMARIZERS.rows.append(spec)
    yield spec
    SUMMARIZERS.rows.remove(spec)


def test_a_night_uses_a_back_end_that_only_its_row_names(
    opening: BackendSpec, tmp_path: Path
) -> None:
    folder = tmp_path / "recordings"
    folder.mkdir()
    tone(tmp_path, 1).rename(folder / "lesson 2026-01-05.m4a")
    changes = {
        "MEETING_SOURCE": "folder",
        "MEETING_FOLDER": str(folder),
        "SETTLE_S": "0",
        "LLM_BACKEND": opening.name,
        "NOTIFY_URLS": "",
        **SHORT_IS_FINE,
    }
    with Sandbox(company(), limits=ROOMY) as sandbox:
        office = Office(sandbox, tmp_path / "data", changes=changes)
        report = office.night()
        detail = office.detail(office.only().record_id)

    assert report.exit_code == exit_codes.OK
    assert detail.summary is not None
    assert detail.summary.engine == opening.name


def test_its_name_is_accepted_as_long_as_it_has_a_row(opening: BackendSpec) -> None:
    chosen = config.load(NO_FILE, {"LLM_BACKEND": opening.name})
    assert SUMMARIZERS.chosen(chosen) is opening
    with pytest.raises(ConfigError, match="kimi, extractive, opening"):
        config.load(NO_FILE, {"LLM_BACKEND": "closing"})


def test_without_its_row_its_name_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"kimi, extractive$"):
        config.load(NO_FILE, {"LLM_BACKEND": "opening"})
