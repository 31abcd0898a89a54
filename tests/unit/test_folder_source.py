"""A folder of files as a source of recordings."""

import hashlib
import json
import logging
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import unquote

import pytest

from meeting_pipeline.adapters.sources.folder import FolderSource
from meeting_pipeline.domain.model import Participant, RecordMeta
from meeting_pipeline.domain.window import Window
from meeting_pipeline.errors import ConfigError, RetryableError
from meeting_pipeline.ports.media import MediaInfo
from tests.support.recording_folder import ALWAYS, NOW, OLD, Room

HALF_PAST_SEVEN = datetime(2026, 1, 5, 11, 30, tzinfo=UTC)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def path_of(source: FolderSource, meta: RecordMeta) -> str:
    return unquote(source.locate(meta).url.removeprefix("file://"))


# ── which files ──────────────────────────────────────────────────────────────────────────────────


def test_media_files_of_every_kind_are_found_at_any_depth(room: Room) -> None:
    for number, name in enumerate(
        ["a.mp4", "b.M4A", "c.mp3", "d/e.wav", "d/f/g.MKV", "h.webm", "i.ogg", "王同学/j.flac"]
    ):
        room.put(name, f"第{number}节")
    assert sorted(room.subjects()) == ["a", "b", "c", "e", "g", "h", "i", "j"]


def test_other_hidden_and_unfinished_files_are_no_recordings(room: Room) -> None:
    for name in [
        ".hidden.mp4",
        ".Trash/a.mp4",
        "._a.mp4",
        "~a.mp4",
        "a.mp4~",
        "a.mp4.part",
        "b.mp4.aria2",
        "notes.txt",
        "mp4",
        "a.json",
    ]:
        room.put(name, name)
    (room.folder / "folder.mp4").mkdir()
    source = room.source()
    assert list(source.list_records(ALWAYS)) == []
    assert source.waiting == 0


def test_links_are_not_followed_and_counted_in_the_log(
    room: Room, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.mp4").write_text("别人的课")
    (room.folder / "link.mp4").symlink_to(outside / "secret.mp4")
    (room.folder / "linked").symlink_to(outside)
    (room.folder / "loop").symlink_to(room.folder)
    room.put("王同学/a.mp4")
    (room.folder / "王同学" / "b.mp4").symlink_to(outside / "secret.mp4")
    (room.folder / ".hidden").symlink_to(outside)
    assert room.subjects() == ["a"]
    (line,) = [one.getMessage() for one in caplog.records if "link" in one.getMessage()]
    assert line.startswith("4 symbolic links ignored")


def test_without_links_nothing_is_said_of_them(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    room.put("a.mp4")
    room.listed()
    assert "link" not in caplog.text


def test_our_own_data_inside_the_folder_is_not_listed(room: Room) -> None:
    room.index = room.folder / "data" / "folder.json"
    room.put("data/recordings/folder/abc/recording.mp4", "副本")
    room.put("a.mp4")
    assert room.subjects() == ["a"]


def test_a_missing_folder_is_a_mistake_in_the_settings(room: Room) -> None:
    room.folder.rmdir()
    with pytest.raises(ConfigError) as caught:
        room.listed()
    assert caught.value.code == "no_folder"
    assert str(room.folder) in caught.value.message


# ── one content, one recording ───────────────────────────────────────────────────────────────────


def test_the_key_is_the_hash_of_the_content(room: Room) -> None:
    room.put("a.mp4", "第一节课")
    assert str(room.only().key) == "folder:" + hashlib.sha256("第一节课".encode()).hexdigest()


def test_copies_are_one_recording_and_the_first_path_wins(room: Room) -> None:
    room.put("b/2026-01-06 copy.mp4", "同一节课")
    room.put("a/2026-01-05 19.30 first.mp4", "同一节课")
    assert room.only().start_ts == HALF_PAST_SEVEN


def test_a_copy_does_not_move_the_recording_into_another_window(room: Room) -> None:
    room.put("a 2026-01-05 19.30.mp4", "同一节课")
    room.put("b 2026-01-08 10.00.mp4", "同一节课")
    later = Window(HALF_PAST_SEVEN + timedelta(days=1), NOW)
    assert room.listed(later) == []
    assert [meta.start_ts for meta in room.listed()] == [HALF_PAST_SEVEN]


def test_a_renamed_file_is_the_same_recording_and_is_found_again(room: Room) -> None:
    path = room.put("a.mp4")
    source = room.source()
    (meta,) = source.list_records(ALWAYS)
    moved = room.folder / "王同学" / "改名 #1.mp4"
    moved.parent.mkdir()
    path.rename(moved)
    assert path_of(source, meta) == str(moved)
    assert path_of(room.source(), meta) == str(moved)
    assert room.only().key == meta.key


def test_a_file_that_is_gone_or_changed_is_missing(room: Room) -> None:
    path = room.put("a.mp4", "课一")
    meta = room.only()
    room.put("a.mp4", "课二", modified=OLD + timedelta(days=1))
    with pytest.raises(RetryableError) as changed:
        room.source().locate(meta)
    path.unlink()
    path.parent.rmdir()
    with pytest.raises(RetryableError) as gone:
        room.source().locate(meta)
    assert changed.value.code == gone.value.code == "file_missing"


def test_a_link_says_what_kind_of_file_and_how_large(room: Room) -> None:
    room.put("课 100%?.MP4", "x" * 321)
    source = room.source()
    link = source.locate(next(source.list_records(ALWAYS)))
    assert (link.suffix, link.size_bytes) == ("mp4", 321)
    assert link.url.startswith("file:///") and "?" not in link.url


def test_names_that_are_no_utf8_can_be_listed_found_and_stored(room: Room) -> None:
    path = room.folder / os.fsdecode("王同学".encode("gbk") + b".mp4")
    path.write_text("课")
    os.utime(path, (OLD.timestamp(), OLD.timestamp()))
    source = room.source()
    (meta,) = source.list_records(ALWAYS)
    assert meta.subject.encode()
    assert source.locate(meta).url == path.as_uri()
    assert room.listed() == [meta]


# ── when it began ────────────────────────────────────────────────────────────────────────────────


def test_the_sidecar_comes_before_the_name(room: Room) -> None:
    room.put("2026-01-01 10.00.mp4")
    room.put("2026-01-01 10.00.json", '{"start": "2026-01-05 19:30"}')
    assert room.only().start_ts == HALF_PAST_SEVEN


def test_the_name_comes_before_the_container(room: Room) -> None:
    room.created_at = OLD
    room.put("2026-01-05 19.30.mp4")
    assert room.only().start_ts == HALF_PAST_SEVEN


def test_the_folder_may_carry_the_date(room: Room) -> None:
    room.put("2026-01-05 19.30.00 王同学的会议 445999969/zoom_0.mp4")
    assert room.only().start_ts == HALF_PAST_SEVEN


def test_the_container_comes_before_the_modification_time(room: Room) -> None:
    room.created_at = HALF_PAST_SEVEN
    room.put("zoom_0.mp4")
    assert room.only().start_ts == HALF_PAST_SEVEN


@pytest.mark.parametrize("year", [1904, 1970, 2087])
def test_a_container_with_an_incredible_date_is_not_believed(room: Room, year: int) -> None:
    room.created_at = datetime(year, 1, 1, tzinfo=UTC)
    room.put("zoom_0.mp4")
    assert room.only().start_ts == OLD


def test_tencents_file_name_gives_start_and_meeting_code(room: Room) -> None:
    room.put("TM-20260105193000-445999969-recording-1.mp4")
    meta = room.only()
    assert (meta.start_ts, meta.meeting_code) == (HALF_PAST_SEVEN, "445999969")


def test_a_file_outside_the_window_is_neither_listed_nor_read(room: Room) -> None:
    room.put("2026-01-05 19.30.mp4", "短")
    room.put("2025-01-05 19.30.mp4", "长长的一节课")
    recent = Window(HALF_PAST_SEVEN, NOW)
    assert room.subjects(recent) == ["2026-01-05 19.30"]
    assert list(room.remembered()) == ["2026-01-05 19.30.mp4"]


# ── what else is known ───────────────────────────────────────────────────────────────────────────


def test_a_recording_carries_what_its_sidecar_says(room: Room) -> None:
    room.put("a.mp4")
    sidecar = {
        "meeting_id": "13339451618278424869",
        "subject": "简历优化",
        "host": "t1",
        "start": "2026-01-05 19:30",
        "participants": [{"userid": "s1", "name": "王同学", "join": 0, "left": 600}],
    }
    room.put("a.json", json.dumps(sidecar, ensure_ascii=False))
    meta = room.only()
    assert (meta.meeting_id, meta.subject, meta.teacher_id) == (
        "13339451618278424869",
        "简历优化",
        "t1",
    )
    assert meta.end_ts == HALF_PAST_SEVEN + timedelta(minutes=30)
    stay = Participant("s1", "王同学", HALF_PAST_SEVEN, HALF_PAST_SEVEN + timedelta(minutes=10))
    assert room.source().participants(meta) == (stay,)


def test_a_sidecar_may_carry_the_whole_file_name(room: Room) -> None:
    room.put("a.mp4")
    room.put("a.mp4.json", '{"subject": "项目深挖"}')
    assert room.subjects() == ["项目深挖"]


def test_without_a_sidecar_nobody_knows_who_was_there(room: Room) -> None:
    room.put("a.mp4")
    assert room.source().participants(room.only()) is None


@pytest.mark.parametrize(
    ("sidecar", "field"),
    [
        ("{", "not valid JSON"),
        ('{"end": "晚上"}', "end is not a time"),
        ("[]", "not a JSON object"),
        (f'{{"meeting_id": "{"9" * 65}"}}', "meeting_id is longer than 64 characters"),
    ],
)
def test_a_bad_sidecar_is_reported_and_the_recording_still_listed(
    room: Room, caplog: pytest.LogCaptureFixture, sidecar: str, field: str
) -> None:
    room.put("a.mp4")
    room.put("a.json", sidecar)
    assert room.subjects() == ["a"]
    assert "a.json" in caplog.text and field in caplog.text


def test_a_sidecar_that_is_a_folder_is_reported(
    room: Room, caplog: pytest.LogCaptureFixture
) -> None:
    room.put("a.mp4")
    (room.folder / "a.json").mkdir()
    assert room.subjects() == ["a"]
    assert "cannot be read" in caplog.text


def test_a_file_that_is_no_media_is_listed_and_fails_later(room: Room) -> None:
    room.put("a.mp4", "坏文件")
    meta = room.only()
    assert (meta.duration_s, meta.end_ts) == (None, None)


# ── files still being written ────────────────────────────────────────────────────────────────────


def test_a_file_written_a_moment_ago_waits(room: Room, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    room.put("a.mp4", "一", modified=NOW - timedelta(seconds=59))
    room.put("b.mp4", "二", modified=NOW - timedelta(seconds=61))
    source = room.source()
    assert [meta.subject for meta in source.list_records(ALWAYS)] == ["b"]
    assert source.waiting == 1
    assert "'a.mp4'" in caplog.text and "'b.mp4'" not in caplog.text


def test_a_file_that_a_downloader_still_fills_waits(room: Room) -> None:
    room.put("a.mp4")
    control = room.put("a.mp4.aria2", "bitfield")
    source = room.source()
    assert list(source.list_records(ALWAYS)) == []
    assert source.waiting == 1
    control.unlink()
    assert [meta.subject for meta in source.list_records(ALWAYS)] == ["a"]
    assert source.waiting == 0


def test_a_file_that_grows_while_it_is_read_waits(room: Room) -> None:
    path = room.put("a.mp4")

    def grow(media: Path) -> MediaInfo:
        path.write_text("课还没有结束")
        return MediaInfo(None, has_audio=True, audio_codec=None, created_at=None)

    source = room.source(probe=grow)
    assert list(source.list_records(ALWAYS)) == []
    assert source.waiting == 1
    os.utime(path, (OLD.timestamp(), OLD.timestamp()))
    assert room.only().size_bytes == len("课还没有结束".encode())


def test_a_file_that_vanishes_while_others_are_read_does_not_stop_them(room: Room) -> None:
    room.put("a.mp4", "一")
    doomed = room.put("b.mp4", "二二")
    source = room.source()
    listing = source.list_records(ALWAYS)
    assert next(listing).subject == "a"
    doomed.unlink()
    assert list(listing) == []
    assert source.waiting == 1
