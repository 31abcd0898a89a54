"""What each language model takes, known by the beginning of its name."""

import pytest

from meeting_pipeline.adapters.llm.model_traits import traits_of


@pytest.mark.parametrize(
    ("model", "context", "can_stop_thinking", "temperature"),
    [
        ("kimi-k2.6", 262_144, True, None),
        ("kimi-k2.5-preview", 262_144, True, None),
        ("moonshotai/Kimi-K2.6", 262_144, True, None),
        ("kimi-k2.7-code-highspeed", 262_144, False, None),
        ("kimi-k3.1-pro", 1_048_576, False, None),
        ("moonshot-v1-8k", 8_192, False, 0.0),
        ("moonshot-v1-auto", 8_192, False, 0.0),
        ("moonshot-v1-128k-vision-preview", 131_072, False, 0.0),
        ("qwen3:8b", 32_768, False, None),
    ],
)
def test_a_model_is_known_by_its_name(
    model: str, context: int, can_stop_thinking: bool, temperature: float | None
) -> None:
    traits = traits_of(model)
    assert traits.context == context
    assert traits.can_stop_thinking is can_stop_thinking
    assert traits.temperature == temperature


def test_a_model_that_cannot_stop_thinking_has_room_for_its_thoughts() -> None:
    assert traits_of("kimi-k3").reply >= 16_000
