"""A live recording does not know how long it is, and still shows that it was cut off."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from meeting_pipeline.adapters.media.pyav import PyAVMedia
from meeting_pipeline.errors import RecordError
from meeting_pipeline.ports.media import MediaTool
from meeting_pipeline.ports.progress import no_progress
from tests.support.generated_media import Take, cut, pipe, record
from tests.support.media_tools import examine

SECONDS = 8.0
FRAGMENTS = ("movflags", "+empty_moov+default_base_moof")
INDEXED = ("movflags", "+empty_moov+default_base_moof+global_sidx")
HALF_A_SECOND = ("frag_duration", "500000")

FRAGMENTED = Take(muxer="mp4", seconds=SECONDS, changes=(FRAGMENTS, HALF_A_SECOND))
WITH_INDEX = Take(muxer="mp4", seconds=SECONDS, changes=(INDEXED, HALF_A_SECOND))
LIVE = {
    "fragmented mp4": FRAGMENTED,
    "fragments of pictures": Take(
        muxer="mp4", seconds=SECONDS, video_s=SECONDS, changes=(FRAGMENTS, HALF_A_SECOND)
    ),
    "fragments after samples": Take(
        muxer="mp4", seconds=SECONDS, changes=(("movflags", "+frag_keyframe"), HALF_A_SECOND)
    ),
    "segments of dash": Take(
        muxer="mp4", seconds=SECONDS, changes=(("movflags", "+dash+empty_moov"), HALF_A_SECOND)
    ),
    "live webm": Take(
        "libopus", rate=48_000, seconds=SECONDS, muxer="webm", changes=(("live", "1"),)
    ),
    "mkv of a pipe": Take(seconds=SECONDS, muxer="matroska"),
    "webm of a pipe": Take("libopus", rate=48_000, seconds=SECONDS, muxer="webm"),
    "transport stream": Take(seconds=SECONDS, muxer="mpegts"),
    "flash video": Take(rate=44_100, seconds=SECONDS, muxer="flv"),
    "adts": Take(seconds=SECONDS, muxer="adts"),
}


@pytest.mark.parametrize("share", [0.3, 0.6, 0.95])
@pytest.mark.parametrize("kind", LIVE)
def test_a_live_recording_that_was_cut_off_is_refused_before_it_is_decoded(
    kind: str, share: float, tool: MediaTool, tmp_path: Path
) -> None:
    media = cut(pipe(tmp_path / "whole", LIVE[kind]), tmp_path / "lesson.mp4", share)
    with pytest.raises(RecordError) as refused:
        tool.probe(media)
    assert refused.value.code == "truncated_media"
    assert refused.value.message.startswith("lesson.mp4 is cut off")


@pytest.mark.parametrize("kind", LIVE)
def test_a_live_recording_that_ended_is_whole(kind: str, tool: MediaTool, tmp_path: Path) -> None:
    media = pipe(tmp_path / "lesson.mp4", LIVE[kind])
    audio = examine(tool, media, tmp_path / "audio.flac")
    assert audio.duration_s == pytest.approx(SECONDS, abs=0.3)


@pytest.mark.parametrize("kind", ["avi", "asf"])
def test_a_recording_of_a_pipe_whose_header_states_no_length_is_whole(
    kind: str, tool: MediaTool, tmp_path: Path
) -> None:
    codec = {"avi": "mp3", "asf": "wmav2"}[kind]
    media = pipe(tmp_path / "lesson", Take(codec, rate=44_100, seconds=SECONDS, muxer=kind))
    assert tool.probe(media).duration_s is None
    audio = examine(tool, media, tmp_path / "audio.flac")
    assert audio.duration_s == pytest.approx(SECONDS, abs=0.3)


LATE_SOUND = Take("mp3", rate=44_100, seconds=SECONDS, video_s=SECONDS + 6, late_s=6.0, muxer="avi")


@pytest.mark.parametrize("codec", ["mp3", "mp2", "aac"])
def test_a_sound_that_begins_late_in_an_avi_file_is_whole(
    codec: str, tool: MediaTool, tmp_path: Path
) -> None:
    media = record(tmp_path / "lesson.avi", replace(LATE_SOUND, codec=codec))
    audio = examine(tool, media, tmp_path / "audio.flac")
    assert audio.duration_s >= SECONDS - 0.3


def test_a_late_sound_in_an_avi_file_that_was_cut_off_is_refused(
    tool: MediaTool, tmp_path: Path
) -> None:
    media = cut(record(tmp_path / "whole.avi", LATE_SOUND), tmp_path / "lesson.avi", 0.8)
    with pytest.raises(RecordError) as refused:
        examine(tool, media, tmp_path / "audio.flac")
    assert refused.value.code == "truncated_media"


def test_a_live_recording_may_end_after_any_fragment(tool: MediaTool, tmp_path: Path) -> None:
    data = pipe(tmp_path / "whole", FRAGMENTED).read_bytes()
    ends = [end for name, _, end in boxes(data) if name == b"mdat"]
    assert len(ends) > 10
    media = tmp_path / "lesson.mp4"
    media.write_bytes(data[: ends[8]])
    audio = examine(tool, media, tmp_path / "audio.flac")
    assert audio.duration_s == pytest.approx(4.5, abs=0.5)


@pytest.mark.parametrize("extra", [0, 3, 8, 200])
def test_a_fragment_without_all_of_its_content_was_cut_off(
    extra: int, tool: MediaTool, tmp_path: Path
) -> None:
    data = pipe(tmp_path / "whole", FRAGMENTED).read_bytes()
    ends = [end for name, _, end in boxes(data) if name == b"moof"]
    media = tmp_path / "lesson.mp4"
    media.write_bytes(data[: ends[8] + extra])
    with pytest.raises(RecordError) as refused:
        tool.probe(media)
    assert refused.value.code == "truncated_media"


def test_an_index_shows_which_fragments_are_missing(tool: MediaTool, tmp_path: Path) -> None:
    data = record(tmp_path / "whole", WITH_INDEX).read_bytes()
    ends = [end for name, _, end in boxes(data) if name == b"mdat"]
    media = tmp_path / "lesson.mp4"
    media.write_bytes(data[: ends[8]])
    with pytest.raises(RecordError) as refused:
        tool.probe(media)
    assert refused.value.code == "truncated_media"


@pytest.mark.parametrize("video_s", [0.0, SECONDS, SECONDS + 4], ids=["sound", "both", "longer"])
@pytest.mark.parametrize("box", ["mvhd", "mehd"])
def test_fragments_are_missing_where_the_header_states_a_duration(
    box: str, video_s: float, tool: MediaTool, tmp_path: Path
) -> None:
    take = Take(muxer="mp4", seconds=SECONDS, video_s=video_s, changes=FRAGMENTED.changes)
    total_s = max(SECONDS, video_s)
    whole = stating(pipe(tmp_path / "fragments", take).read_bytes(), box, total_s)
    media = tmp_path / "lesson.mp4"
    media.write_bytes(whole)
    audio = examine(tool, media, tmp_path / "audio.flac")
    assert audio.duration_s == pytest.approx(total_s, abs=0.3)
    ends = [end for name, _, end in boxes(whole) if name == b"mdat"]
    media.write_bytes(whole[: ends[len(ends) // 2]])
    with pytest.raises(RecordError) as refused:
        examine(tool, media, tmp_path / "audio.flac")
    assert refused.value.code == "truncated_media"


@pytest.mark.parametrize("box", ["mvhd", "mehd"])
def test_a_duration_that_the_recorder_could_not_know_promises_nothing(
    box: str, tool: MediaTool, tmp_path: Path
) -> None:
    media = tmp_path / "lesson.mp4"
    media.write_bytes(stating(pipe(tmp_path / "whole", FRAGMENTED).read_bytes(), box, None))
    assert tool.probe(media).duration_s is None


@pytest.mark.parametrize("trailer", [bytes(4), bytes(40), b"SEFH" + bytes(20) + b"SEFT"])
def test_what_a_camera_adds_after_the_last_box_is_no_loss(
    trailer: bytes, tool: MediaTool, tmp_path: Path
) -> None:
    media = record(tmp_path / "lesson.mp4", Take(muxer="mp4"))
    media.write_bytes(media.read_bytes() + trailer)
    assert examine(tool, media, tmp_path / "audio.flac").duration_s == pytest.approx(4.0, abs=0.3)


def test_an_index_with_an_impossible_size_is_read_without_the_file(tmp_path: Path) -> None:
    data = record(tmp_path / "whole", WITH_INDEX).read_bytes()
    media = tmp_path / "lesson.mp4"
    media.write_bytes(data.replace(data[data.index(b"sidx") - 4 :][:4], b"\x7f\xff\xff\xff", 1))
    with pytest.raises(RecordError) as refused:
        PyAVMedia().probe(media)
    assert refused.value.code == "truncated_media"


@pytest.mark.parametrize("muxer", ["mp4", "mov"])
@pytest.mark.parametrize("share", [0.1, 0.6, 0.99])
def test_a_file_that_was_cut_off_before_its_index_is_refused_for_that(
    muxer: str, share: float, tool: MediaTool, tmp_path: Path
) -> None:
    whole = record(tmp_path / "whole", Take(seconds=SECONDS, video_s=SECONDS, muxer=muxer))
    media = cut(whole, tmp_path / "lesson.mp4", share)
    with pytest.raises(RecordError) as refused:
        tool.probe(media)
    assert refused.value.code == "truncated_media"
    assert "index (moov) is missing" in refused.value.message


@pytest.mark.parametrize("head", [b"\0\0\1\0garb", b"RIFF\0\0\0\x20WAVE", b"\x1a\x45\xdf\xa3"])
def test_what_is_no_movie_does_not_lack_an_index(
    head: bytes, tool: MediaTool, tmp_path: Path
) -> None:
    media = tmp_path / "lesson.mp4"
    media.write_bytes(head + bytes(range(1, 200)) * 9)
    with pytest.raises(RecordError) as refused:
        tool.probe(media)
    assert refused.value.code == "not_media"


@pytest.mark.parametrize("kind", LIVE)
def test_what_is_left_of_a_live_recording_can_be_accepted(kind: str, tmp_path: Path) -> None:
    media = cut(pipe(tmp_path / "whole", LIVE[kind]), tmp_path / "lesson.mp4", 0.6)
    audio = PyAVMedia().extract(media, tmp_path / "audio.flac", "flac", no_progress, True)
    assert audio.duration_s == pytest.approx(0.6 * SECONDS, abs=1.0)


def boxes(data: bytes, at: int = 0) -> Iterator[tuple[bytes, int, int]]:
    """Name, start and end of every box."""
    while at < len(data):
        end = at + int.from_bytes(data[at : at + 4], "big")
        yield data[at + 4 : at + 8], at, end
        at = end


def stating(data: bytes, box: str, seconds: float | None) -> bytes:
    """Have a file in fragments state its duration; None for one that is not known."""
    [(_, movie, movie_end)] = [one for one in boxes(data) if one[0] == b"moov"]
    header = data.index(b"mvhd", movie) + 4
    ticks_per_s = int.from_bytes(data[header + 12 : header + 16], "big")
    ticks = b"\xff" * 4 if seconds is None else round(seconds * ticks_per_s).to_bytes(4, "big")
    if box == "mvhd":
        return data[: header + 16] + ticks + data[header + 20 :]
    extends = data.index(b"mvex", movie) - 4
    added = (16).to_bytes(4, "big") + b"mehd" + bytes(4) + ticks
    sizes = {at: int.from_bytes(data[at : at + 4], "big") + 16 for at in (movie, extends)}
    changed = bytearray(data)
    for at, size in sizes.items():
        changed[at : at + 4] = size.to_bytes(4, "big")
    changed[extends + 8 : extends + 8] = added
    assert movie_end > extends
    return bytes(changed)
