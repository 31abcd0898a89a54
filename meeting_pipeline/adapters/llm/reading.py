"""A transcript read in as few calls as the model's context allows, its notes made one reply."""

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
    """room: tokens of lines in one call. fan_in: how many notes one call makes one of, 2 or more.

    fan_in is what fits should each note have the greatest length it can have, so the number of
    calls is known before the first.
    """

    room: int
    fan_in: int

    def calls(self, lines: Sequence[Line]) -> int:
        """How many calls these lines take when nothing is refused and nothing has to be mended."""
        parts = calls = len(portions(lines, self.room))
        while parts > 1:
            groups, alone = divmod(parts, self.fan_in)
            calls += groups + (alone > 1)  # one left over goes on as it is
            parts = groups + (alone > 0)
        return calls


@dataclass(frozen=True)
class Reading:
    """Reads one meeting. progress: told how many parts were read of how many."""

    conversation: Conversation
    document: Document
    plan: Plan
    progress: Callable[[int, int], None]

    def reply(self, lines: Sequence[Line]) -> "Reply":
        """One reply about all of the lines; raises as `Conversation.reply_to` does, and
        RecordError("too_long") when the model takes next to nothing at once.
        """
        notes, room = self._read(lines)
        fan_in = max(_PAIR, self.plan.fan_in * room // self.plan.room)
        while len(notes) > 1:
            try:
                notes = [self._one_of(group) for group in _groups(notes, fan_in)]
            except TooLong as refusal:
                if fan_in == _PAIR:
                    raise RecordError("too_long", str(refusal)) from None
                fan_in = max(_PAIR, fan_in // 2)
        return notes[0]

    def _read(self, lines: Sequence[Line]) -> "tuple[list[Reply], int]":
        """Notes on each part, and the room that the last part had.

        What is not read yet is cut smaller when the server says that it is too long.
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
                _log.info("%s; going on with parts of %d tokens", refusal, room)
                waiting = deque(portions([line for part in waiting for line in part], room))
            else:
                waiting.popleft()
                self.progress(len(notes), parts)
        return notes, room

    def _notes_on(self, lines: Sequence[Line], part: int, parts: int) -> "Reply":
        if parts == 1:
            return self.conversation.reply_to(self.document.whole(lines))
        return self.conversation.reply_to(self.document.part(lines, part, parts))

    def _one_of(self, notes: "Sequence[Reply]") -> "Reply":
        if len(notes) == 1:
            return notes[0]
        return self.conversation.reply_to(self.document.merged(notes))


def _groups(notes: "Sequence[Reply]", size: int) -> "Iterator[list[Reply]]":
    rest = iter(notes)
    while group := list(islice(rest, size)):
        yield group
