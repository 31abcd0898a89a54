"""Time is the container's time: holes and a late start are neither damage nor forgotten."""

from itertools import pairwise
from pathlib import Path

import pytest

from meeting_pipeline.domain.media_checks import check_whole
from meeting_pipeline.errors import MeetingError
from meeting_pipeline.ports.media import MediaTool
from meeting_pipeline.ports.progress import no_progress
from tests.support import timed_media
from tests.support.generated_media import SECONDS, Take, cut
from tests.support.generated_media import record as record_take
from tests.support.media_tools import examine, sounds
from tests.support.timed_media import Container, dropouts, hole, late, lost, record

pytestmark = pytest.mark.slow  # hundreds of files are recorded and decoded

TIMED = {
    "mp4": timed_media.MP4,
    "fragmented mp4": timed_media.FRAGMENTS,
    "webm": timed_media.WEBM,
    "live webm": timed_media.LIVE_WEBM,
    "mkv": timed_media.MKV,
    "ogg": timed_media.OGG,
    "vorbis": timed_media.VORBIS,
    "ts": timed_media.TS,
    "flv": timed_media.FLV,
}
WITH_START = sorted(TIMED.keys() - {"ts", "fragmented mp4"})
"""Containers that say how late a track begins that is alone in them."""

RIGHT_S = 0.3


@pytest.fixture(params=sorted(TIMED))
def container(request: pytest.FixtureRequest) -> Container:
    return TIMED[request.param]


def test_what_follows_a_hole_keeps_its_time(
    container: Container, tool: MediaTool, tmp_path: Path
) -> None:
    media = record(tmp_path / "recording", container, 4.0, hole(2.0, 9.0))
    audio = examine(tool, media, tmp_path / "audio.flac")
    assert audio.duration_s == pytest.approx(13.0, abs=RIGHT_S)
    [before, after] = sounds(audio.levels)
    assert before == pytest.approx((0.0, 2.0), abs=RIGHT_S)
    assert after == pytest.approx((11.0, 13.0), abs=RIGHT_S)


def test_lost_packets_are_silence(container: Container, tool: MediaTool, tmp_path: Path) -> None:
    media = record(tmp_path / "recording", container, 5.0, lost(2.0, 2.5))
    audio = examine(tool, media, tmp_path / "audio.flac")
    assert audio.duration_s == pytest.approx(5.0, abs=RIGHT_S)
    [before, after] = sounds(audio.levels)
    assert before[1] == pytest.approx(2.0, abs=0.2)
    assert after[0] == pytest.approx(2.5, abs=0.2)


def test_small_dropouts_add_up(container: Container, tool: MediaTool, tmp_path: Path) -> None:
    media = record(tmp_path / "recording", container, 20.0, dropouts(1.0, 0.045))
    audio = examine(tool, media, tmp_path / "audio.flac")
    assert audio.duration_s == pytest.approx(20.0, abs=RIGHT_S)


@pytest.mark.parametrize("name", WITH_START)
@pytest.mark.parametrize("late_s", [0.5, 12.0])
def test_a_microphone_that_was_opened_late_is_heard_late(
    name: str, late_s: float, tool: MediaTool, tmp_path: Path
) -> None:
    media = record(tmp_path / "recording", TIMED[name], 3.0, late(late_s))
    audio = examine(tool, media, tmp_path / "audio.flac")
    assert audio.duration_s == pytest.approx(late_s + 3.0, abs=RIGHT_S)
    assert sounds(audio.levels)[-1][0] == pytest.approx(late_s, abs=RIGHT_S)


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm", "ts"])
def test_sound_that_begins_after_the_picture_is_heard_after_it(
    suffix: str, tool: MediaTool, tmp_path: Path
) -> None:
    codec = "libopus" if suffix == "webm" else "aac"
    take = Take(codec, video_s=10.0, late_s=6.0, rate=48_000)
    media = record_take(tmp_path / f"recording.{suffix}", take)
    audio = examine(tool, media, tmp_path / "audio.flac")
    assert audio.duration_s == pytest.approx(10.0, abs=RIGHT_S)
    assert sounds(audio.levels)[0][0] == pytest.approx(6.0, abs=RIGHT_S)


@pytest.mark.parametrize("suffix", ["mkv", "webm", "wmv"])
def test_a_picture_that_continues_after_the_sound_is_no_loss(
    suffix: str, tool: MediaTool, tmp_path: Path
) -> None:
    codec = {"mkv": "aac", "webm": "libopus", "wmv": "wmav2"}[suffix]
    take = Take(codec, video_s=10.0, rate=48_000, muxer="asf" if suffix == "wmv" else None)
    media = _without_lengths_of_tracks(record_take(tmp_path / f"recording.{suffix}", take))
    audio = examine(tool, media, tmp_path / "audio.flac")
    assert audio.duration_s == pytest.approx(10.0, abs=RIGHT_S)
    assert sounds(audio.levels)[-1][1] == pytest.approx(SECONDS, abs=RIGHT_S)
    with pytest.raises(MeetingError) as refused:
        examine(tool, cut(media, tmp_path / "cut", 0.6), tmp_path / "audio.flac")
    assert refused.value.code in ("truncated_media", "corrupt_media")


def _without_lengths_of_tracks(media: Path) -> Path:
    """Write a Matroska file as other programs do: only FFmpeg states the length of each track."""
    media.write_bytes(media.read_bytes().replace(b"DURATION", b"XURATION"))
    return media


@pytest.mark.parametrize("name", sorted(TIMED))
def test_the_part_of_a_broadcast_begins_with_its_first_sound(
    name: str, tool: MediaTool, tmp_path: Path
) -> None:
    media = record(tmp_path / "recording", TIMED[name], 3.0, late(8 * 3600.0))
    if tool.probe(media).duration_s is not None:
        return  # the container itself says how long it is
    audio = examine(tool, media, tmp_path / "audio.flac")
    assert audio.duration_s == pytest.approx(3.0, abs=RIGHT_S)


@pytest.mark.parametrize(
    "timeline", [hole(2.0, 9.0), late(12.0), dropouts(1.0, 0.05)], ids=["hole", "late", "dropouts"]
)
def test_an_m4a_whose_times_are_not_those_of_its_samples_is_not_sent_as_it_is(
    timeline: timed_media.Timeline, tool: MediaTool, tmp_path: Path
) -> None:
    media = record(tmp_path / "recording.m4a", timed_media.MP4, 20.0, timeline)
    assert tool.probe(media).m4a_bytes is None


@pytest.mark.parametrize("share", [0.4, 0.6, 0.95])
@pytest.mark.parametrize("name", ["mp4", "webm", "mkv", "ogg", "vorbis"])
def test_a_file_with_holes_that_was_cut_is_still_refused(
    name: str, share: float, tool: MediaTool, tmp_path: Path
) -> None:
    media = record(tmp_path / "whole", TIMED[name], 20.0, hole(2.0, 9.0))
    with pytest.raises(MeetingError) as refused:
        examine(tool, cut(media, tmp_path / "recording", share), tmp_path / "audio.flac")
    assert refused.value.code in ("truncated_media", "not_media")


@pytest.mark.parametrize("filling", [b"\0", b"<html>"], ids=["zeros", "page"])
@pytest.mark.parametrize("name", ["fragmented mp4", "webm", "live webm", "mkv", "ogg", "ts"])
def test_a_hole_in_the_file_is_not_a_hole_in_the_recording(
    name: str, filling: bytes, tool: MediaTool, tmp_path: Path
) -> None:
    media = record(tmp_path / "recording", TIMED[name], 20.0, late(0.0))
    data = media.read_bytes()
    third = len(data) // 3
    inside = (filling * third)[:third]
    media.write_bytes(data[:third] + inside + data[2 * third :])
    with pytest.raises(MeetingError) as refused:
        examine(tool, media, tmp_path / "audio.flac")
    assert refused.value.code in ("truncated_media", "corrupt_media")


def test_a_clock_that_is_set_back_loses_no_sound(tool: MediaTool, tmp_path: Path) -> None:
    parts = [
        record(tmp_path / f"part_{number}", timed_media.TS, 3.0, late(start_s))
        for number, start_s in enumerate((100.0, 0.0))
    ]
    media = tmp_path / "recording"
    media.write_bytes(b"".join(part.read_bytes() for part in parts))
    audio = tool.extract(media, tmp_path / "audio.flac", "flac", no_progress)
    assert sum(end - begin for begin, end in sounds(audio.levels)) == pytest.approx(6.0, abs=0.5)


def test_progress_and_times_only_rise(tool: MediaTool, tmp_path: Path) -> None:
    media = record(tmp_path / "recording", timed_media.WEBM, 6.0, hole(2.0, 9.0))
    fractions: list[float] = []
    audio = tool.extract(media, tmp_path / "audio.flac", "flac", fractions.append)
    assert all(before <= after for before, after in pairwise(fractions))
    check_whole(tool.probe(media).duration_s, audio.duration_s)
