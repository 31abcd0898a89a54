"""Summarize a transcript in as few calls as the context length of the model allows."""

import logging
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

from meeting_pipeline.adapters.llm.conversation import Conversation
from meeting_pipeline.adapters.llm.portions import Line, portions
from meeting_pipeline.adapters.llm.prompting import Document
from meeting_pipeline.adapters.llm.refusals import TooLong
from meeting_pipeline.errors import RecordError

if TYPE_CHECKING:
    from meeting_pipeline.adapters.llm.reply import Reply

_SMALLEST_ROOM = 200
_PAIR = 2

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Plan:
    """How a long transcript is divided into calls.

    Attributes:
        room: The tokens of transcript lines in one call.
        fan_in: The notes that one call merges, 2 or more. It is calculated from the greatest length
            of a note, so the number of calls is known before the first one.
    """

    room: int
    fan_in: int

    def calls(self, lines: Sequence[Line]) -> int:
        """Return the number of calls for these lines without refusals and repairs."""
        parts = calls = len(portions(lines, self.room))
        while parts > 1:
            groups, alone = divmod(parts, self.fan_in)
            calls += groups + (alone > 1)  # a single remaining note needs no merge
            parts = groups + (alone > 0)
        return calls


@dataclass(frozen=True)
class Reading:
    """The summary of one meeting.

    Attributes:
        conversation: The calls of the language model.
        document: The prompts about the meeting.
        plan: The division into calls.
        progress: Called with the parts that are done and the parts in all.
    """

    conversation: Conversation
    document: Document
    plan: Plan
    progress: Callable[[int, int], None]

    def reply(self, lines: Sequence[Line]) -> "Reply":
        """Return one reply about all lines.

        Raises:
            RecordError: "too_long" when the model refuses even small parts; others as
                `Conversation.reply_to` raises them.
        """
        notes, room = self._read(lines)
        fan_in = max(_PAIR, self.plan.fan_in * room // self.plan.room)
        while len(notes) > 1:
            try:
                notes = [self._merged(group) for group in _groups(notes, fan_in)]
            except TooLong as refusal:
                if fan_in == _PAIR:
                    raise RecordError("too_long", str(refusal)) from None
                fan_in = max(_PAIR, fan_in // 2)
        return notes[0]

    def _read(self, lines: Sequence[Line]) -> "tuple[list[Reply], int]":
        """Return the notes on each part, and the room of the last part.

        When the server refuses a part as too long, the remaining lines are divided again.
        """
        room = self.plan.room
        notes: list[Reply] = []
        waiting = deque(portions(lines, room))
        while waiting:
            parts = len(notes) + len(waiting)
            try:
                notes.append(self._notes_on(waiting[0], len(notes) + 1, parts))
            except TooLong as refusal:
                room //= 2
                if room < _SMALLEST_ROOM:
                    raise RecordError("too_long", str(refusal)) from None
                _log.info("%s; continuing with parts of %d tokens", refusal, room)
                waiting = deque(portions([line for part in waiting for line in part], room))
            else:
                waiting.popleft()
                self.progress(len(notes), parts)
        return notes, room

    def _notes_on(self, lines: Sequence[Line], part: int, parts: int) -> "Reply":
        if parts == 1:
            return self.conversation.reply_to(self.document.whole(lines))
        return self.conversation.reply_to(self.document.part(lines, part, parts))

    def _merged(self, notes: "Sequence[Reply]") -> "Reply":
        if len(notes) == 1:
            return notes[0]
        return self.conversation.reply_to(self.document.merged(notes))


def _groups(notes: "Sequence[Reply]", size: int) -> "Iterator[list[Reply]]":
    rest = iter(notes)
    while group := list(islice(rest, size)):
        yield group
