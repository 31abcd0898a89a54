"""From a question to a valid reply, with one larger reply and one repair at the most."""

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
    """The questions about one recording and their replies.

    Attributes:
        model: The model that is asked.
        calls: Where its answers are kept.
        spent: Called with every answer that is used, whether it is paid for now or was before.
    """

    model: ChatModel
    calls: PaidCalls
    spent: Callable[[Completion], None]
    _used: list[str] = field(default_factory=list)

    def reply_to(self, messages: Messages) -> "Reply":
        """Return a valid reply; one that is not valid is sent back once, with its faults.

        Args:
            messages: The question.

        Raises:
            TooLong: Less has to be asked about at once.
            FinalError: "filtered".
            RecordError: "bad_reply", "reply_cut" or "empty_reply". The answers are forgotten, so
                that a later attempt asks again.
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

        answer = self._whole(messages)
        try:
            return read_reply(answer)
        except BadReply as bad:
            _log.info("%s: the reply is not valid, asking for a repair", self.model.name)
            problems = bad.problems
        try:
            return read_reply(self._whole(repair(messages, answer, problems)))
        except BadReply as bad:
            raise RecordError(
                "bad_reply",
                f"{self.model.name} returned no valid summary, and its repair is not valid: {bad}",
                hint="a later run asks again; or choose another KIMI_MODEL",
            ) from None

    def _whole(self, messages: Messages) -> str:
        """Return the whole answer; one that was cut is asked for again, with twice the room."""
        room = self.model.traits.reply
        answer = self._answer(messages, room)
        if answer.finish_reason == "length":
            room = min(2 * room, self._room_after(answer, messages))
            answer = self._answer(messages, room) if room > self.model.traits.reply else answer
        if answer.finish_reason == "length":
            message = f"the reply of {self.model.name} was cut at {answer.completion_tokens} tokens"
            raise RecordError("reply_cut", message)
        return answer.text

    def _room_after(self, answer: Completion, messages: Messages) -> int:
        """Return how many tokens the context has left for a reply."""
        prompt = answer.prompt_tokens or sum(tokens_of(one.content) for one in messages)
        return self.model.traits.context - prompt

    def _answer(self, messages: Messages, max_tokens: int) -> Completion:
        """Return an answer that has words; an empty one is asked for once more."""
        for ask in (0, 1):
            answer = self._paid(messages, max_tokens, ask)
            if answer.finish_reason == "content_filter":
                message = f"{self.model.name} refused to answer about this transcript"
                hint = "the transcript is kept; LLM_BACKEND=extractive makes a summary of it"
                raise FinalError("filtered", message, hint=hint)
            if answer.text.strip() or answer.finish_reason == "length":
                return answer
        raise RecordError("empty_reply", f"{self.model.name} returned an empty answer twice")

    def _paid(self, messages: Messages, max_tokens: int, ask: int) -> Completion:
        paid = self.model.ask(messages, max_tokens, self.calls, ask)
        self._used.append(paid.key)
        self.spent(paid.completion)
        return paid.completion
