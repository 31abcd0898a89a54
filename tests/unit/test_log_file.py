"""Row 84: a log file that many write and anybody rotates, and that never harms a run."""

import logging
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from meeting_pipeline.runtime.log_file import SharedLogFile

WRITERS, LINES = 4, 400


def handler(path: Path, largest_bytes: int = 1_000_000, kept: int = 60) -> SharedLogFile:
    path.parent.mkdir(exist_ok=True)
    return SharedLogFile(path, largest_bytes, kept)


def say(log: SharedLogFile, text: str) -> None:
    log.handle(logging.LogRecord("test", logging.INFO, "", 0, text, (), None))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "logs" / "record_worker.log"


@pytest.fixture
def log(path: Path) -> Iterator[SharedLogFile]:
    log = handler(path)
    say(log, "一")
    yield log
    log.close()


def in_a_process(work: Callable[[], None]) -> int:
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            work()
            code = 0
        finally:
            os._exit(code)
    return pid


def test_row_84_processes_that_share_and_rotate_it_lose_no_line_and_tear_none(path: Path) -> None:
    def write(number: int) -> None:
        log = handler(path, largest_bytes=8_000)
        for line in range(LINES):
            say(log, f"{number} {line} " + "字" * 20)

    children = [in_a_process(partial(write, number)) for number in range(WRITERS)]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * WRITERS

    files = sorted(path.parent.iterdir())
    lines = [line for file in files for line in file.read_text("utf-8").splitlines()]
    wanted = [f"{n} {line} " + "字" * 20 for n in range(WRITERS) for line in range(LINES)]
    assert sorted(lines) == sorted(wanted)
    assert len(files) > 5
    assert max(file.stat().st_size for file in files) < 9_000


def test_only_so_many_old_files_are_kept(path: Path) -> None:
    log = handler(path, largest_bytes=10, kept=3)
    for number in range(9):
        say(log, f"line number {number}")
    assert {file.name: file.read_text() for file in path.parent.iterdir() if file != path} == {
        f"record_worker.log.{place}": f"line number {9 - place}\n" for place in (1, 2, 3)
    }


def test_row_84_after_a_rename_the_next_line_is_in_a_new_file(
    log: SharedLogFile, path: Path
) -> None:
    old = path.rename(path.with_suffix(".old"))
    say(log, "二")
    assert (old.read_text("utf-8"), path.read_text("utf-8")) == ("一\n", "二\n")
    assert path.stat().st_mode & 0o077 == 0


def test_row_84_after_copytruncate_it_goes_on_at_the_start(log: SharedLogFile, path: Path) -> None:
    shutil.copy(path, path.with_suffix(".old"))
    os.truncate(path, 0)
    say(log, "二")
    assert path.read_bytes() == "二\n".encode()


def test_row_84_a_folder_that_was_removed_is_made_again(log: SharedLogFile, path: Path) -> None:
    shutil.rmtree(path.parent)
    say(log, "二")
    assert path.read_text("utf-8") == "二\n"


def test_row_84_where_nothing_can_be_written_nothing_happens(
    log: SharedLogFile, path: Path
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


def test_row_84_a_line_that_a_full_disk_cut_spoils_no_other(path: Path) -> None:
    def write() -> None:
        log = handler(path)
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (25, most))
        for text in ("0123456789", "abcdefghijklmnopqrst", "lost"):
            say(log, text)
        resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))
        say(log, "whole")

    assert os.waitpid(in_a_process(write), 0)[1] == 0
    assert path.read_text() == "0123456789\nabcdefghijklmn\nwhole\n"
