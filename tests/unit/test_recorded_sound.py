"""A recording is read part by part: nothing lost, nothing twice, cut where nobody speaks."""

from pathlib import Path

import numpy as np
import pytest

from meeting_pipeline.adapters.asr import sound
from meeting_pipeline.adapters.asr.sound import Part, parts
from tests.support import speech


def silent_from(found: list[Part]) -> list[float]:
    return [sum(part.seconds for part in found[: at + 1]) for at in range(len(found) - 1)]


def test_a_short_recording_is_one_part(tmp_path: Path) -> None:
    audio = speech.audio_of(speech.silence(30), tmp_path / "audio.flac")
    assert list(parts(audio.path)) == [Part(30.0, None)]


@pytest.mark.slow
def test_a_long_recording_is_cut_in_its_longest_late_pause(tmp_path: Path) -> None:
    spoken = speech.spoken("445999969", 0, 90)
    pause = speech.silence(4)
    whole = np.concatenate([spoken, spoken, spoken[: 40 * 16_000], pause, spoken, spoken])
    audio = speech.audio_of(whole, tmp_path / "audio.flac")

    found = list(parts(audio.path))

    assert sum(part.seconds for part in found) == pytest.approx(len(whole) / 16_000)
    assert silent_from(found) == [pytest.approx(222, abs=1.5)]
    later = found[1].speech
    assert later is not None
    assert later.begins_at(0.0) == pytest.approx(224, abs=1.5)


@pytest.mark.slow
def test_a_long_silence_is_cut_too(tmp_path: Path) -> None:
    audio = speech.audio_of(speech.silence(1000), tmp_path / "audio.flac")
    found = list(parts(audio.path))
    assert sum(part.seconds for part in found) == 1000.0
    assert max(part.seconds for part in found) <= 371


def test_speech_without_a_pause_is_cut_between_two_spans() -> None:
    spans = [(at * 16_000, (at + 20) * 16_000) for at in range(0, 360, 20)]
    assert sound.cut(spans) in {end for _, end in spans}
