"""What language models take and how much; by the beginning of their names, because lists rotate."""

from dataclasses import dataclass

REPLY_SHARE = 10
"""A reply is given no more than a tenth of the context at first."""

_REPLY = 8_192
_REPLY_WITH_THOUGHTS = 16_384  # the thoughts of a model that cannot stop count too


@dataclass(frozen=True)
class ModelTraits:
    """context: tokens of prompt and reply together. reply: tokens a reply is given at first.

    can_stop_thinking: takes `thinking: {"type": "disabled"}`; thinking is paid for and slow.
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
    """What is known of a model; a careful guess for one that is not known.

    Some servers put the maker before the name ("moonshotai/Kimi-K2.6").
    """
    name = model.rpartition("/")[2].lower()
    known = (traits for start, traits in _BY_BEGINNING.items() if name.startswith(start))
    return next(known, _UNKNOWN)
