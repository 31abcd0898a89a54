"""Parameters and limits of language models, by the beginnings of their names."""

from dataclasses import dataclass

REPLY_SHARE = 10
"""The share of the context that a reply gets at first: no more than one N-th of it."""

_REPLY = 8_192
_REPLY_WITH_THOUGHTS = 16_384  # the thoughts of a model that cannot stop count too


@dataclass(frozen=True)
class ModelTraits:
    """What a model accepts.

    Attributes:
        context: Tokens of prompt and reply together.
        reply: Tokens that a reply gets at first.
        can_stop_thinking: Whether it accepts `thinking: {"type": "disabled"}`; thinking is paid for
            and slow.
        temperature: None for models that refuse sampling parameters.
    """

    context: int
    reply: int = _REPLY
    can_stop_thinking: bool = False
    temperature: float | None = None


_BY_BEGINNING = {
    "kimi-k3": ModelTraits(1_048_576, _REPLY_WITH_THOUGHTS),
    "kimi-k2.7": ModelTraits(262_144, _REPLY_WITH_THOUGHTS),
    "kimi-k2.6": ModelTraits(262_144, can_stop_thinking=True),
    "kimi-k2.5": ModelTraits(262_144, can_stop_thinking=True),
    "moonshot-v1-128k": ModelTraits(131_072, temperature=0.0),
    "moonshot-v1-32k": ModelTraits(32_768, temperature=0.0),
    "moonshot-v1": ModelTraits(8_192, temperature=0.0),
}
_UNKNOWN = ModelTraits(32_768)


def traits_of(model: str) -> ModelTraits:
    """Return what is known of a model, or cautious values for an unknown one.

    Args:
        model: Its name; some servers put the vendor before it ("moonshotai/Kimi-K2.6").
    """
    name = model.rpartition("/")[2].lower()
    known = (traits for start, traits in _BY_BEGINNING.items() if name.startswith(start))
    return next(known, _UNKNOWN)
