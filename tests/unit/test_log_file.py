"""Row 84: a log file that rotates, that other programs may rotate, and that never harms a run."""

import logging
import os
import resource
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from meeting_pipeline.runtime.logs import RotatingLogFile
from meeting_pipeline.storage.files import write_durably


@pytest.fixture(autouse=True)
def quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)


def handler(path: Path, max_bytes: int = 1_000_000, kept: int = 10) -> RotatingLogFile:
    return RotatingLogFile(path, maxBytes=max_bytes, backupCount=kept, encoding="utf-8")


def say(log: RotatingLogFile, text: str) -> None:
    log.handle(logging.LogRecord("test", logging.INFO, "", 0, text, (), None))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "record_worker.log"


@pytest.fixture
def log(path: Path) -> Iterator[RotatingLogFile]:
    log = handler(path)
    say(log, "一")
    yield log
    log.close()


def test_a_full_file_is_rotated_and_the_oldest_is_removed(path: Path) -> None:
    log = handler(path, max_bytes=20, kept=3)
    for number in range(9):
        say(log, f"line number {number}")
    assert {file.name: file.read_text() for file in path.parent.iterdir()} == {
        "record_worker.log": "line number 8\n",
        "record_worker.log.1": "line number 7\n",
        "record_worker.log.2": "line number 6\n",
        "record_worker.log.3": "line number 5\n",
    }


def test_row_84_after_a_rename_the_next_line_is_in_a_new_file(
    log: RotatingLogFile, path: Path
) -> None:
    old = path.rename(path.with_suffix(".old"))
    say(log, "二")
    assert (old.read_text("utf-8"), path.read_text("utf-8")) == ("一\n", "二\n")


def test_row_84_after_an_erasure_the_next_line_is_in_the_file_that_it_wrote(
    log: RotatingLogFile, path: Path
) -> None:
    write_durably(path, b"erased\n")
    say(log, "二")
    assert path.read_text("utf-8") == "erased\n二\n"


def test_row_84_after_copytruncate_it_continues_at_the_start(
    log: RotatingLogFile, path: Path
) -> None:
    shutil.copy(path, path.with_suffix(".old"))
    os.truncate(path, 0)
    say(log, "二")
    assert path.read_bytes() == "二\n".encode()


def test_row_84_a_folder_that_was_removed_is_made_again(log: RotatingLogFile, path: Path) -> None:
    shutil.rmtree(path.parent)
    say(log, "二")
    assert path.read_text("utf-8") == "二\n"


def test_row_84_where_nothing_can_be_written_nothing_happens(
    log: RotatingLogFile, path: Path
) -> None:
    shutil.rmtree(path.parent)
    path.parent.write_text("in the way")
    say(log, "二")
    path.parent.unlink()
    path.parent.mkdir()
    path.symlink_to("/dev/full")
    say(log, "三")
    path.unlink()
    say(log, "四")
    assert path.read_text("utf-8") == "四\n"


def test_row_84_a_disk_that_is_full_for_a_while_cuts_no_line(path: Path) -> None:
    child = os.fork()
    if child == 0:
        log = handler(path)
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (25, most))
        for text in ("0123456789", "abcdefghijklmnopqrst", "lost"):
            say(log, text)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        say(log, "whole")
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert path.read_text() == "0123456789\nabcdefghijklmnopqrst\nwhole\n"
