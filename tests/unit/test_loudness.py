"""How loud a recording is does not depend on the way its samples took."""

from array import array
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from meeting_pipeline.adapters.asr import loudness
from meeting_pipeline.adapters.asr.levels import known, speech_in
from meeting_pipeline.adapters.asr.loudness import listen
from meeting_pipeline.adapters.media.pyav import PyAVMedia
from meeting_pipeline.domain.levels import FILE_NAME, FRAME_S, pack, unpack
from meeting_pipeline.domain.model import Audio
from meeting_pipeline.errors import RecordError
from meeting_pipeline.ports.progress import no_progress
from meeting_pipeline.sandbox.tones import tone_recording
from meeting_pipeline.storage.files import sha256_of

SECONDS = 3.3


def make_sound(path: Path, codec: str, rate: int, peak: float) -> Audio:
    """Noise that swells and, above 1.0, is cut off at full scale."""
    noise = np.random.default_rng(7).normal(size=int(SECONDS * rate))
    swelling = noise * np.linspace(0.0, peak, len(noise))
    samples = np.clip(swelling * 32_767, -32_768, 32_767).astype(np.int16)
    with av.open(str(path), "w") as container:
        track: Any = container.add_stream(codec, rate=rate, layout="mono")
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="s16", layout="mono")
        frame.sample_rate = rate
        for packet in (*track.encode(frame), *track.encode(None)):
            container.mux(packet)
    return Audio(path, path.stat().st_size, "", SECONDS)


@pytest.mark.parametrize("peak", [0.0001, 0.2, 3.0])
def test_our_own_mp3_is_as_loud_without_the_filter_as_with_it(
    tmp_path: Path, peak: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    audio = make_sound(tmp_path / "audio.mp3", "mp3", 16_000, peak)

    direct = listen(audio)
    monkeypatch.setattr(loudness, "_PLAIN", ())
    filtered = listen(audio)

    assert np.array_equal(direct.levels, filtered.levels)
    assert direct.duration_s == filtered.duration_s
    assert direct.packets == filtered.packets


def test_sound_of_another_rate_is_heard_through_the_filter(tmp_path: Path) -> None:
    sound = listen(make_sound(tmp_path / "audio.wav", "pcm_s16le", 44_100, 0.2))

    assert sound.duration_s == pytest.approx(SECONDS, abs=0.01)
    assert len(sound.levels) == pytest.approx(SECONDS / FRAME_S, abs=1)
    assert not sound.is_mp3


def test_levels_kept_beside_the_audio_spare_the_decoding(tmp_path: Path) -> None:
    audio = make_sound(tmp_path / "audio.mp3", "mp3", 16_000, 0.2)
    audio = replace(audio, sha256=sha256_of(audio.path), duration_s=SECONDS)
    kept = array("f", [-20.0] * 66)
    audio.path.with_name(FILE_NAME).write_bytes(pack(kept, audio.sha256))

    sound, decoded = listen(audio), listen(replace(audio, sha256="00" * 32))

    assert sound.levels == kept
    assert list(sound.speech) == [pytest.approx((0.0, SECONDS))]
    assert sound.duration_s == SECONDS
    assert decoded.levels != kept
    assert (sound.packets, sound.packet_s) == (decoded.packets, decoded.packet_s)
    assert (sound.lead_s, sound.is_mp3) == (decoded.lead_s, decoded.is_mp3)


def test_audio_shorter_than_its_levels_is_corrupt(tmp_path: Path) -> None:
    audio = make_sound(tmp_path / "audio.mp3", "mp3", 16_000, 0.2)
    audio = replace(audio, sha256=sha256_of(audio.path), duration_s=2 * SECONDS)
    audio.path.with_name(FILE_NAME).write_bytes(pack(array("f", [-20.0] * 132), audio.sha256))

    with pytest.raises(RecordError, match="cannot be decoded whole"):
        listen(audio)


@given(levels=st.lists(st.floats(-100, 0, width=32)), at=st.integers(0, 200))
def test_kept_levels_come_back_or_are_not_believed(levels: list[float], at: int) -> None:
    kept = pack(array("f", levels), "ab" * 32)

    assert unpack(kept, "ab" * 32) == array("f", levels)
    assert unpack(kept, "cd" * 32) is None
    assert unpack(kept[: min(at, len(kept) - 1)], "ab" * 32) is None
    damaged = bytearray(kept)
    damaged[at % len(kept)] ^= 1
    assert unpack(bytes(damaged), "ab" * 32) is None


def test_what_was_measured_when_it_was_made_tells_where_somebody_speaks(tmp_path: Path) -> None:
    path = tmp_path / "audio.m4a"
    tone_recording(path, 20.0, burst_s=4.0, period_s=5.0)
    digest = sha256_of(path)
    levels = PyAVMedia().extract(path, tmp_path / "made.m4a", "m4a", no_progress).levels
    audio = Audio(path, path.stat().st_size, digest, 20.0)
    assert known(audio) is None, "nothing is kept beside it yet"
    decoded = listen(audio)

    (tmp_path / FILE_NAME).write_bytes(pack(levels, digest))
    sound = known(audio)

    assert sound is not None
    for one, other in zip(sound.speech, decoded.speech, strict=True):
        assert one == pytest.approx(other, abs=2 * FRAME_S)
    assert [round(end - start) for start, end in sound.speech] == [4, 4, 4, 4]
    assert not sound.is_mp3


@given(st.lists(st.floats(-100, 0), max_size=400))
def test_speech_is_louder_than_silence_in_order_and_with_breaths_between(
    loud: list[float],
) -> None:
    levels = array("f", loud)
    spans = speech_in(levels)
    assert all(0 <= start < end <= len(levels) * FRAME_S + 1e-6 for start, end in spans)
    assert all(after[0] - before[1] > 0.5 for before, after in pairwise(spans))
    ends = [levels[round(at / FRAME_S) - last] for one in spans for last, at in enumerate(one)]
    assert all(level > -50.0 for level in ends)


@given(st.floats(-34, 0), st.integers(5, 400))
def test_what_is_loud_all_along_is_all_speech(level: float, frames: int) -> None:
    [(start, end)] = speech_in(array("f", [level] * frames))
    assert start == 0.0
    assert end == pytest.approx(frames * FRAME_S)
