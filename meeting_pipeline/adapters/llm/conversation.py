"""From a question to a valid reply: asked once, doubled once, repaired once, or an error."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from meeting_pipeline.adapters.llm.chat import ChatModel, Completion
from meeting_pipeline.adapters.llm.portions import tokens_of
from meeting_pipeline.adapters.llm.prompting import Message, repair
from meeting_pipeline.errors import FinalError, RecordError
from meeting_pipeline.storage.paid_calls import PaidCalls

if TYPE_CHECKING:
    from meeting_pipeline.adapters.llm.reply import Reply

_log = logging.getLogger(__name__)

Messages = tuple[Message, ...]


@dataclass
class Conversation:
    """Asks about one recording. spent: told of every answer that was paid for."""

    model: ChatModel
    calls: PaidCalls
    spent: Callable[[Completion], None]
    _used: list[str] = field(default_factory=list)

    def reply_to(self, messages: Messages) -> "Reply":
        """A valid reply; one that is not valid is sent back once, with what is wrong with it.

        Raises TooLong, FinalError("filtered"), RecordError("bad_reply"), ("reply_cut") or
        ("empty_reply"); after these what the model said is forgotten, so that a later attempt asks
        again.
        """
        try:
            return self._valid(messages)
        except FinalError:
            raise
        except RecordError:
            for key in self._used:
                self.calls.forget(key)
            raise
        finally:
            self._used.clear()

    def _valid(self, messages: Messages) -> "Reply":
        from meeting_pipeline.adapters.llm.reply import BadReply, read_reply  # see there

        said = self._whole(messages)
        try:
            return read_reply(said)
        except BadReply as bad:
            _log.info("%s: the reply is not valid, asking to correct it", self.model.name)
            problems = bad.problems
        try:
            return read_reply(self._whole(repair(messages, said, problems)))
        except BadReply as bad:
            raise RecordError(
                "bad_reply",
                f"{self.model.name} gave no valid summary, nor when told what was wrong: {bad}",
                hint="a later run asks again; or choose another KIMI_MODEL",
            ) from None

    def _whole(self, messages: Messages) -> str:
        """What the model says, all of it; with room for twice as much should it be cut."""
        room = self.model.traits.reply
        said = self._said(messages, room)
        if said.finish_reason == "length":
            room = min(2 * room, self._room_after(said, messages))
            said = self._said(messages, room) if room > self.model.traits.reply else said
        if said.finish_reason == "length":
            message = f"the reply of {self.model.name} was cut at {said.completion_tokens} tokens"
            raise RecordError("reply_cut", message)
        return said.text

    def _room_after(self, said: Completion, messages: Messages) -> int:
        """Tokens that the context has left for a reply."""
        prompt = said.prompt_tokens or sum(tokens_of(one.content) for one in messages)
        return self.model.traits.context - prompt

    def _said(self, messages: Messages, max_tokens: int) -> Completion:
        """An answer that has words, at the second attempt at the latest."""
        for ask in (0, 1):
            said = self._paid(messages, max_tokens, ask)
            if said.finish_reason == "content_filter":
                message = f"{self.model.name} refused to speak about this transcript"
                hint = "the transcript is kept; LLM_BACKEND=extractive makes a summary of it"
                raise FinalError("filtered", message, hint=hint)
            if said.text.strip() or said.finish_reason == "length":
                return said
        raise RecordError("empty_reply", f"{self.model.name} answered nothing, twice")

    def _paid(self, messages: Messages, max_tokens: int, ask: int) -> Completion:
        paid = self.model.ask(messages, max_tokens, self.calls, ask)
        self._used.append(paid.key)
        self.spent(paid.completion)
        return paid.completion
