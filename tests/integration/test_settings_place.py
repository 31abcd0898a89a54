"""Which `.env` a command uses, wherever it is called, and what it leaves there."""

from pathlib import Path

import pytest

from meeting_pipeline import settings as package
from tests.support.command import Ended, meeting

PACKAGE = Path(package.__file__).parents[1]
READING = [
    ["status"],
    ["stats"],
    ["show", "1"],
    ["why", "1"],
    ["export"],
    ["config", "show"],
    ["db", "status"],
    ["cleanup", "--dry-run"],
    ["erase", "--student", "stu_chen", "--dry-run"],
]


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone of the program, whose `.env` says that one recording is processed at once."""
    made = tmp_path / "srv" / "meeting"
    made.mkdir(parents=True)
    (made / "meeting_pipeline").symlink_to(PACKAGE)
    write_env(made, "JOBS=1\nDATA_DIR=./rows\nMEETING_SOURCE=folder\nMEETING_FOLDER=in\n")
    (made / "in").mkdir()
    return made


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    made = tmp_path / "elsewhere"
    made.mkdir()
    return made


def write_env(folder: Path, text: str) -> None:
    (folder / ".env").write_text(text, "utf-8")
    (folder / ".env").chmod(0o600)


def called(clone: Path, cwd: Path, *words: str, home: str = "") -> Ended:
    """The program of this clone, called in a folder, with MEETING_HOME or without."""
    return meeting(*words, env={"PYTHONPATH": str(clone), "MEETING_HOME": home}, cwd=cwd)


def used(clone: Path, cwd: Path, home: str = "") -> tuple[str | None, str]:
    """Which `.env` is used, and how many recordings are processed at once."""
    document = called(clone, cwd, "config", "show", "--json", home=home).document
    [jobs] = [one["value"] for one in document["settings"] if one["name"] == "JOBS"]
    return document["env_file"], jobs


def test_the_folder_of_the_installation_is_used_from_any_other_folder(
    clone: Path, elsewhere: Path
) -> None:
    assert used(clone, elsewhere) == (str(clone / ".env"), "1")


def test_an_env_file_of_the_current_folder_goes_before_it(clone: Path, elsewhere: Path) -> None:
    write_env(elsewhere, "JOBS=2\n")
    assert used(clone, elsewhere) == (str(elsewhere / ".env"), "2")


def test_meeting_home_goes_before_both(clone: Path, elsewhere: Path, tmp_path: Path) -> None:
    write_env(elsewhere, "JOBS=2\n")
    write_env(tmp_path, "JOBS=3\n")
    assert used(clone, elsewhere, str(tmp_path)) == (str(tmp_path / ".env"), "3")


def test_without_any_file_there_is_the_environment_alone(clone: Path, elsewhere: Path) -> None:
    (clone / ".env").unlink()
    assert used(clone, elsewhere) == (None, "auto")
    assert "no .env" in called(clone, elsewhere, "config", "show").out


def test_people_are_told_which_file_it_is(clone: Path, elsewhere: Path) -> None:
    for words in (["config", "show"], ["doctor"]):
        assert f"{clone / '.env'}（安装目录" in called(clone, elsewhere, *words).out
    document = called(clone, elsewhere, "doctor", "--json").document
    assert document["env_file"] == str(clone / ".env")


def test_a_run_from_another_folder_leaves_everything_in_the_installation(
    clone: Path, elsewhere: Path
) -> None:
    (clone / "logs").mkdir()

    ended = called(clone, elsewhere, "run", "--json")

    assert ended.code == 0, ended.err
    assert (clone / "rows" / "meeting.db").is_file()
    assert (clone / "logs" / "record_worker.log").is_file()
    assert list(elsewhere.iterdir()) == []
    assert "last run" in called(clone, elsewhere, "status").out


def test_relative_paths_count_from_meeting_home(clone: Path, elsewhere: Path) -> None:
    (clone / ".env").rename(elsewhere / ".env")
    (elsewhere / "in").mkdir()

    assert called(clone, clone, "run", home=str(elsewhere)).code == 0
    assert (elsewhere / "rows" / "meeting.db").is_file()
    assert sorted(one.name for one in clone.iterdir()) == ["in", "meeting_pipeline"]


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_command_that_reads_creates_nothing(
    clone: Path, elsewhere: Path, words: list[str]
) -> None:
    (clone / ".env").unlink()

    ended = called(clone, elsewhere, *words)

    assert "Traceback" not in ended.err
    assert list(elsewhere.iterdir()) == []


@pytest.mark.parametrize("words", [["status"], ["stats"], ["show", "1"], ["export"]], ids=" ".join)
def test_where_there_is_no_database_its_place_is_told(
    clone: Path, elsewhere: Path, words: list[str]
) -> None:
    (clone / ".env").unlink()
    ended = called(clone, elsewhere, *words)
    assert f"no database yet: {elsewhere / 'data' / 'meeting.db'}" in ended.err


@pytest.mark.parametrize("name", ["100%", "50% off", "%(here)s", "a%20b", "why?", "a#1"])
def test_a_path_with_a_percent_sign_is_a_path(clone: Path, elsewhere: Path, name: str) -> None:
    moved = clone.rename(clone.parent / name)

    assert called(moved, moved, "db", "upgrade").code == 0
    assert called(moved, elsewhere, "run").code == 0
    assert (moved / "rows" / "meeting.db").is_file()
    assert called(moved, elsewhere, "db", "status").code == 0


def test_a_home_that_is_no_folder_is_refused(clone: Path, elsewhere: Path) -> None:
    ended = called(clone, elsewhere, "status", home="/no/such/folder")
    assert ended.code == 3
    assert "no_home: MEETING_HOME /no/such/folder" in ended.err


def test_a_model_and_a_program_beside_the_file_are_found_and_a_password_is_no_path(
    clone: Path, elsewhere: Path
) -> None:
    write_env(clone, "WHISPER_MODEL=./model\nARIA2C=./aria2c\nKIMI_MODEL=./kimi\nDB_CA=ca.pem\n")
    document = called(clone, elsewhere, "config", "show", "--json").document
    values = {one["name"]: one["value"] for one in document["settings"]}
    assert values["WHISPER_MODEL"] == str(clone / "model")
    assert values["ARIA2C"] == str(clone / "aria2c")
    assert values["DB_CA"] == str(clone / "ca.pem")
    assert values["KIMI_MODEL"] == "./kimi"
