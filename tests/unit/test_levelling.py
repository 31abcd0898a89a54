"""The copy for the voice detector: quiet stretches are louder, and nothing else changes."""

import numpy as np
import pytest

from meeting_pipeline.adapters.asr.levelling import levelled

RATE = 16_000


def tone(seconds: float, level_db: float) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    at = np.arange(round(seconds * RATE)) / RATE
    amplitude = 10 ** (level_db / 20)
    return (amplitude * np.sin(2 * np.pi * 220 * at)).astype(np.float32)


def peak_db(samples: np.ndarray[tuple[int], np.dtype[np.float32]]) -> float:
    return float(20 * np.log10(np.abs(samples).max() + 1e-9))


def test_a_loud_recording_stays_as_it_is() -> None:
    loud = tone(10.3, -12)
    assert levelled(loud) == pytest.approx(loud, abs=1e-3)


@pytest.mark.parametrize("level_db", [-30.0, -45.0, -58.0])
def test_a_quiet_one_becomes_as_loud_as_speech_usually_is(level_db: float) -> None:
    assert peak_db(levelled(tone(10, level_db))) == pytest.approx(-20, abs=0.5)


def test_the_gain_is_bounded_so_that_noise_stays_noise() -> None:
    assert peak_db(levelled(tone(10, -80))) == pytest.approx(-40, abs=0.5)
    assert not levelled(np.zeros(RATE, np.float32)).any()


def test_a_constant_offset_is_removed_first() -> None:
    assert peak_db(levelled(tone(10, -58) + np.float32(0.2))) == pytest.approx(-20, abs=1)
    assert peak_db(levelled(np.full(RATE, 0.2, np.float32))) < -100


def test_a_quiet_speaker_beside_a_loud_one_is_raised_without_a_jump() -> None:
    both = np.concatenate([tone(5, -12), tone(6, -55), tone(5, -12)])
    copy = levelled(both)
    assert peak_db(copy[7 * RATE : 9 * RATE]) == pytest.approx(-20, abs=0.5)
    assert np.abs(copy).max() <= 1.0
    gain = np.abs(np.diff(copy)) / (np.abs(np.diff(both)).max() + 1e-9)
    assert gain.max() < 1.2


@pytest.mark.parametrize("length", [0, 1, 1_599, 1_600, 1_601, 16_000])
def test_it_is_as_long_as_the_recording_and_leaves_that_alone(length: int) -> None:
    given = tone(2, -40)[:length]
    before = given.copy()
    assert len(levelled(given)) == length
    assert (given == before).all()
