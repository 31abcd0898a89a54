"""The JSON objects in the answer of a language model, without those of its thoughts."""

import json
import re
from collections.abc import Iterator, Set

_MOST_FAILURES = 500  # braces that begin no object; each may cost a look at the rest of the answer
_DEEPEST = 8

_NAME = r"(?:[\w-]+:)?(?:ant)?(?:think|thinking|thoughts?|reasoning|reflection|scratchpad)"
_OPENS_OR_CLOSES = re.compile(
    rf"""
    (?P<brace>\{{)
    | [<＜]\s*(?P<close>/?)\s*{_NAME}(?:\s[^<>]{{0,80}})?[>＞]  # <think> <seed:think>
    | \[\s*(?P<close2>/?)\s*(?:think|thinking)\s*\]               # [THINK] [/THINK]
    | ◁\s*(?P<close3>/?)\s*(?:think|thinking)\s*▷                 # ◁think▷ ◁/think▷
    | <\|\s*(?P<close4>/?)\s*(?:think|thinking)\s*\|>
    | <\|(?:begin|start|(?P<close5>end))_of_thought\|>
    | <\|channel\|>\s*(?:analysis|commentary|(?P<close6>final))   # the channels of gpt-oss
    """,
    re.IGNORECASE | re.VERBOSE,
)
_CLOSES = ("close", "close2", "close3", "close4", "close5", "close6")
_IS_THOUGHT = re.compile(r"think|thought|reason|draft|scratch|草稿|思考", re.IGNORECASE)


def final_objects(text: str, fields: Set[str]) -> list[dict[str, object]]:
    """Return the objects in a text that have one of the fields, without drafts in thoughts.

    A mark within a string of an object is part of what the object says. Outside, a mark that
    closes what was never opened makes a thought of everything before it: the prompts of some
    models open it for them. A thought that is never closed goes to the end.

    Args:
        text: The answer of a model.
        fields: An object without any of these is looked into for others.

    Returns:
        The objects in the order of the text.
    """
    decoder = json.JSONDecoder(strict=False, parse_constant=lambda _: None)
    found: list[dict[str, object]] = []
    place = failures = 0
    is_thinking = False
    while failures < _MOST_FAILURES and (mark := _OPENS_OR_CLOSES.search(text, place)):
        place = mark.end()
        if mark["brace"]:
            try:
                value, place = decoder.raw_decode(text, mark.start())
            except (ValueError, RecursionError):
                failures += 1
                continue
            if not is_thinking:
                found.extend(_with_fields(value, fields))
        elif any(mark[name] for name in _CLOSES):
            if not is_thinking:
                found.clear()
            is_thinking = False
        else:
            is_thinking = True
    return found


def _with_fields(value: object, fields: Set[str], depth: int = 0) -> Iterator[dict[str, object]]:
    if isinstance(value, dict) and fields & value.keys():
        yield value
    elif depth < _DEEPEST and isinstance(value, dict):
        for name, one in value.items():
            if not _IS_THOUGHT.search(name):
                yield from _with_fields(one, fields, depth + 1)
    elif depth < _DEEPEST and isinstance(value, list):
        for one in value:
            yield from _with_fields(one, fields, depth + 1)
