"""Whatever is wrong with one file of a folder costs no other file its place in the listing."""

import logging
import os
import socket
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from meeting_pipeline.adapters.media.pyav import PyAVMedia
from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.domain.window import Window
from meeting_pipeline.errors import FatalError, MeetingError, RetryableError, SkipRecord, Stopped
from meeting_pipeline.ports.media import MediaInfo
from tests.support.recording_folder import (
    ALWAYS,
    NOW,
    OLD,
    SHANGHAI,
    Room,
    bury,
    listed_with_trouble,
)

GOOD = MediaInfo(1800.0, has_audio=True, audio_codec="aac", created_at=None)
HALF_PAST_SEVEN = datetime(2026, 1, 5, 11, 30, tzinfo=UTC)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


@pytest.fixture
def roomy() -> Iterator[Room]:
    """A room on a file system that keeps any time."""
    with tempfile.TemporaryDirectory(dir="/dev/shm") as scratch:
        yield Room(Path(scratch))


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
    assert f"'b.mp4' cannot be inspected now: {refusal.message}" in caplog.text


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
    bury(room.folder, "a.mp4", "b" * 240 + ".mp4")

    source = room.source(lambda path: GOOD)

    listed, trouble = listed_with_trouble(source)
    assert [meta.subject for meta in listed] == ["a"]
    assert trouble.code == "folder_unreadable"
    assert source.waiting == 0
    assert any("cannot be read: 1" in note for note in source.notes)
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


# ── its time ─────────────────────────────────────────────────────────────────────────────────────


def tonight(room: Room) -> list[RecordMeta]:
    """What a night lists at this time."""
    return room.listed(Window(ALWAYS.start, room.now))


def set_time(path: Path, seconds: int) -> None:
    os.utime(path, ns=(seconds * 10**9, seconds * 10**9))
    assert path.stat().st_mtime_ns == seconds * 10**9, "this file system cannot keep such a time"


@pytest.mark.parametrize("seconds", [253_402_300_800, 10**12, 2**62, -1, -62_135_596_801, -(2**62)])
def test_a_file_time_outside_the_calendar_costs_no_recording(
    seconds: int, roomy: Room, caplog: pytest.LogCaptureFixture
) -> None:
    put_three(roomy)
    set_time(roomy.folder / "b.mp4", seconds)
    first = tonight(roomy)
    assert [meta.subject for meta in first] == ["a", "b", "c"]
    assert NOW - timedelta(hours=1) < first[1].start_ts < NOW
    assert "'b.mp4': its file time is" in caplog.text
    roomy.now += timedelta(days=1)
    assert tonight(roomy) == first, "it is remembered"


@pytest.mark.parametrize("ahead", [timedelta(hours=3), timedelta(days=1942)])
@pytest.mark.parametrize("window", [ALWAYS, Window(NOW - timedelta(days=7), NOW)])
def test_a_file_dated_in_the_future_is_listed_and_the_operator_is_told(
    ahead: timedelta, window: Window, room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    room.put("a.mp4", modified=NOW + ahead)
    source = room.source()
    (meta,) = source.list_records(window)
    assert window.contains(meta.start_ts) and meta.start_ts.tzinfo is UTC
    assert source.waiting == 0
    (told,) = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert "'a.mp4': its file time is in the future" in told.getMessage()
    assert "write the date into the file name" in told.getMessage()


def test_a_file_dated_in_the_future_keeps_its_start_until_that_time_has_come(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    room.put("a.mp4", modified=NOW + timedelta(days=3))
    first = tonight(room)
    room.now += timedelta(days=2)
    assert tonight(room) == first
    room.now += timedelta(days=2)
    caplog.clear()
    assert [meta.start_ts for meta in tonight(room)] == [NOW + timedelta(days=3)]
    assert caplog.records == []


def test_a_clock_that_ran_ahead_here_leaves_no_start_in_the_future(room: Room) -> None:
    room.put("a.mp4", modified=NOW + timedelta(days=900))
    room.now += timedelta(days=200)
    assert len(tonight(room)) == 1
    room.now = NOW
    assert len(tonight(room)) == 1


def test_a_file_that_a_server_with_a_clock_ahead_still_writes_waits(room: Room) -> None:
    room.put("a.mp4", modified=NOW + timedelta(seconds=30))
    source = room.source()
    assert list(source.list_records(ALWAYS)) == []
    assert source.waiting == 1


def test_a_time_in_a_name_that_is_still_to_come_is_passed_over(room: Room) -> None:
    room.put("2026-01-10 23.30 (2026-01-05 19.30).mp4", "一")
    room.put("2026-01-10 23.30.mp4", "二")
    room.put("2026-01-11.mp4", "三")
    midnight = datetime(2026, 1, 10, tzinfo=SHANGHAI)
    assert [meta.start_ts for meta in room.listed()] == [HALF_PAST_SEVEN, midnight, OLD]


def test_a_container_that_is_dated_later_today_is_not_believed(room: Room) -> None:
    room.created_at = NOW + timedelta(hours=3)
    room.put("a.mp4")
    assert room.only().start_ts == OLD


def test_a_sidecar_that_is_dated_in_the_future_is_named_and_the_rest_of_it_read(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    room.put("2026-01-05 19.30.mp4")
    room.put("2026-01-05 19.30.json", '{"start": "2031-01-05 19:30", "subject": "简历"}')
    meta = room.only()
    assert (meta.start_ts, meta.subject) == (HALF_PAST_SEVEN, "简历")
    assert "start is in the future" in caplog.text
