"""What is remembered of the files of a folder between runs."""

from collections.abc import Generator
from datetime import timedelta
from pathlib import Path

import pytest

from meeting_pipeline.errors import FatalError
from tests.support.recording_folder import ALWAYS, OLD, Room


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


@pytest.mark.slow
def test_an_unchanged_file_is_neither_read_nor_probed_again(room: Room) -> None:
    paths = [room.put(f"{number:04}.mp4", f"第{number}节课") for number in range(1000)]
    first = room.listed()
    assert len(first) == len(room.probed) == 1000
    for path in paths:  # same size and time: whoever reads it again sees another recording
        room.put(path.name, path.read_text().replace("课", "謖"))
    room.probed.clear()
    before = room.index.stat().st_mtime_ns, room.index.stat().st_ino
    assert room.listed() == first
    assert room.probed == []
    assert (room.index.stat().st_mtime_ns, room.index.stat().st_ino) == before


def test_a_changed_file_is_read_again(room: Room) -> None:
    room.put("a.mp4", "课一")
    before = room.only().key
    room.put("a.mp4", "课二", modified=OLD + timedelta(seconds=1))
    assert room.only().key != before


def test_files_that_are_gone_are_forgotten(room: Room) -> None:
    path = room.put("a.mp4", "课一")
    room.put("b.mp4", "课二")
    room.listed()
    path.unlink()
    room.listed()
    assert list(room.remembered()) == ["b.mp4"]


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "7", '{"a.mp4": 1}', '{"a.mp4": {"size_bytes": "x"}}', "[" * 100_000],
)
def test_a_broken_index_is_made_anew(room: Room, content: str) -> None:
    room.put("a.mp4")
    before = room.listed()
    intact = room.index.read_bytes()
    room.index.write_text(content)
    assert room.listed() == before
    assert room.index.read_bytes() == intact


def test_an_index_that_cannot_be_written_is_said_so(room: Room) -> None:
    room.put("a.mp4")
    room.index.with_name(f"{room.index.name}.part").mkdir()  # in the place of the new index
    with pytest.raises(FatalError) as caught:
        room.listed()
    assert caught.value.code == "index_not_written"


def test_what_was_read_before_an_interruption_is_remembered(room: Room) -> None:
    for number in range(3):
        room.put(f"{number}.mp4", f"第{number}节")
    listing = room.source().list_records(ALWAYS)
    next(listing)
    assert isinstance(listing, Generator)
    listing.close()
    assert [known["sha256"] is not None for known in room.remembered().values()].count(True) == 1
