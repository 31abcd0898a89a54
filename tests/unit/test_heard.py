"""How much of the speech has text is measured by levels, with any recogniser."""

from array import array
from random import Random

import pytest

from meeting_pipeline.domain.heard import low_coverage
from meeting_pipeline.domain.levels import FRAME_S
from meeting_pipeline.domain.model import Segment


def sentences(seconds: float, level: float, chance: Random, noise: float = -76.0) -> list[float]:
    """Syllables of a quarter of a second that vary by 20 dB, with a pause after each sentence."""
    found: list[float] = []
    while len(found) * FRAME_S < seconds:
        for _ in range(chance.randint(6, 14)):
            found += [level + chance.uniform(-12, 8) for _ in range(4)] + [level - 15.0]
        found += [noise + chance.uniform(-1, 1) for _ in range(chance.randint(12, 30))]
    return found[: round(seconds / FRAME_S)]


def noise(seconds: float, level: float, chance: Random) -> list[float]:
    return [level + chance.uniform(-1.5, 1.5) for _ in range(round(seconds / FRAME_S))]


def covered(*spans: tuple[float, float]) -> tuple[Segment, ...]:
    return tuple(Segment(start, end, "你好") for start, end in spans)


def test_a_quiet_student_beside_a_loud_teacher_counts(chance: Random) -> None:
    turns = [sentences(15.0, level, chance) for level in (-22.0, -55.0, -22.0, -55.0, -22.0, -22.0)]
    levels = array("f", [level for turn in turns for level in turn])
    teacher_only = covered((0.0, 15.0), (30.0, 45.0), (60.0, 90.0))
    share = low_coverage(levels, teacher_only)
    assert share == pytest.approx(0.7, abs=0.1)
    assert low_coverage(levels, covered((0.0, 90.0))) is None


@pytest.mark.parametrize("level", [-22.0, -40.0, -55.0])
def test_a_recording_with_text_for_every_sentence_has_no_warning(
    level: float, chance: Random
) -> None:
    levels = array("f", sentences(60.0, level, chance))
    assert low_coverage(levels, covered((0.0, 60.0))) is None
    assert low_coverage(levels, covered((0.0, 30.0))) == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("level", [-30.0, -45.0, -76.0])
def test_noise_between_sentences_is_no_speech(level: float, chance: Random) -> None:
    levels = array(
        "f",
        noise(60.0, level, chance)
        + sentences(20.0, level + 25.0, chance, noise=level)
        + noise(60.0, level, chance),
    )
    assert low_coverage(levels, covered((60.0, 80.0))) is None


def test_clicks_and_a_missed_word_are_no_loss(chance: Random) -> None:
    quiet = noise(60.0, -76.0, chance)
    quiet[::40] = [-30.0] * len(quiet[::40])
    levels = array("f", quiet + sentences(20.0, -25.0, chance))
    assert low_coverage(levels, covered((60.0, 77.0))) is None


def test_silence_has_nothing_to_cover() -> None:
    assert low_coverage(array("f"), ()) is None
    assert low_coverage(array("f", [-100.0] * 2_000), ()) is None
