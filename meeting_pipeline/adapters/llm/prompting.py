"""The words the model is given. The system prompt never changes, so that its tokens are cached."""

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from functools import cache
from importlib import resources
from string import Template
from typing import TYPE_CHECKING

from meeting_pipeline.adapters.llm.portions import Line
from meeting_pipeline.domain.model import RecordMeta

if TYPE_CHECKING:
    from meeting_pipeline.adapters.llm.reply import Reply

_NAMES = ("system", "whole", "part", "merge", "repair")
_LONGEST_ECHO = 4_000
_MOST_NAMES = 50
_LONGEST_NAME = 64
_LONGEST_SUBJECT = 200


@dataclass(frozen=True)
class Message:
    """One turn of a conversation; role: "user" or "assistant"."""

    role: str
    content: str


def system_prompt() -> str:
    """What comes first in every conversation, byte for byte the same."""
    return _file("system")


@cache
def prompt_version() -> str:
    """A short hash of all prompts: other words, other version."""
    return hashlib.sha256("\0".join(map(_file, _NAMES)).encode()).hexdigest()[:12]


class Document:
    """One meeting as data between two fences.

    The fence is a hash over everything that will stand between it: who speaks in the meeting or
    chooses a name there cannot say the hash of what they are saying.
    """

    def __init__(self, meta: RecordMeta, lines: Iterable[Line], zone: tzinfo) -> None:
        self._facts = json.dumps(_facts(meta, zone), ensure_ascii=False)
        digest = hashlib.sha256(self._facts.encode())
        for line in lines:
            digest.update(f"\n{line}".encode("utf-8", "replace"))
        self._fence = f"===== {digest.hexdigest()} ====="

    def whole(self, lines: Sequence[Line]) -> tuple[Message, ...]:
        """Ask about everything that was said."""
        return self._asking("whole", "\n".join(map(str, lines)))

    def part(self, lines: Sequence[Line], part: int, parts: int) -> tuple[Message, ...]:
        """Ask about one part of what was said, counted from 1."""
        return self._asking("part", "\n".join(map(str, lines)), part=part, parts=parts)

    def merged(self, notes: "Iterable[Reply]") -> tuple[Message, ...]:
        """Ask to make one of the notes on several parts."""
        return self._asking("merge", "\n".join(note.model_dump_json() for note in notes))

    def _asking(self, name: str, text: str, **numbers: int) -> tuple[Message, ...]:
        given = {"fence": self._fence, "facts": self._facts, "text": text, **numbers}
        return (Message("user", Template(_file(name)).substitute(given)),)


def repair(asked: tuple[Message, ...], answer: str, problems: Iterable[str]) -> tuple[Message, ...]:
    """The conversation so far, and what was wrong with the last answer."""
    listed = "\n".join(f"- {problem}" for problem in problems)
    wrong = Message("user", Template(_file("repair")).substitute(problems=listed))
    return (*asked, Message("assistant", answer[:_LONGEST_ECHO]), wrong)


def _facts(meta: RecordMeta, zone: tzinfo) -> dict[str, object]:
    people = {one.person: one.name[:_LONGEST_NAME] for one in meta.participants or ()}
    teacher = people.pop(meta.teacher_id or "", None)
    return {
        "日期": f"{meta.start_ts.astimezone(zone):%Y-%m-%d}",
        "主题": meta.subject[:_LONGEST_SUBJECT],
        "老师": teacher or "",
        "其他参加者": list(dict.fromkeys(people.values()))[:_MOST_NAMES],
    }


@cache
def _file(name: str) -> str:
    return resources.files(__package__).joinpath("prompts", f"{name}.txt").read_text("utf-8")
