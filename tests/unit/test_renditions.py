"""One meeting is one recording, whatever files of it lie beside each other."""

from array import array
from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random

import pytest

from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.domain.sound_print import SoundPrint, sounds_alike
from meeting_pipeline.errors import RetryableError, SkipRecord
from meeting_pipeline.ports.media import MediaInfo
from tests.support.recording_folder import ALWAYS, Room

NOTE = '{"start": "2026-01-05 19:30", "participants": [{"userid": "s1", "name": "王同学"}]}'
HALF_AN_HOUR = 1800.0


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


class Probes:
    """What containers say: lengths by name or suffix, else half an hour; some have no sound."""

    def __init__(
        self, lengths: Mapping[str, float | None] | None = None, mute: Iterable[str] = ()
    ) -> None:
        self._lengths = lengths or {}
        self._mute = set(mute)

    def __call__(self, path: Path) -> MediaInfo:
        seconds = self._lengths.get(path.name, self._lengths.get(path.suffix, HALF_AN_HOUR))
        has_audio = path.name not in self._mute
        return MediaInfo(seconds, has_audio, "aac" if has_audio else None, created_at=None)


def put(room: Room, *names: str) -> None:
    """Put files with the same sound into one folder."""
    for name in names:
        room.put(f"会议/{name}", f"{name} with the sound of 简历优化")


def listed(room: Room, probes: Probes | None = None) -> list[RecordMeta]:
    return list(room.source(probes or Probes()).list_records(ALWAYS))


MEETINGS = [
    ("meeting_01.mp4", "meeting_01.m4a"),
    ("video1234567890.mp4", "audio1234567890.m4a"),
    ("zoom_0.mp4", "audio_only.m4a"),
    ("zoom_1.mp4", "audio_only_1.m4a"),
    ("GMT20260105-113000_Recording.mp4", "GMT20260105-113000_Recording.m4a"),
    ("GMT20260105-113000_Recording_1920x1080.mp4", "GMT20260105-113000_Recording.m4a"),
    ("GMT20260105-113000_Recording_gallery_1280x720.mp4", "GMT20260105-113000_Recording.m4a"),
    ("王同学 简历.MP4", "王同学 简历.m4a"),
    ("视频 简历.mp4", "音频 简历.m4a"),
    ("视频1.mp4", "音频1.m4a"),
    ("简历_视频.mp4", "简历_音频.m4a"),
    ("简历 1080p.mp4", "简历（仅音频）.m4a"),
    ("课.mp4", "课.mkv"),
    ("课.mp3", "课.wav"),
    ("课.mov", "课.m4a", "课.mp4"),
    ("课.m4a", "课.mp4", "课 - 副本.mp4"),
    ("课.m4a", "课.mp4", "课(1).mp4"),
    ("课.m4a", "课.mp4", "课.bak.mp4"),
    ("课.m4a", "课 - Copy (2).mp4", "课 copy.mp4", "Copy of 课.mp4", "课的副本.mp4"),
]


@pytest.mark.parametrize("names", MEETINGS, ids=" + ".join)
def test_the_files_of_a_meeting_are_one_recording(room: Room, names: tuple[str, ...]) -> None:
    put(room, *names)
    probes = Probes({names[0]: HALF_AN_HOUR + 0.4})
    source = room.source(probes)
    [only] = source.list_records(ALWAYS)
    assert any(f"of one meeting: {len(names) - 1}" in note for note in source.notes)
    assert listed(room, probes) == [only]


@pytest.mark.parametrize("described", ["meeting_01.json", "meeting_01.mp4.json"])
@pytest.mark.parametrize("suffix", ["mp4", "m4a"])
def test_a_sidecar_of_either_name_counts(room: Room, described: str, suffix: str) -> None:
    put(room, "meeting_01.mp4", "meeting_01.m4a")
    room.put(f"会议/{described.replace('mp4', suffix)}", NOTE)
    [only] = listed(room)
    assert [one.name for one in only.participants or ()] == ["王同学"]


def test_the_audio_is_listed_which_is_smaller(room: Room) -> None:
    put(room, "meeting_01.mp4", "meeting_01.m4a", "meeting_01.mkv")
    source = room.source(Probes())
    [only] = source.list_records(ALWAYS)
    assert source.file_name(only) == "会议/meeting_01.m4a"


def test_a_video_without_sound_is_not_listed_beside_its_audio(room: Room) -> None:
    put(room, "课.mp4")
    mute = Probes(mute=["课.mp4"])
    [silent] = listed(room, mute)
    room.put("会议/课.m4a", "其他")
    [only] = listed(room, mute)
    assert only.key != silent.key


def test_a_file_without_a_length_is_compared_by_its_sound_alone(room: Room) -> None:
    put(room, "课.webm", "课.m4a")
    room.put("会议/课.mp3", "another sound")
    assert len(listed(room, Probes({".webm": None, ".mp3": None}))) == 2


@pytest.mark.parametrize(
    "names",
    [
        ("meeting_01.mp4", "meeting_01.m4a"),
        ("课.mkv", "课.mp4"),
        ("课.mp4", "课(1).mp4"),
        ("zoom_0.mp4", "audio_only.m4a"),
    ],
)
def test_files_of_one_name_and_length_with_other_sound_are_two_recordings(
    room: Room, names: tuple[str, str]
) -> None:
    for number, name in enumerate(names):
        room.put(f"会议/{name}", f"第{number}节课")
    assert len(listed(room)) == 2
    assert len(listed(room)) == 2


def test_meetings_of_other_lengths_other_folders_and_other_numbers_stay_two(room: Room) -> None:
    for name in ("甲/meeting_01", "乙/meeting_02", "丁/meeting_01"):
        room.put(f"{name}.mp4", f"{name} the video with the sound of a lesson")
    for name in ("甲/meeting_01", "丙/meeting_02", "丁/meeting_02"):
        room.put(f"{name}.m4a", f"{name} the audio with the sound of a lesson")
    probes = Probes({"meeting_01.m4a": HALF_AN_HOUR / 2})
    assert len(listed(room, probes)) == 6


def test_a_meeting_stays_one_recording_when_its_other_file_comes_later(room: Room) -> None:
    put(room, "meeting_01.mp4")
    [first] = listed(room)
    put(room, "meeting_01.m4a")
    assert listed(room) == [first]
    room.put("会议/meeting_01.json", NOTE)
    [described] = listed(room)
    assert described.key == first.key
    assert [one.name for one in described.participants or ()] == ["王同学"]


@pytest.mark.parametrize("copy", ["备份/课.mp4", "会议/第一次.mp4", "会议/课 (1).mp4"])
def test_a_copy_of_the_file_that_is_not_listed_is_not_listed_either(room: Room, copy: str) -> None:
    put(room, "课.mp4", "课.m4a")
    [only] = listed(room)
    room.put(copy, (room.folder / "会议/课.mp4").read_text())
    assert listed(room) == [only]
    assert listed(room) == [only]


def test_of_a_file_and_its_copy_in_one_folder_one_is_listed(room: Room) -> None:
    for name in ("课 - 副本.mp4", "课.mp4", "课(1).mp4"):
        room.put(f"会议/{name}", "the same with the sound of 简历优化")
    [only] = listed(room)
    assert only.subject == "课"
    assert listed(room) == [only]


def test_a_backup_in_which_the_other_file_of_a_meeting_was_listed_costs_no_recording(
    room: Room,
) -> None:
    put(room, "课.mp4")
    assert len(listed(room)) == 1
    for name in ("课.mp4", "课.m4a"):
        room.put(f"备份/{name}", f"{name} with the sound of 简历优化")
    put(room, "课.m4a")
    for _ in range(2):
        assert len(listed(room)) == 1


def test_files_are_compared_once_and_again_when_one_of_them_changes(room: Room) -> None:
    heard: list[str] = []

    def listen(path: Path) -> SoundPrint:
        heard.append(path.name)
        return room.listen(path)

    put(room, "课.mp4", "课.m4a")
    for _ in range(2):
        assert len(list(room.source(Probes(), listen).list_records(ALWAYS))) == 1
    assert sorted(heard) == ["课.m4a", "课.mp4"]
    room.put("会议/课.m4a", "another lesson")
    assert len(list(room.source(Probes(), listen).list_records(ALWAYS))) == 2


def test_what_cannot_be_decoded_is_listed_beside_the_other_file(room: Room) -> None:
    put(room, "课.mp4")
    room.put("会议/课.m4a", "坏")
    assert len(listed(room)) == 2


@pytest.mark.parametrize(
    "trouble", [RetryableError("worker_died", "it ended"), ValueError("a bug")]
)
def test_what_cannot_be_compared_now_is_compared_in_the_next_listing(
    room: Room, trouble: Exception
) -> None:
    def fails(path: Path) -> SoundPrint:
        raise trouble

    put(room, "课.mp4", "课.m4a")
    assert len(list(room.source(Probes(), fails).list_records(ALWAYS))) == 2
    assert len(listed(room)) == 1


def test_a_file_that_has_no_sound_after_all_is_like_no_other(room: Room) -> None:
    def silent(path: Path) -> SoundPrint:
        raise SkipRecord("no_audio", "there is none")

    put(room, "课.mp4", "课.m4a")
    assert len(list(room.source(Probes(), silent).list_records(ALWAYS))) == 2


# ── the comparison ───────────────────────────────────────────────────────────────────────────────


def speech(chance: Random, frames: int = 1200) -> list[float]:
    """Levels that rise and fall as those of speech."""
    levels, level = [], -30.0
    for _ in range(frames):
        level = min(-8.0, max(-70.0, level + chance.gauss(0, 6)))
        levels.append(level)
    return levels


def sound(levels: Iterable[float], crossings: int = 90) -> SoundPrint:
    measured = array("f", levels)
    return SoundPrint(measured, array("H", [crossings] * len(measured)))


def test_speech_is_alike_if_it_is_quieter_noisier_or_begins_a_little_later(chance: Random) -> None:
    levels = speech(chance)
    assert sounds_alike(sound(levels), sound(levels))
    assert sounds_alike(sound(levels), sound(level - 12 for level in levels))
    assert sounds_alike(sound(levels), sound(level + chance.gauss(0, 2) for level in levels))
    later = [-90.0] * 25 + levels
    assert sounds_alike(sound(levels), sound(later))
    assert sounds_alike(sound(later), sound(levels))
    assert sounds_alike(sound(levels), sound(levels[:-30]))


def test_other_speech_is_not_alike(chance: Random) -> None:
    for _ in range(20):
        assert not sounds_alike(sound(speech(chance)), sound(speech(chance)))


def test_tones_are_alike_if_they_are_as_loud_and_as_high() -> None:
    tone = sound([-20.0] * 400, 44)
    assert sounds_alike(tone, sound([-21.0] * 300, 45))
    assert not sounds_alike(tone, sound([-20.0] * 400, 88))
    assert not sounds_alike(tone, sound([-40.0] * 400, 44))
    assert not sounds_alike(tone, SoundPrint())
    fading = [-100.0] * 3 + [-20.0] * 395 + [-35.0] * 2
    assert sounds_alike(sound(fading, 44), sound(fading, 45))
    assert not sounds_alike(sound(fading, 44), sound(fading, 88))


def test_noise_is_alike_if_it_is_the_same_noise(chance: Random) -> None:
    noise, other = ([chance.gauss(-30, 0.5) for _ in range(400)] for _ in range(2))
    assert sounds_alike(sound(noise), sound(noise))
    assert not sounds_alike(sound(noise), sound(other))


def test_the_same_rhythm_at_another_pitch_is_not_alike(chance: Random) -> None:
    levels = speech(chance)
    assert sounds_alike(sound(levels, 44), sound(levels, 52))
    assert not sounds_alike(sound(levels, 44), sound(levels, 88))


def test_speech_and_silence_are_not_alike(chance: Random) -> None:
    assert not sounds_alike(sound(speech(chance)), sound([-100.0] * 1200, 0))
