"""What only reads needs no disk that can be written."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from meeting_pipeline.adapters.db.database import Database
from tests.support.disks import remount, small_disk
from tests.support.rows import meta

READERS = (
    ("status",),
    ("status", "--json"),
    ("export",),
    ("export", "--format", "html", "--transcripts"),
    ("show", "1"),
    ("why", "1"),
    ("stats",),
    ("db", "status"),
)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as folder:
        yield folder


def meeting(disk: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "meeting_pipeline", *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=disk,
        env={**os.environ, "DATA_DIR": str(disk)},
    )


@contextmanager
def installed(disk: Path) -> Iterator[Database]:
    rows = Database(f"sqlite:///{disk / 'meeting.db'}")
    rows.make_ready()
    rows.recordings.upsert([meta(1), meta(2)])
    yield rows
    rows.close()


@pytest.mark.parametrize("words", READERS, ids=" ".join)
def test_what_only_reads_works_on_a_disk_that_is_read_only(
    disk: Path, words: tuple[str, ...]
) -> None:
    with installed(disk):
        pass
    before = sorted(path.name for path in disk.iterdir())
    remount(disk, "ro")
    ended = meeting(disk, *words)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert sorted(path.name for path in disk.iterdir()) == before


def test_rows_that_are_in_the_journal_only_are_read(disk: Path, tmp_path: Path) -> None:
    with installed(tmp_path) as rows:
        copies = {path.name: path.read_bytes() for path in tmp_path.glob("meeting.db*")}
        assert rows.reading.find("1") == 1
    for name, content in copies.items():
        (disk / name).write_bytes(content)
    assert copies["meeting.db-wal"]
    remount(disk, "ro")
    ended = meeting(disk, "export", "--format", "jsonl")
    assert (ended.returncode, ended.stdout.count("\n")) == (0, 2)


def test_what_writes_says_that_the_disk_cannot_be_written(disk: Path) -> None:
    with installed(disk):
        pass
    remount(disk, "ro")
    ended = meeting(disk, "retry", "1")
    assert ended.returncode in (3, 5)
    assert "a bug" not in ended.stderr
