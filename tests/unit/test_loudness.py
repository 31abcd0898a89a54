"""How loud a recording is, and where somebody speaks in it."""

from array import array
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting_pipeline.adapters.asr.levels import listen, speech_in
from meeting_pipeline.adapters.asr.packets import packets_of
from meeting_pipeline.adapters.media.pyav import PyAVMedia
from meeting_pipeline.domain.levels import FILE_NAME, FRAME_S, loudest_second, pack, unpack
from meeting_pipeline.domain.model import Audio
from meeting_pipeline.errors import RecordError
from tests.support.speech_service import audio_in, tones

SECONDS = 20.0


def keep_levels(audio: Audio, levels: "array[float]", sha256: str) -> None:
    audio.path.with_name(FILE_NAME).write_bytes(pack(levels, sha256))


@pytest.mark.parametrize("name", ["audio.mp3", "audio.m4a"])
def test_levels_kept_beside_the_audio_spare_the_decoding(tmp_path: Path, name: str) -> None:
    audio = tones(tmp_path / name, SECONDS)
    kept, closed = array("f", [-20.0] * 400), PyAVMedia()
    closed.close()
    keep_levels(audio, kept, audio.sha256)

    sound = listen(audio, closed)

    assert sound.levels == kept
    assert list(sound.speech) == [pytest.approx((0.0, SECONDS))]


@pytest.mark.parametrize("beside", ["nothing", "those of other audio", "a part of them"])
def test_where_they_are_gone_the_audio_is_measured_and_nothing_else_is_left(
    tmp_path: Path, beside: str
) -> None:
    audio = tones(tmp_path / "audio.m4a", SECONDS, burst_s=4.0, period_s=5.0)
    if beside != "nothing":
        keep_levels(audio, array("f", [-20.0] * 400), "00" * 32)
    if beside == "a part of them":
        audio.path.with_name(FILE_NAME).write_bytes(b"")
    before = set(tmp_path.iterdir())

    sound = listen(audio, PyAVMedia())

    assert len(sound.levels) == pytest.approx(SECONDS / FRAME_S, abs=2)
    assert [(round(start), round(end)) for start, end in sound.speech] == [
        (0, 4),
        (5, 9),
        (10, 14),
        (15, 19),
    ]
    assert set(tmp_path.iterdir()) == before


def test_audio_that_is_shorter_than_it_was_is_refused(tmp_path: Path) -> None:
    audio = audio_in(tones(tmp_path / "audio.mp3", SECONDS).path, 2 * SECONDS)
    with pytest.raises(RecordError) as refused:
        listen(audio, PyAVMedia())
    assert refused.value.code == "truncated_media"


def test_the_packets_of_an_mp3_are_all_of_its_sound(tmp_path: Path) -> None:
    audio = tones(tmp_path / "audio.mp3", SECONDS)
    packets = packets_of(audio.path)
    lengths = [end - start for start, end in pairwise(packets.starts)]
    assert packets.starts[-1] == audio.size_bytes
    assert all(length > 0 for length in lengths)
    assert len(lengths) * packets.each_s - packets.lead_s == pytest.approx(SECONDS, abs=0.1)


@given(levels=st.lists(st.floats(-100, 0, width=32)), at=st.integers(0, 200))
def test_kept_levels_come_back_or_are_not_believed(levels: list[float], at: int) -> None:
    kept = pack(array("f", levels), "ab" * 32)

    assert unpack(kept, "ab" * 32) == array("f", levels)
    assert unpack(kept, "cd" * 32) is None
    assert unpack(kept[: min(at, len(kept) - 1)], "ab" * 32) is None
    damaged = bytearray(kept)
    damaged[at % len(kept)] ^= 1
    assert unpack(bytes(damaged), "ab" * 32) is None


@given(st.lists(st.floats(-100, 0), max_size=400))
def test_speech_is_louder_than_silence_in_order_and_with_breaths_between(
    loud: list[float],
) -> None:
    levels = array("f", loud)
    spans = speech_in(levels)
    assert all(0 <= start < end <= len(levels) * FRAME_S + 1e-6 for start, end in spans)
    assert all(after[0] - before[1] > 0.5 for before, after in pairwise(spans))
    ends = [levels[round(at / FRAME_S) - last] for one in spans for last, at in enumerate(one)]
    least = min(-50.0, loudest_second(levels) - 30.0)
    assert all(level > least for level in ends)


@given(st.floats(-34, 0), st.integers(5, 400))
def test_what_is_loud_all_along_is_all_speech(level: float, frames: int) -> None:
    [(start, end)] = speech_in(array("f", [level] * frames))
    assert start == 0.0
    assert end == pytest.approx(frames * FRAME_S)


def test_speech_of_a_quiet_recording_is_found_and_the_breaths_of_a_loud_one_are_not() -> None:
    turn, pause = [-60.0, -66.0] * 40, [-95.0] * 40
    quiet = array("f", turn + pause + turn)
    assert [round(start) for start, _ in speech_in(quiet)] == [0, 6]
    loud = array("f", [level + 40 for level in turn] + [-52.0] * 40 + [-90.0] * 40)
    assert len(speech_in(loud)) == 1
