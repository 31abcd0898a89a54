"""Prompts for the language model. The system prompt is constant, so providers cache its tokens."""

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
from meeting_pipeline.domain.audio_warnings import INCOMPLETE, decoded_part
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
    """One message of a conversation; the role is "user" or "assistant"."""

    role: str
    content: str


def system_prompt() -> str:
    """Return the first message of every conversation, always the same bytes."""
    return _file("system")


@cache
def prompt_version() -> str:
    """Return a short hash of all prompts, which changes with their text."""
    return hashlib.sha256("\0".join(map(_file, _NAMES)).encode()).hexdigest()[:12]


class Document:
    """Prompts about one meeting, whose data is enclosed by two fences.

    The fence is a hash of everything between the fences. A participant cannot break out of it with
    words or a display name, since these would have to contain their own hash.
    """

    def __init__(
        self,
        meta: RecordMeta,
        lines: Iterable[Line],
        zone: tzinfo,
        warnings: Sequence[str] = (),
    ) -> None:
        self._remark = _remark(warnings)
        self._facts = json.dumps(_facts(meta, zone), ensure_ascii=False)
        digest = hashlib.sha256(self._facts.encode())
        for line in lines:
            digest.update(f"\n{line}".encode("utf-8", "replace"))
        self._fence = f"===== {digest.hexdigest()} ====="

    def whole(self, lines: Sequence[Line]) -> tuple[Message, ...]:
        """Return the prompt that asks about the whole transcript."""
        return self._asking("whole", "\n".join(map(str, lines)))

    def part(self, lines: Sequence[Line], part: int, parts: int) -> tuple[Message, ...]:
        """Return the prompt that asks about one part of the transcript, counted from 1."""
        return self._asking("part", "\n".join(map(str, lines)), part=part, parts=parts)

    def merged(self, notes: "Iterable[Reply]") -> tuple[Message, ...]:
        """Return the prompt that asks to merge the notes on several parts."""
        return self._asking("merge", "\n".join(note.model_dump_json() for note in notes))

    def _asking(self, name: str, text: str, **numbers: int) -> tuple[Message, ...]:
        given = {"fence": self._fence, "facts": self._facts, "text": text, **numbers}
        return (Message("user", self._remark + Template(_file(name)).substitute(given)),)


def _remark(warnings: Sequence[str]) -> str:
    """Return what the model has to know about a recording that is incomplete; else nothing.

    It is no part of the prompt version: no other recording is summarized again for it.
    """
    if INCOMPLETE not in warnings:
        return ""
    part = decoded_part(warnings)
    amount = f"（全长 {part[1]} 秒，只有 {part[0]} 秒可用）" if part else ""
    return Template(_file("incomplete")).substitute(amount=amount)


def repair(asked: tuple[Message, ...], answer: str, problems: Iterable[str]) -> tuple[Message, ...]:
    """Return the conversation extended by the last answer and its problems.

    Args:
        asked: The conversation so far.
        answer: The last answer; only its beginning is repeated.
        problems: What is wrong with it, one line each.
    """
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
