"""What lies in folders of recordings as NAS systems, phones and clients leave them."""

import os
import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from random import Random

import pytest

from meeting_pipeline.adapters.sources.folder_names import SidecarNames, printable, subject_of
from meeting_pipeline.errors import RetryableError
from tests.support.recording_folder import ALWAYS, OLD, SHANGHAI, Room

NOTE = '{"start": "2026-01-05 19:30", "participants": [{"userid": "s1", "name": "王同学"}]}'


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def subjects(room: Room) -> list[str]:
    return [meta.subject for meta in room.listed()]


def test_of_copies_the_one_with_a_sidecar_is_listed(room: Room) -> None:
    room.put("1-backup/课.m4a", "same")
    room.put("课程/课.m4a", "same")
    room.put("课程/课.json", NOTE)
    room.put("课程/又一份.m4a", "same")
    only = room.only()
    assert [one.name for one in only.participants or ()] == ["王同学"]
    assert only.start_ts == datetime(2026, 1, 5, 11, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    "suffix",
    ["mov", "m4v", "3gp", "aac", "opus", "oga", "wma", "amr", "avi", "ts", "mts", "MOV", "Opus"],
)
def test_more_kinds_are_listed(room: Room, suffix: str) -> None:
    room.put(f"课.{suffix}")
    assert subjects(room) == ["课"]


GBK = os.fsdecode("张三 简历".encode("gbk"))


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (GBK, "张三 简历"),
        ("张三 简历", "张三 简历"),
        (GBK + "/简历 第一次", "张三 简历/简历 第一次"),
        (f"简历/{GBK}", "简历/张三 简历"),
        (f"{GBK}_第一次.m4a", "张三 简历_第一次.m4a"),
        (f"第一次 {GBK}", "第一次 张三 简历"),
        (os.fsdecode("某同学".encode("gbk")) + "_课", "某同学_课"),
        (os.fsdecode("镕鎔朱".encode("gb18030")), "镕鎔朱"),
        (unicodedata.normalize("NFD", "José é课が"), "José é课が"),
        (os.fsdecode("某同学 01".encode("gbk")), "某同学 01"),
        (os.fsdecode("某同学".encode("gbk")) + "_第一次", "某同学_第一次"),
        ("Müller Ünal", "Müller Ünal"),
        (os.fsdecode(b"\xff\xfe\x80"), None),
    ],
)
def test_names_of_any_bytes_become_text_that_a_row_can_store(name: str, shown: str | None) -> None:
    text = printable(name)
    text.encode()
    if shown:
        assert text == shown


def test_a_file_and_a_folder_with_names_in_gbk_are_listed_by_them(room: Room) -> None:
    room.put(f"{GBK}/{GBK} 2026-01-05.m4a")
    only = room.only()
    assert only.subject == "张三 简历 2026-01-05"
    assert only.start_ts == datetime(2026, 1, 4, 16, tzinfo=UTC)


def test_every_common_character_in_gbk_is_read_as_it_was_written(chance: Random) -> None:
    common = [
        bytes((lead, trail)).decode("gbk")
        for lead in range(0xB0, 0xD7)
        for trail in range(0xA1, 0xFF)
    ]
    for _ in range(500):
        name = "".join(chance.choices(common, k=chance.randint(2, 8)))
        assert printable(os.fsdecode(name.encode("gbk"))) == name


def test_a_subject_is_composed_however_a_mac_spells_it(room: Room) -> None:
    room.put(unicodedata.normalize("NFD", "José/が 简历.m4a"))
    assert subjects(room) == [unicodedata.normalize("NFC", "が 简历")]


def test_a_folder_and_a_file_with_names_of_two_encodings_are_listed_by_them(room: Room) -> None:
    room.put(f"{GBK}/2026-01-05/meeting_01.m4a")
    room.put(f"简历/{GBK}.m4a", "other")
    room.put("简历/张三 简历.json", NOTE)
    source = room.source()
    listed = list(source.list_records(ALWAYS))
    assert [meta.subject for meta in listed] == ["张三 简历", "张三 简历"]
    assert sorted(str(source.file_name(meta)) for meta in listed) == [
        "张三 简历/2026-01-05/meeting_01.m4a",
        "简历/张三 简历.m4a",
    ]
    assert [bool(meta.participants) for meta in listed].count(True) == 1


@pytest.mark.parametrize(
    "sidecar",
    [
        *("课.json", "课.JSON", "课 .json", "课.json.txt", "课.m4a.json", "课.M4A.Json"),
        unicodedata.normalize("NFD", "课é.json"),
    ],
)
def test_a_sidecar_is_found_however_its_name_is_spelled(sidecar: str) -> None:
    media = "课é.m4a" if "e" in unicodedata.normalize("NFD", sidecar)[:2] else "课.m4a"
    assert SidecarNames(["别的.json", sidecar, media]).of(media) == sidecar


def test_the_exact_name_wins_and_another_files_sidecar_is_left_alone() -> None:
    assert SidecarNames(["课.JSON", "课.json", "课.m4a"]).of("课.m4a") == "课.json"
    assert SidecarNames(["课2.json", "课.xml", "课.m4a"]).of("课.m4a") is None
    both = ["a.mp4", "A.mp4", "a.json", "A.json"]
    assert (SidecarNames(both).of("a.mp4"), SidecarNames(both).of("A.mp4")) == ("a.json", "A.json")
    assert SidecarNames(["a.mp4", "A.mp4", "A.json"]).of("a.mp4") is None


@pytest.mark.parametrize(
    ("path", "subject"),
    [
        ("2026-01-06 张三的快速会议 123/meeting_01.mp4", "2026-01-06 张三的快速会议 123"),
        ("张三的快速会议/video1234567890.mp4", "张三的快速会议"),
        ("张三的快速会议/audio1234567890.m4a", "张三的快速会议"),
        ("王同学/GMT20260105-113000_Recording_1920x1080.mp4", "王同学"),
        ("王同学/zoom_0.mp4", "王同学"),
        ("王同学/录制 1.m4a", "王同学"),
        ("meeting_01.mp4", "meeting_01"),
        ("张三/2026-01-05/meeting_01.mp4", "张三"),
        ("张三/2026-01-05 周一 晚8点/meeting_01.mp4", "张三"),
        ("张三/2026/01/05/meeting_01.mp4", "张三"),
        ("张三/2026年/1月/5日/audio_only.m4a", "张三"),
        ("张三/2026-01/Zoom/zoom_0.mp4", "张三"),
        ("张三/20260105/video1234567890.mp4", "张三"),
        ("张三/Jan 5, 2026/Recording (2).m4a", "张三"),
        ("2026-01-05/meeting_01.mp4", "meeting_01"),
        ("Zoom/2026-01-05/zoom_0.mp4", "Zoom"),
        ("2026-01-05/张三/meeting_01.mp4", "张三"),
        ("张三/2026-01-05 简历/meeting_01.mp4", "2026-01-05 简历"),
        ("张三/2026-01-05 19-30-00.mkv", "张三"),
        ("张三/VID_20260105_193000.mp4", "张三"),
        ("张三/TM-20260105193000-445999969-recording-1.mp4", "张三"),
        ("张三/录制_2026年1月5日 19时30分.m4a", "张三"),
        ("张三/新录音 12.m4a", "张三"),
        ("张三/IMG_0001.MOV", "张三"),
        ("张三/WhatsApp Video 2026-01-05 at 7.30.00 PM.mp4", "张三"),
        ("张三/01.mp4", "01"),
        ("张三/Sun.mp4", "Sun"),
        ("张三/第1节.mp4", "第1节"),
        ("张三/录音棚.mp4", "录音棚"),
        ("张三/newton.mp4", "newton"),
        ("TM-20260105193000-445999969-recording-1.mp4", "TM-20260105193000-445999969-recording-1"),
        ("王同学/面试 meeting.m4a", "面试 meeting"),
        ("王同学/video 简历.mp4", "video 简历"),
    ],
)
def test_the_subject_is_the_folders_where_the_file_has_a_clients_generic_name(
    path: str, subject: str
) -> None:
    assert subject_of(PurePosixPath(path)) == subject


def test_nothing_where_there_were_recordings_before_is_not_taken_for_an_empty_folder(
    room: Room,
) -> None:
    assert room.listed() == []
    file = room.put("课.m4a")
    before = room.listed()
    file.rename(room.folder.parent / "课.m4a")
    with pytest.raises(RetryableError, match="no recordings") as missing:
        room.listed()
    assert missing.value.code == "folder_empty"
    (room.folder.parent / "课.m4a").rename(file)
    assert room.listed() == before


@pytest.mark.parametrize("of_the_disk", [(), ("lost+found", ".Trash-0")])
def test_an_empty_mount_point_is_a_warning_on_a_first_night_and_red(
    room: Room, of_the_disk: Sequence[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in of_the_disk:
        (room.folder / name).mkdir()
    monkeypatch.setattr(os.path, "ismount", lambda path: Path(path) == room.folder.resolve())
    with pytest.raises(RetryableError, match="mount point") as empty:
        room.listed()
    assert empty.value.code == "folder_empty"
    [check] = room.source().examine()
    assert check.ok is False
    assert "挂载点是空的" in check.message
    room.put("课.m4a")
    assert room.subjects() == ["课"]
    [check] = room.source().examine()
    assert check.ok


def test_a_folder_that_never_had_recordings_is_told_as_such(room: Room) -> None:
    source = room.source()
    assert list(source.list_records(ALWAYS)) == []
    [note] = source.notes
    assert "没有任何录制文件" in note
    room.put("课.m4a")
    assert [meta.subject for meta in source.list_records(ALWAYS)] == ["课"]
    assert source.notes == ()


@pytest.mark.parametrize(
    ("path", "start"),
    [
        ("2026.1.5.m4a", "2026-01-05 00:00"),
        ("26.1.5.m4a", "2026-01-05 00:00"),
        ("王同学/2026/01/05/课.m4a", "2026-01-05 00:00"),
        ("2026年/1月/5日/课.m4a", "2026-01-05 00:00"),
        ("2026-01-05/王同学/meeting_01.m4a", "2026-01-05 00:00"),
        ("2026-01-04/王同学 2026-01-05 晚八点/课.m4a", "2026-01-05 20:00"),
        ("12月30日.m4a", "2025-12-30 00:00"),
    ],
)
def test_the_start_is_the_nearest_date_in_the_names_of_a_file_and_its_folders(
    room: Room, path: str, start: str
) -> None:
    room.put(path)
    assert room.only().start_ts.astimezone(SHANGHAI) == datetime.fromisoformat(start).replace(
        tzinfo=SHANGHAI
    )


def test_an_ambiguous_date_in_a_name_is_named_where_nothing_else_says_the_start(
    room: Room,
) -> None:
    room.put("5-1-2026/课.m4a")
    only = room.only()
    assert only.start_ts == OLD
    [note] = only.notes
    assert "5-1-2026, is ambiguous" in note
    room.put("5-1-2026/课.json", NOTE)
    assert room.only().notes == ()
