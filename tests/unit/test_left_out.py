"""Every file that lies in a folder is listed, or is in the report with the reason."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from meeting_pipeline.errors import RecordError
from meeting_pipeline.ports.media import MediaInfo
from tests.support.recording_folder import ALWAYS, NOW, Room, listed_with_trouble

NOBODY = 65_534


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Be a user whom permissions concern, as root is not."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.mark.parametrize(
    "folder",
    [
        *("#recycle", "@Recycle", "$RECYCLE.BIN", "@eaDir", "#snapshot", ".Trash-1000"),
        *("lost+found", "#RECYCLE", "课程/2026/@eaDir", "@Recently-Snapshot", ".snapshot"),
        *("@tmp", "found.000", "@__thumb", ".@__thumb", "Recycled", "RECYCLER", ".zfs"),
        *("~snapshot", ".Trashes", ".Trash-0", "System Volume Information", "课程/.stversions"),
    ],
)
def test_housekeeping_of_a_system_is_left_out_at_any_depth_and_counted(
    room: Room, folder: str
) -> None:
    room.put(f"{folder}/删掉的课.m4a", "a")
    room.put("课.m4a", "b")
    source = room.source()
    assert [meta.subject for meta in source.list_records(ALWAYS)] == ["课"]
    assert source.left_out == {"housekeeping": 1}
    [note] = source.notes
    assert "recycle bins, snapshots and other folders of the system: 1" in note


@pytest.mark.parametrize(
    "folder",
    [
        *("#1 第一课", "@王老师", "recycle", "snapshots", "第1课 lost", "tmp", "found", "thumb"),
        *("snapshot", "zfs", "found.课"),
    ],
)
def test_a_folder_with_a_similar_name_is_read(room: Room, folder: str) -> None:
    room.put(f"{folder}/课.m4a")
    source = room.source()
    assert [meta.subject for meta in source.list_records(ALWAYS)] == ["课"]
    assert source.left_out == {}


def test_every_file_that_is_not_read_is_counted_by_its_kind(room: Room) -> None:
    room.put("课.m4a")
    room.put("课.json", '{"subject": "课"}')
    for name in ("讲义.pdf", "讲义2.pdf", "list.m3u8", "README", "课2.json"):
        room.put(name)
    source = room.source()
    list(source.list_records(ALWAYS))
    assert source.left_out == {"other_kind": 5}
    [note] = source.notes
    assert "not read: 5 (.pdf 2, no suffix 1, .json 1, .m3u8 1)" in note


@pytest.mark.parametrize("name", ["p.wav", "p.pdf", "p"])
def test_a_named_pipe_is_counted_as_what_it_is_whatever_its_suffix(room: Room, name: str) -> None:
    os.mkfifo(room.folder / name)
    source = room.source()
    assert list(source.list_records(ALWAYS)) == []
    assert source.left_out == {"special": 1}
    assert any("pipes, sockets and devices, which are not files: 1" in one for one in source.notes)


def test_hidden_media_and_hidden_folders_are_counted_and_other_hidden_files_are_not(
    room: Room,
) -> None:
    for name in (".课.mp4", "._课.mp4", "~课.m4a", ".git/课.mp4", ".DS_Store", "~$讲义.docx"):
        room.put(name)
    source = room.source()
    assert list(source.list_records(ALWAYS)) == []
    assert source.left_out == {"hidden": 4}


def test_files_that_still_grow_are_counted_by_reason(room: Room) -> None:
    room.put("刚刚.m4a", modified=NOW - timedelta(seconds=5))
    room.put("下载.m4a", "a")
    room.put("下载.m4a.aria2")
    room.put("别的.mp4.crdownload")
    room.put("变化.m4a", "b")
    source = room.source()
    listing = source.list_records(ALWAYS)
    room.put("变化.m4a", "longer")
    assert list(listing) == []
    assert source.left_out == {"just_changed": 1, "downloading": 1, "changing": 1, "unfinished": 1}
    assert source.waiting == 3
    assert len(source.notes) == 4


def test_a_file_that_vanishes_while_it_is_listed_is_counted(room: Room) -> None:
    gone = room.put("a.mp4", "a")
    room.put("b.mp4", "b")
    source = room.source()
    listing = source.list_records(ALWAYS)
    gone.unlink()
    assert [meta.subject for meta in listing] == ["b"]
    assert source.left_out == {"changing": 1}


def test_a_file_that_may_not_be_read_is_unreadable_and_does_not_wait() -> None:
    with tempfile.TemporaryDirectory(dir="/dev/shm") as scratch:
        room = Room(Path(scratch))
        room.put("a.mp4", "a")
        room.put("b.mp4", "b").chmod(0)
        room.put("c/d.mp4", "d").parent.chmod(0)
        for folder in (Path(scratch), room.index.parent):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o777)
        source = room.source(lambda path: MediaInfo(60.0, True, "aac", created_at=None))
        with unprivileged():
            listed, trouble = listed_with_trouble(source)
        (room.folder / "c").chmod(0o700)
        assert [meta.subject for meta in listed] == ["a"]
        assert trouble.code == "folder_unreadable"
        assert "cannot be read: 2" in trouble.message
        assert source.left_out == {"unreadable": 2}
        assert source.waiting == 0
        [note] = source.notes
        assert "cannot be read: 2" in note


def test_a_file_that_could_not_be_read_is_inspected_again_when_it_can() -> None:
    def probe(path: Path) -> MediaInfo:
        try:
            path.read_bytes()
        except OSError as error:
            raise RecordError("not_media", f"{path.name}: {error.strerror}") from error
        return MediaInfo(60.0, has_audio=True, audio_codec="aac", created_at=None)

    with tempfile.TemporaryDirectory(dir="/dev/shm") as scratch:
        room = Room(Path(scratch))
        lesson = room.put("a.mp4", "a")
        lesson.chmod(0)
        for folder in (Path(scratch), room.index.parent):
            folder.mkdir(exist_ok=True)
            folder.chmod(0o777)
        with unprivileged():
            assert listed_with_trouble(room.source(probe))[0] == []
        lesson.chmod(0o644)
        [only] = room.source(probe).list_records(ALWAYS)
        assert only.duration_s == 60.0


def test_links_are_counted(room: Room) -> None:
    (room.folder / "link.mp4").symlink_to(room.put("课.m4a"))
    source = room.source()
    assert [meta.subject for meta in source.list_records(ALWAYS)] == ["课"]
    assert source.left_out == {"link": 1}


def test_a_later_listing_counts_from_zero(room: Room) -> None:
    pdf = room.put("讲义.pdf")
    room.put("课.m4a")
    source = room.source()
    list(source.list_records(ALWAYS))
    pdf.unlink()
    list(source.list_records(ALWAYS))
    assert source.left_out == {}
    assert source.notes == ()
