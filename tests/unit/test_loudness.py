"""How loud a recording is does not depend on the way its samples took."""

from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from meeting_pipeline.adapters.asr import loudness
from meeting_pipeline.adapters.asr.levels import FRAME_S
from meeting_pipeline.adapters.asr.loudness import listen
from meeting_pipeline.domain.model import Audio

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
