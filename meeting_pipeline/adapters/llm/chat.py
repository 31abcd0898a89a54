"""The endpoint `POST /chat/completions`, with the parameters that each model accepts.

Source: Moonshot's API reference (chat completions, structured output, error types).
"""

import json
import logging
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Final, TypeVar
from uuid import uuid4

from meeting_pipeline.adapters.http.answer import Answer
from meeting_pipeline.adapters.llm.model_traits import Dialect, ModelTraits
from meeting_pipeline.adapters.llm.portions import tokens_of
from meeting_pipeline.adapters.llm.prompting import Message, system_prompt
from meeting_pipeline.adapters.llm.refusals import OVERLOADED, NotFound
from meeting_pipeline.adapters.llm.reply_schema import reply_schema
from meeting_pipeline.adapters.openai_api.refusals import RequestRefused
from meeting_pipeline.adapters.openai_api.server import MOST_NAMES, OpenAIServer, RequestBody
from meeting_pipeline.errors import FatalError, MeetingError, RecordError, RetryableError
from meeting_pipeline.runtime.type_adapters import adapter_of
from meeting_pipeline.storage.paid_calls import Keep, PaidCalls

_PATH = "/chat/completions"
_CAP_BYTES = 1 << 20
_MOST_TOKENS = 1_000_000_000  # of one call; a number beyond is not a count
_SURROGATE = re.compile("[\ud800-\udfff]")

T = TypeVar("T")

_log = logging.getLogger(__name__)


class Form(StrEnum):
    """How a server is told to answer in JSON, best first."""

    SCHEMA = "json_schema"
    OBJECT = "json_object"
    PLAIN = "text"


_LADDER: Final = tuple(Form)


@dataclass(frozen=True)
class Completion:
    """What the model answered, and what that used.

    Attributes:
        text: The answer.
        finish_reason: Why it ends ("stop", "length", "content_filter" …).
        prompt_tokens: Tokens of the prompt that were counted.
        completion_tokens: Tokens of the answer that were counted.
        receipt: The name of this payment; a call that is paid for again has another one.
    """

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    receipt: str


def is_completion(kept: bytes) -> bool:
    """Return whether a kept answer is a completion with believable numbers of tokens."""
    try:
        said = adapter_of(Completion).validate_json(kept)
    except ValueError:
        return False
    return max(said.prompt_tokens, said.completion_tokens) <= _MOST_TOKENS


@dataclass(frozen=True)
class Paid:
    """A completion and the key under which it is kept."""

    key: str
    completion: Completion


class ChatModel:
    """One model of one server; threads may share it.

    Args:
        server: The server.
        name: The name of the model.
        traits: What the model accepts.
    """

    def __init__(self, server: OpenAIServer, name: str, traits: ModelTraits) -> None:
        self.name = name
        self.traits = traits
        self._server = server
        self._form = _LADDER[0]
        self._dialect = Dialect()

    def ask(
        self, messages: Sequence[Message], max_tokens: int, calls: PaidCalls, ask: int = 0
    ) -> Paid:
        """Return the model's answer to a conversation, from disk where it was given before.

        The form of the answer is the strictest one that the server takes.

        Args:
            messages: The conversation, without the system's message.
            max_tokens: The most tokens of the answer.
            calls: Where answers of this recording are kept.
            ask: 0, or 1 to ask the same once more.

        Raises:
            TooLong: Less has to be asked about at once.
            RecordError: "filtered", "request_refused" or "reply_too_large".
            FatalError: No other recording would have a better answer.
            RetryableError: See `Http.call`.
        """
        for form in _LADDER[_LADDER.index(self._form) :]:
            try:
                paid = self._ask(messages, max_tokens, form, calls, ask)
            except RequestRefused as refusal:
                _log.info("%s; it was asked with response_format %s", refusal, form)
                message = str(refusal)
            except NotFound as refusal:
                raise self._not_found(str(refusal)) from None
            else:
                self._form = form
                return paid
        raise RecordError("request_refused", message)

    def _ask(
        self,
        messages: Sequence[Message],
        max_tokens: int,
        form: Form,
        calls: PaidCalls,
        ask: int,
    ) -> Paid:
        body = self._body(messages, max_tokens, form)
        encoded = _encoded(body)
        key = self._server.call_key(_PATH, self.name, encoded, ask)  # in any dialect
        tokens = tokens_of(encoded.decode()) + max_tokens

        def call(keep: Keep) -> bytes:
            return self._adapted(body, lambda sent: self._post_once(sent, tokens, keep))

        return Paid(key, adapter_of(Completion).validate_json(calls.remember(key, call)))

    def _body(self, messages: Sequence[Message], max_tokens: int, form: Form) -> dict[str, object]:
        system = Message("system", _system(form))
        body: dict[str, object] = {
            "model": self.name,
            "messages": [asdict(message) for message in (system, *messages)],
            "max_completion_tokens": max_tokens,
        }
        if self.traits.can_stop_thinking:
            body["thinking"] = {"type": "disabled"}
        if self.traits.temperature is not None:
            body["temperature"] = self.traits.temperature
        if form is not Form.PLAIN:
            body["response_format"] = _response_format(form)
        return body

    def try_once(self) -> None:
        """Have the model make one token, which proves address, key and model.

        Raises:
            RequestRefused: The server does not take such a short request.
            MeetingError: Another refusal, or no answer; it is not waited for long.
        """
        body: dict[str, object] = {
            "model": self.name,
            "messages": [asdict(Message("user", "1"))],
            "max_completion_tokens": 1,
        }
        try:
            self._adapted(body, self._post_briefly)
        except NotFound as refusal:
            raise self._not_found(str(refusal)) from None

    def _post_briefly(self, body: bytes) -> None:
        sent = RequestBody("application/json", body)
        self._server.post(_PATH, lambda: sent, _check_completion, tokens=len(body), brief=True)

    def _adapted(self, body: dict[str, object], post: Callable[[bytes], T]) -> T:
        """Send a request, with the fields that the server is known to take or turns out to."""
        while True:
            dialect = self._dialect
            try:
                return post(_encoded(dialect.spelled(body)))
            except RequestRefused as refusal:
                if dialect != self._dialect:
                    continue  # another thread has learned something meanwhile
                learned = dialect.after(str(refusal), body)
                if learned is None:
                    raise
                _log.info("%s; not sending %s", refusal, ", ".join(sorted(learned.refused)))
                self._dialect = learned

    def _post_once(self, body: bytes, tokens: int, keep: Keep) -> bytes:
        def read(answer: Answer) -> bytes:
            return keep(adapter_of(Completion).dump_json(_completion(answer)))

        sent = RequestBody("application/json", body)
        try:
            return self._server.post(_PATH, lambda: sent, read, tokens=tokens)
        except RetryableError as error:
            if error.code == OVERLOADED:
                error.within_run = False
            raise

    def _not_found(self, message: str) -> MeetingError:
        names = self._server.models()
        if names is None:
            hint = "correct KIMI_BASE_URL: it ends with /v1 and answers GET /models"
            return FatalError("wrong_address", message, hint=hint)
        known = ", ".join(names[:MOST_NAMES]) or "what the server's operator tells you"
        message = f"the server has no model {self.name} for this key"
        return FatalError("unknown_model", message, hint=f"set KIMI_MODEL to one of: {known}")


def _check_completion(answer: Answer) -> None:
    said = answer.json()
    if not (isinstance(said, dict) and isinstance(said.get("choices"), list)):
        raise answer.bad("is not a completion")


def _encoded(body: dict[str, object]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")


def _system(form: Form) -> str:
    if form is Form.SCHEMA:
        return system_prompt()
    schema = json.dumps(reply_schema(), ensure_ascii=False)
    return f"{system_prompt()}\nJSON Schema：\n{schema}\n"


def system_tokens() -> int:
    """Return the most tokens that the system's message of a prompt has."""
    return tokens_of(_system(Form.PLAIN))


def _response_format(form: Form) -> dict[str, object]:
    if form is Form.OBJECT:
        return {"type": form}
    return {
        "type": form,
        "json_schema": {"name": "minutes", "strict": True, "schema": reply_schema()},
    }


def _completion(answer: Answer) -> Completion:
    if len(answer.body) > _CAP_BYTES:
        message = f"{answer.what}: the reply has {len(answer.body) / 1e6:.1f} MB, more than 1 MB"
        raise RecordError("reply_too_large", message)
    value = answer.json()
    if not isinstance(value, dict) or not isinstance(value.get("choices"), list):
        raise answer.bad("has no choices")
    choice = _mapping(next(iter(value["choices"]), None))
    said, usage = _mapping(choice.get("message")), _mapping(value.get("usage"))
    text, reason = _text(said.get("content")), _text(choice.get("finish_reason"))
    if _SURROGATE.search(text + reason):
        raise answer.bad("has half of a character in it")
    return Completion(
        text=text,
        finish_reason="content_filter" if said.get("refusal") else reason,
        prompt_tokens=_whole(usage.get("prompt_tokens")),
        completion_tokens=_whole(usage.get("completion_tokens")),
        receipt=uuid4().hex,
    )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}


def _text(content: object) -> str:
    """Return the text of a message, whole or in parts."""
    if isinstance(content, list):
        return "".join(_text(_mapping(one).get("text")) for one in content)
    return content if isinstance(content, str) else ""


def _whole(value: object) -> int:
    """Return a number of tokens, or 0 for what is none."""
    if isinstance(value, bool) or not isinstance(value, int):
        return 0
    return value if 0 <= value <= _MOST_TOKENS else 0
