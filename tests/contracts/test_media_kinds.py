"""What a file is, its content says: more kinds are read, under any name."""

from pathlib import Path
from random import Random

import pytest

from meeting_pipeline.errors import MeetingError
from meeting_pipeline.ports.media import MediaTool
from tests.support.generated_media import SECONDS, Take, cut, record
from tests.support.media_tools import examine, sounds

pytestmark = pytest.mark.slow  # hundreds of files are recorded and decoded

KINDS = {
    "mov": Take(video_s=SECONDS, muxer="mov"),
    "m4v": Take(video_s=SECONDS, muxer="ipod"),
    "3gp": Take(rate=16_000, layout="mono", muxer="3gp"),
    "aac": Take(muxer="adts"),
    "opus": Take("libopus", muxer="ogg"),
    "oga": Take("flac", muxer="ogg"),
    "ts": Take(video_s=SECONDS, muxer="mpegts"),
    "mp3 in ts": Take("mp3", rate=44_100, muxer="mpegts"),
    "wma": Take("wmav2", rate=44_100, muxer="asf"),
    "wmv": Take("wmav2", rate=44_100, muxer="asf", video_s=SECONDS),
    "avi": Take("mp3", rate=44_100, muxer="avi", video_s=SECONDS),
    "pcm in avi": Take("pcm_s16le", muxer="avi"),
    "flv": Take(rate=44_100, muxer="flv"),
    "caf": Take("pcm_s16le", muxer="caf"),
    "aiff": Take("pcm_s16be", muxer="aiff"),
    "24 bits": Take("pcm_s24le", muxer="wav"),
    "floats": Take("pcm_f32le", muxer="wav"),
    "bytes": Take("pcm_u8", muxer="wav"),
    "telephone": Take("pcm_mulaw", rate=8_000, layout="mono", muxer="wav"),
    "alac": Take("alac", muxer="ipod"),
}
NAMES = ("lesson.m4a", "lesson.mp4", "lesson.mp3", "lesson.wav", "lesson.mkv", "lesson")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_a_file_is_read_whatever_its_name_is(
    kind: str, name: str, tool: MediaTool, tmp_path: Path
) -> None:
    media = record(tmp_path / name, KINDS[kind])
    audio = examine(tool, media, tmp_path / "audio.flac")
    assert audio.duration_s == pytest.approx(SECONDS, abs=0.3)
    heard_s = sum(end - begin for begin, end in sounds(audio.levels))
    assert heard_s == pytest.approx(SECONDS, abs=0.3)


@pytest.mark.parametrize("name", ["lesson.amr", "lesson.m4a", "lesson.mp3"])
def test_what_old_telephones_record_is_read(name: str, tool: MediaTool, tmp_path: Path) -> None:
    media = tmp_path / name
    media.write_bytes(_amr(seconds=3))
    assert examine(tool, media, tmp_path / "audio.flac").duration_s == pytest.approx(3.0, abs=0.1)


def _amr(seconds: int) -> bytes:
    """Frames of 20 ms with 12.2 kbit/s and parameters by chance, as RFC 4867 stores them."""
    chance = Random(20250106)
    return b"#!AMR\n" + b"".join(b"\x3c" + chance.randbytes(31) for _ in range(50 * seconds))


@pytest.mark.parametrize("kind", ["wma", "pcm in avi", "3gp", "mov", "caf", "aiff", "oga"])
@pytest.mark.parametrize("share", [0.5, 0.8])
def test_a_file_of_a_kind_that_says_its_length_is_refused_when_it_was_cut(
    kind: str, share: float, tool: MediaTool, tmp_path: Path
) -> None:
    media = cut(record(tmp_path / "whole", KINDS[kind]), tmp_path / "lesson.mp4", share)
    with pytest.raises(MeetingError) as refused:
        examine(tool, media, tmp_path / "audio.flac")
    assert refused.value.code in ("truncated_media", "not_media", "corrupt_media")


@pytest.mark.parametrize("kind", ["aac", "ts", "mp3 in ts", "flv"])
def test_no_length_is_promised_that_was_estimated(
    kind: str, tool: MediaTool, tmp_path: Path
) -> None:
    assert tool.probe(record(tmp_path / "lesson.m4a", KINDS[kind])).duration_s is None


@pytest.mark.parametrize(
    ("head", "kind"),
    [
        (b".RMF\0\0\0\x12", "RealMedia"),
        (b"\x00\x00\x01\xba\x44\0\x04", "MPEG program stream"),
        (b"riff\x2e\x91\xcf\x11\xa5\xd6", "Wave64"),
        (b"MThd\0\0\0\x06", "MIDI"),
        (b"\x02#!SILK_V3", "SILK"),
    ],
)
def test_a_kind_that_is_not_read_is_refused_by_its_name(
    head: bytes, kind: str, tool: MediaTool, tmp_path: Path
) -> None:
    media = tmp_path / "lesson.mp4"
    media.write_bytes(head + bytes(5_000))
    with pytest.raises(MeetingError) as refused:
        tool.probe(media)
    assert refused.value.code == "unsupported_container"
    assert f"lesson.mp4 is a {kind} file" in refused.value.message
    assert "convert" in refused.value.message
