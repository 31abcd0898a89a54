"""A wheel built from the repository works without it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the unpacked wheel, far from the repository."""
    wheels, target = tmp_path_factory.mktemp("wheels"), tmp_path_factory.mktemp("elsewhere")
    build = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(wheels), str(REPOSITORY)]
    subprocess.run([sys.executable, *build], check=True, capture_output=True)
    [wheel] = wheels.iterdir()
    install = ["-m", "pip", "install", "--no-deps", "--no-index", "--target", str(target)]
    subprocess.run([sys.executable, *install, str(wheel)], check=True, capture_output=True)
    return target


def elsewhere(installed: Path, cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words],
        env={**os.environ, "PYTHONPATH": str(installed), "DATA_DIR": str(cwd / "data")},
        cwd=cwd,
        capture_output=True,
        text=True,
        check=True,
    )


def test_it_runs_from_its_own_files(installed: Path, tmp_path: Path) -> None:
    ended = elsewhere(installed, tmp_path, "-c", "import meeting_pipeline as m; print(m.__file__)")

    assert Path(ended.stdout.strip()).is_relative_to(installed)


def test_it_makes_its_tables_and_shows_them_as_sql(installed: Path, tmp_path: Path) -> None:
    elsewhere(installed, tmp_path, "-m", "meeting_pipeline", "db", "init")
    ended = elsewhere(installed, tmp_path, "-m", "meeting_pipeline", "db", "status", "--json")
    dumped = elsewhere(installed, tmp_path, "-m", "meeting_pipeline", "db", "dump-sql", "mysql")

    assert '"ok": true' in ended.stdout
    assert dumped.stdout == (installed / "meeting_pipeline" / "sql" / "init.sql").read_text("utf-8")


def test_everything_the_demo_needs_is_in_it(installed: Path) -> None:
    package = installed / "meeting_pipeline"

    assert len(list((package / "samples").glob("TM-*.m*"))) == 6
    assert (package / "adapters" / "llm" / "phase_lexicon.toml").is_file()
