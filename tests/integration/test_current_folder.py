"""What lies in the current folder is never run: whoever can write there would get the keys."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from meeting_pipeline.runtime.programs import find_program
from meeting_pipeline.sandbox.limits import ROOMY
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.sandbox_installation import Office
from tests.support.short_recordings import BY_FFMPEG, SHORT_IS_FINE, company, lesson, tone

PROGRAMS = ("ffmpeg", "ffprobe", "aria2c", "setpriv", "true", "crontab", "python", "python3")
HERE = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
MEETING = [str(BIN / "meeting")]
RUN = ["run", "--since", "7d", "--json"]


@dataclass(frozen=True)
class PoisonedFolder:
    """A folder with a module of every name that is imported, and a program of each that is run.

    Whatever of it is executed writes its name to `marker`.
    """

    folder: Path
    marker: Path

    def fill(self) -> None:
        for name in {*sys.stdlib_module_names, *packages_distributions(), "meeting_pipeline"}:
            text = f"open({str(self.marker)!r}, 'a').write(__name__ + '.py ')\n"
            (self.folder / f"{name}.py").write_text(text, "utf-8")
        for name in PROGRAMS:
            program = self.folder / name
            program.write_text(f"#!/bin/sh\nprintf '{name} ' >> '{self.marker}'\n", "utf-8")
            program.chmod(0o700)

    def executed(self) -> list[str]:
        return sorted(set(self.marker.read_text("utf-8").split())) if self.marker.exists() else []

    def run(self, command: list[str], environment: Mapping[str, str]) -> int:
        """The exit code of the command that is started here, with this folder first on its PATH."""
        path = os.pathsep.join(("", ".", os.environ["PATH"]))
        ended = subprocess.run(
            command, cwd=self.folder, env={**os.environ, **environment, "PATH": path}, check=False
        )
        return ended.returncode


@pytest.fixture
def poisoned(tmp_path: Path) -> PoisonedFolder:
    folder = tmp_path / "current"
    folder.mkdir()
    made = PoisonedFolder(folder, tmp_path / "marker")
    made.fill()
    return made


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    with Sandbox(company(lesson(0, tone(tmp_path))), limits=ROOMY) as sandbox:
        changes = {**SHORT_IS_FINE, **BY_FFMPEG, "ASR_BACKEND": "openai"}
        yield Office(sandbox, tmp_path / "data", changes=changes)


@pytest.mark.parametrize(
    "program", [MEETING, [sys.executable, "-P", "-m", "meeting_pipeline"]], ids=["script", "module"]
)
def test_security_04_a_whole_run_with_its_decoders_runs_nothing_of_the_current_folder(
    poisoned: PoisonedFolder, office: Office, program: list[str]
) -> None:
    code = poisoned.run([*program, *RUN], office.environment)
    assert poisoned.executed() == []
    assert code == 0
    assert "summary.md" in office.files()


def test_security_04_doctor_tries_no_program_and_no_module_of_the_current_folder(
    poisoned: PoisonedFolder, office: Office
) -> None:
    poisoned.run([*MEETING, "doctor"], office.environment)
    assert poisoned.executed() == []


def test_security_04_the_nightly_run_runs_nothing_that_lies_beside_its_own_file(
    poisoned: PoisonedFolder, office: Office, tmp_path: Path
) -> None:
    shutil.copy(HERE / "cron_incremental.py", poisoned.folder)
    recordings = tmp_path / "recordings"
    recordings.mkdir()
    shutil.copy(tone(tmp_path), recordings / "2026-01-05 19-30-00.m4a")
    services = {name: value for name, value in office.environment.items() if name != "TQM_BASE_URL"}
    settings = {
        **services,
        "ALLOW_PRIVATE_HOSTS": "0",
        "MEETING_SOURCE": "folder",
        "MEETING_FOLDER": str(recordings),
        "SETTLE_S": "0",
    }
    code = poisoned.run([sys.executable, "cron_incremental.py"], settings)
    assert poisoned.executed() == []
    assert code == 0
    assert "summary.md" in office.files()


def test_security_04_an_interpreter_that_a_library_starts_finds_no_module_of_the_current_folder(
    poisoned: PoisonedFolder,
) -> None:
    """As multiprocessing starts one, to look after its semaphores."""
    starting = (
        "import subprocess, sys\n"
        "from meeting_pipeline.__main__ import main\n"
        "try:\n"
        "    main('--version')\n"
        "except SystemExit:\n"
        "    subprocess.run([sys.executable, '-c', 'import queue, random'], check=True)\n"
    )
    assert poisoned.run([sys.executable, "-P", "-c", starting], {}) == 0
    assert poisoned.executed() == []


@pytest.mark.parametrize("path", ["", ".", "tools", ".:", ":tools"])
def test_security_04_a_path_of_relative_folders_has_no_programs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    for folder in (tmp_path, tmp_path / "tools"):
        folder.mkdir(exist_ok=True)
        (folder / "ffmpeg").write_text("#!/bin/sh\n")
        (folder / "ffmpeg").chmod(0o700)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", path)
    assert find_program("ffmpeg") is None
    monkeypatch.setenv("PATH", f"{path}:{tmp_path / 'tools'}")
    assert find_program("ffmpeg") == str(tmp_path / "tools" / "ffmpeg")
