"""Error answers of servers that speak OpenAI's API.

Every vendor words them in its own way. What they mean depends on the endpoint, too: the rules are
in `asr.endpoint_refusals` and `llm.refusals`.
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from meeting_pipeline.adapters.http.answer import Answer

NO_MESSAGE = "no error message"

_LONGEST_MESSAGE = 160
_KEY = re.compile(r"\b(sk|Bearer)[-_ ][^\s,;\"']+")
_QUERY = re.compile(r"(https?://[^\s?\"']+)\?\S*")
_RETRY_AFTER = re.compile(r"again (?:after|in) (\d+(?:\.\d+)?)\s*(?:s\b|sec)", re.IGNORECASE)


class RequestRefused(Exception):
    """The server refuses this form of the request; the message says why, for an operator."""


@dataclass(frozen=True)
class Refusal:
    """An error answer, read.

    Attributes:
        answer: The answer.
        words: What it says, for rules and for messages.
    """

    answer: Answer
    words: str

    @property
    def line(self) -> str:
        """What an operator is told."""
        return f"{self.answer.what}: HTTP {self.answer.status}, {self.words}"

    @property
    def named_wait_s(self) -> float | None:
        """The seconds after which its words allow another attempt, or None."""
        named = _RETRY_AFTER.search(self.words)
        return float(named[1]) if named else None


def json_or_none(answer: Answer) -> Any:
    """Return the JSON of an error answer, or None for any other body."""
    try:
        return json.loads(answer.body)
    except (ValueError, RecursionError):
        return None


def without_secrets(words: Any) -> str:
    """Return one short line without keys, and without the query of a link."""
    line = " ".join(str(words).split())
    return _QUERY.sub(r"\1?…", _KEY.sub(r"\1-…", line))[:_LONGEST_MESSAGE]
