"""Whatever is wrong with one file of a folder costs no other file its place in the listing."""

import logging
import os
import socket
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest

from meeting_pipeline.adapters.media.pyav import PyAVMedia
from meeting_pipeline.errors import FatalError, MeetingError, RetryableError, SkipRecord, Stopped
from meeting_pipeline.ports.media import MediaInfo
from tests.support.recording_room import ALWAYS, OLD, Room

GOOD = MediaInfo(1800.0, has_audio=True, audio_codec="aac", created_at=None)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def probing(trouble: Exception) -> Callable[[Path], MediaInfo]:
    """A probe that meets this trouble in b.mp4 and none in other files."""

    def probe(path: Path) -> MediaInfo:
        if path.name == "b.mp4":
            raise trouble
        return GOOD

    return probe


def put_three(room: Room) -> None:
    for number, name in enumerate(["a.mp4", "b.mp4", "c.mp4"]):
        room.put(name, f"第{number}节")


# ── looking into it ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "bug", [AttributeError("codec"), RuntimeError("worker"), OSError(5, "EIO"), MemoryError()]
)
def test_a_bug_while_one_file_is_looked_into_is_told_and_stays_with_it(
    bug: Exception, room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    put_three(room)
    listed = list(room.source(probing(bug)).list_records(ALWAYS))
    assert [(meta.subject, meta.duration_s) for meta in listed] == [
        ("a", 1800.0),
        ("b", None),
        ("c", 1800.0),
    ]
    (told,) = [record for record in caplog.records if "'b.mp4'" in record.getMessage()]
    assert told.exc_info and told.exc_info[1] is bug


def test_a_bug_in_what_is_made_of_one_file_is_told_and_stays_with_it(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    put_three(room)
    nowhere = datetime(2026, 1, 5, 19, 30)  # noqa: DTZ001 - no tool may say so, and one does
    dates = {"b.mp4": nowhere}

    def careless(path: Path) -> MediaInfo:
        return replace(GOOD, created_at=dates.get(path.name))

    listed = list(room.source(careless).list_records(ALWAYS))
    assert [(meta.subject, meta.start_ts) for meta in listed] == [
        ("a", OLD),
        ("b", OLD),
        ("c", OLD),
    ]
    (told,) = [record for record in caplog.records if "'b.mp4'" in record.getMessage()]
    assert told.exc_info and isinstance(told.exc_info[1], TypeError)


@pytest.mark.parametrize(
    "refusal", [RetryableError("worker_died", "it ended"), SkipRecord("no_audio", "no sound")]
)
def test_a_file_that_cannot_be_looked_into_now_is_named_and_listed(
    refusal: MeetingError, room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    put_three(room)
    listed = list(room.source(probing(refusal)).list_records(ALWAYS))
    assert [meta.subject for meta in listed] == ["a", "b", "c"]
    assert f"'b.mp4' cannot be looked into now: {refusal.message}" in caplog.text


def test_what_may_pass_is_tried_once_in_a_listing_and_again_in_the_next(room: Room) -> None:
    tried: list[str] = []

    def stalls(path: Path) -> MediaInfo:
        tried.append(path.name)
        raise RetryableError("worker_stalled", "it said nothing for 120 s")

    room.put("a.mp4")
    assert [meta.duration_s for meta in room.source(stalls).list_records(ALWAYS)] == [None]
    assert tried == ["a.mp4"]
    assert room.only().duration_s == 1800.0


@pytest.mark.parametrize("stop", [Stopped("stopped", "Ctrl-C"), FatalError("disk_full", "full")])
def test_what_is_no_fault_of_a_file_ends_the_listing(stop: MeetingError, room: Room) -> None:
    put_three(room)
    with pytest.raises(type(stop)):
        list(room.source(probing(stop)).list_records(ALWAYS))


def test_a_file_that_vanishes_before_it_is_looked_into_does_not_stop_the_others(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    put_three(room)

    def vanishing(path: Path) -> MediaInfo:
        if path.name != "b.mp4":
            return GOOD
        path.unlink()
        return PyAVMedia().probe(path)

    source = room.source(vanishing)
    assert [meta.subject for meta in source.list_records(ALWAYS)] == ["a", "c"]
    assert source.waiting == 1
    assert "'b.mp4'" in caplog.text


@pytest.mark.parametrize("name", [b"\xff\xfe.mp4", b"a\nb\x1b[31m.mp4", b"%s{}.mp4", b"-y.mp4"])
def test_a_file_of_any_name_that_cannot_be_looked_into_is_listed(
    name: bytes, room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    put_three(room)
    room.put(os.fsdecode(name), "坏")
    listed = list(room.source(PyAVMedia().probe).list_records(ALWAYS))
    assert len(listed) == 4
    assert all(meta.subject.encode() for meta in listed)
    assert repr(os.fsdecode(name)) in caplog.text


def test_a_file_whose_path_is_too_long_costs_its_folder_nothing(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    """Shares and snapshots nest deeper than a path can be long."""
    deep, folder = os.open(room.folder, os.O_RDONLY), room.folder
    while len(os.fsencode(folder)) < 3_900:
        os.mkdir("d" * 100, dir_fd=deep)
        deeper = os.open("d" * 100, os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep, folder = deeper, folder / ("d" * 100)
    for name in ("a.mp4", "b" * 240 + ".mp4"):
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=deep))
        os.utime(name, (OLD.timestamp(), OLD.timestamp()), dir_fd=deep)
    os.close(deep)

    source = room.source(lambda path: GOOD)

    assert [meta.subject for meta in source.list_records(ALWAYS)] == ["a"]
    assert source.waiting == 1
    assert "b" * 240 in caplog.text


# ── its sidecar ──────────────────────────────────────────────────────────────────────────────────


def a_folder(path: Path) -> None:
    path.mkdir()


def a_pipe(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(path))


def three_gigabytes(path: Path) -> None:
    with path.open("wb") as stream:
        stream.truncate(3 << 30)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        (a_folder, "not a regular file"),
        (a_pipe, "not a regular file"),
        (a_socket, "not a regular file"),
        (three_gigabytes, "larger than 1024 KiB"),
    ],
)
def test_a_sidecar_that_is_no_small_file_is_named_and_not_waited_for(
    make: Callable[[Path], None], why: str, room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    put_three(room)
    make(room.folder / "b.json")
    assert room.subjects() == ["a", "b", "c"]
    assert f"sidecar 'b.json' of 'b.mp4': cannot be read: it is {why}" in caplog.text
