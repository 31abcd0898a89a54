"""Parameters and limits of language models, by the beginnings of their names.

What a server takes is learned from its refusals.
"""

import re
from collections.abc import Mapping
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


_LENGTH, _OLD_LENGTH = "max_completion_tokens", "max_tokens"
_CAN_BE_LEFT_OUT = ("thinking", "temperature")
_ABOUT_LENGTH = re.compile(
    r"too (?:large|long|big|small)|exceed|at (?:most|least)|maximum|greater|less than|between"
    r"|out of range|过长|过大|超过|超出",
    re.IGNORECASE,
)
_UNKNOWN_FIELD = re.compile(
    r"(?:unknown|unrecogni[sz]ed|unexpected|unsupported|extra|invalid|additional)\W.{0,30}"
    r"(?:param|argument|field|input|key|propert)|(?:不支持|未知|非法|无效).{0,10}参数",
    re.IGNORECASE,
)
_FORM = re.compile(r"response.?format|json_schema|json_object", re.IGNORECASE)


@dataclass(frozen=True)
class Dialect:
    """How a server wants the fields of a request.

    Many servers know `max_tokens` only, which OpenAI and Moonshot have replaced.

    Attributes:
        refused: The fields that it does not know.
    """

    refused: frozenset[str] = frozenset()

    def spelled(self, body: Mapping[str, object]) -> dict[str, object]:
        """Return the body of a request without the fields that the server does not know."""
        spelled = {name: value for name, value in body.items() if name not in self.refused}
        if _LENGTH in self.refused and _LENGTH in body:
            spelled[_OLD_LENGTH] = body[_LENGTH]
        return spelled

    def after(self, refusal: str, body: Mapping[str, object]) -> "Dialect | None":
        """Return the dialect of a server that has refused a request in this one.

        Args:
            refusal: What the server said.
            body: The request, in our words.

        Returns:
            None if the refusal is not about a field that can be left out or renamed.
        """
        sent = [name for name in (_LENGTH, *_CAN_BE_LEFT_OUT) if name in body.keys() - self.refused]
        named = [name for name in sent if name in refusal]
        if _LENGTH in named and _ABOUT_LENGTH.search(refusal):
            named.remove(_LENGTH)
        is_unnamed = _UNKNOWN_FIELD.search(refusal) and not _FORM.search(refusal)
        if not named and is_unnamed and _LENGTH in sent and _LENGTH not in refusal:
            named = [_LENGTH]
        return Dialect(self.refused | set(named)) if named else None


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
