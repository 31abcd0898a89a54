"""A backup is the database of one instant, whatever is written meanwhile."""

import os
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from meeting_pipeline.adapters.db.backup import back_up
from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.domain.views import RecordingFilter
from meeting_pipeline.errors import ConfigError, FatalError, UsageError
from tests.support.crash import killed_at
from tests.support.rows import meta, minutes

TABLES = ("recordings", "transcript_segments", "summaries", "attendance", "stage_ledger")


@pytest.fixture
def rows(tmp_path: Path) -> Iterator[Database]:
    opened = Database(f"sqlite:///{tmp_path / 'meeting.db'}")
    opened.make_ready()
    metas = [meta(number) for number in range(200)]
    opened.recordings.upsert(metas)
    for number in [record.id for record in opened.recordings.due_among(metas)]:
        opened.recordings.save(number, minutes(text="很长的一句话。" * 200))
    yield opened
    opened.close()


def content(path: Path) -> dict[str, list[tuple[object, ...]]]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return {
            table: sorted(connection.execute(f"SELECT * FROM {table}"), key=repr)
            for table in TABLES
        }


def test_restored_it_is_the_same_rows_for_its_owner_only(rows: Database, tmp_path: Path) -> None:
    made = back_up(tmp_path / "meeting.db", tmp_path / "kept" / "backup.db")

    assert made.recordings == 200
    assert made.size_bytes == made.path.stat().st_size
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in made.path.parent.iterdir()] == ["backup.db"]
    assert content(made.path) == content(tmp_path / "meeting.db")
    restored = Database(f"sqlite:///{made.path}")
    restored.make_ready()
    assert len(restored.reading.recordings(RecordingFilter())) == 200
    restored.close()


def test_while_somebody_writes_each_transaction_is_in_it_whole_or_not_at_all(
    rows: Database, tmp_path: Path
) -> None:
    stop, written = threading.Event(), threading.Event()

    def write() -> None:
        number = 200
        while not stop.is_set():
            rows.recordings.upsert([meta(number), meta(number + 1)])
            written.set()
            number += 2

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for _ in range(5):
            written.clear()
            assert written.wait(30)
            made = back_up(tmp_path / "meeting.db", tmp_path / "backup.db")
            assert made.recordings % 2 == 0
            assert len(content(made.path)["recordings"]) == made.recordings
    finally:
        stop.set()
        writer.join()


def test_killed_at_any_step_the_older_backup_is_whole(rows: Database, tmp_path: Path) -> None:
    database, target = tmp_path / "meeting.db", tmp_path / "backup.db"
    back_up(database, target)
    before = target.read_bytes()
    rows.recordings.upsert([meta(500)])
    step = 1
    while killed_at(step, lambda: back_up(database, target)):
        content(target)
        assert target.read_bytes() == before
        step += 1

    assert step > 1
    assert len(content(target)["recordings"]) == 201


def test_nothing_but_an_older_backup_is_replaced(rows: Database, tmp_path: Path) -> None:
    letter = tmp_path / "letter.txt"
    letter.write_text("dear", "utf-8")
    link = tmp_path / "link.db"
    link.symlink_to(tmp_path / "meeting.db")

    for target in (letter, tmp_path / "meeting.db", link, tmp_path):
        with pytest.raises(UsageError) as refusal:
            back_up(tmp_path / "meeting.db", target)
        assert refusal.value.code == "not_a_backup"
    assert letter.read_text("utf-8") == "dear"


def test_any_other_database_file_is_kept(rows: Database, tmp_path: Path) -> None:
    foreign, live = tmp_path / "accounts.db", tmp_path / "other" / "meeting.db"
    live.parent.mkdir()
    with closing(sqlite3.connect(foreign)) as connection:
        connection.execute("CREATE TABLE accounts (id INTEGER)")
        connection.commit()
    other = Database(f"sqlite:///{live}")
    other.make_ready()
    other.close()
    for target in (foreign, live):
        before = target.read_bytes()
        with pytest.raises(UsageError) as refusal:
            back_up(tmp_path / "meeting.db", target)
        assert refusal.value.code == "not_a_backup"
        assert target.read_bytes() == before


def test_a_restored_backup_is_a_database_and_not_replaced(rows: Database, tmp_path: Path) -> None:
    made = back_up(tmp_path / "meeting.db", tmp_path / "backup.db")
    other = tmp_path / "other"
    other.mkdir()
    made.path.rename(other / "meeting.db")
    with pytest.raises(UsageError):
        back_up(other / "meeting.db", other / "meeting.db")
    (other / "run.lock").touch()
    with pytest.raises(UsageError):
        back_up(tmp_path / "meeting.db", other / "meeting.db")
    assert len(content(other / "meeting.db")["recordings"]) == 200


def test_what_is_not_a_regular_file_is_refused_at_once(rows: Database, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(tmp_path / "socket"))
        names = ("pipe", "dangling", "socket", "/dev/stdout", "/dev/null", "/dev/tty")
        for name in filter(lambda one: os.path.lexists(tmp_path / one), names):
            with pytest.raises(UsageError) as refusal:
                back_up(tmp_path / "meeting.db", tmp_path / name)
            assert refusal.value.code == "not_a_backup"


def test_foreign_part_files_beside_it_are_kept(rows: Database, tmp_path: Path) -> None:
    kept = tmp_path / "backup.db.part"
    kept.write_bytes(b"mine")
    back_up(tmp_path / "meeting.db", tmp_path / "backup.db")
    back_up(tmp_path / "meeting.db", tmp_path / "backup.db")
    assert kept.read_bytes() == b"mine"
    assert list(tmp_path.glob(".meeting-*")) == []


def test_what_cannot_be_made_or_is_not_there_is_said(rows: Database, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(FatalError) as refusal:
        back_up(tmp_path / "meeting.db", tmp_path / "file" / "backup.db")
    assert refusal.value.code == "backup_failed"
    with pytest.raises(ConfigError) as nothing:
        back_up(tmp_path / "nothing.db", tmp_path / "backup.db")
    assert nothing.value.code == "no_database"
