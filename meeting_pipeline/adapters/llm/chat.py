"""One call of `POST {base}/chat/completions`, with what each model takes and nothing it refuses.

Source: Moonshot's API reference (chat completions, structured output, error types).
"""

import json
import logging
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache
from http import HTTPStatus
from itertools import count
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import uuid4

import requests

from meeting_pipeline.adapters.http.answer import Answer
from meeting_pipeline.adapters.http.client import Http
from meeting_pipeline.adapters.llm.model_traits import ModelTraits
from meeting_pipeline.adapters.llm.portions import tokens_of
from meeting_pipeline.adapters.llm.prompting import Message, system_prompt
from meeting_pipeline.adapters.llm.refusals import OVERLOADED, NotFound, NotTaken, refuse
from meeting_pipeline.adapters.llm.reply_schema import reply_schema
from meeting_pipeline.errors import FatalError, MeetingError, RecordError, RetryableError
from meeting_pipeline.storage.paid_calls import Keep, PaidCalls, call_key

if TYPE_CHECKING:
    from pydantic import TypeAdapter

T = TypeVar("T")

_ENDPOINT = "POST /chat/completions"
_MODELS = "GET /models"
_CAP_BYTES = 1 << 20
_MOST_NAMES = 20

_log = logging.getLogger(__name__)


class Form(StrEnum):
    """How a server is told to answer in JSON, best first."""

    SCHEMA = "json_schema"
    OBJECT = "json_object"
    PLAIN = "text"


_LADDER: Final = tuple(Form)


@dataclass(frozen=True)
class Completion:
    """What the model answered and what it used.

    receipt: names this payment; a call that is paid for again has another one.
    """

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    receipt: str


@cache
def _completions() -> "TypeAdapter[Completion]":
    from pydantic import TypeAdapter  # see `reply`

    return TypeAdapter(Completion)


@dataclass(frozen=True)
class Paid:
    """A completion and the key under which it is kept."""

    key: str
    completion: Completion


class ChatModel:
    """One model of one server; threads may share it."""

    def __init__(
        self, http: Http, base_url: str, api_key: str, model: str, traits: ModelTraits
    ) -> None:
        self.name = model
        self.traits = traits
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {api_key}", "Accept": "application/json"}
        self._form = _LADDER[0]

    def ask(
        self, messages: Sequence[Message], max_tokens: int, calls: PaidCalls, ask: int = 0
    ) -> Paid:
        """The model's answer to a conversation, from disk where it was given before.

        The form of the answer is as strict as the server takes it. ask: 1 to ask the same again.

        Raises TooLong; RecordError("filtered"), ("request_refused") or ("reply_too_large");
        RetryableError; FatalError for what no other record would do better with.
        """
        for form in _LADDER[_LADDER.index(self._form) :]:
            try:
                paid = self._ask(messages, max_tokens, form, calls, ask)
            except NotTaken as refusal:
                _log.info("%s, asking with response_format %s", refusal, form)
                said = str(refusal)
            except NotFound as refusal:
                raise self._not_found(str(refusal)) from None
            else:
                self._form = form
                return paid
        raise RecordError("request_refused", said)

    def models(self) -> list[str]:
        """The names of the models that this key may use; empty where the server lists none.

        Raises FatalError("key_refused") and whatever `Http.call` raises.
        """
        return self._call(self._http.with_short_timeouts(), _MODELS, self._prepare_list, _names)

    def _ask(
        self,
        messages: Sequence[Message],
        max_tokens: int,
        form: Form,
        calls: PaidCalls,
        ask: int,
    ) -> Paid:
        body = self._body(messages, max_tokens, form)
        key = call_key(_ENDPOINT, self._base_url, self.name, body, ask)
        tokens = tokens_of(body.decode()) + max_tokens

        def call(keep: Keep) -> bytes:
            return self._post(body, tokens, keep)

        return Paid(key, _completions().validate_json(calls.remember(key, call)))

    def _body(self, messages: Sequence[Message], max_tokens: int, form: Form) -> bytes:
        system = Message("system", _system(form))
        body: dict[str, Any] = {
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
        return json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")

    def _post(self, body: bytes, tokens: int, keep: Keep) -> bytes:
        def prepare() -> requests.PreparedRequest:
            url, headers = f"{self._base_url}/chat/completions", self._headers
            kind = {"Content-Type": "application/json"}
            return requests.Request("POST", url, headers=headers | kind, data=body).prepare()

        def read(answer: Answer) -> bytes:
            return keep(_completions().dump_json(_completion(answer)))

        try:
            return self._call(self._http, _ENDPOINT, prepare, read, tokens)
        except RetryableError as error:
            if error.code == OVERLOADED:
                error.within_run = False
            raise

    def _call(
        self,
        http: Http,
        what: str,
        prepare: Callable[[], requests.PreparedRequest],
        read: Callable[[Answer], T],
        tokens: int = 0,
    ) -> T:
        refused = count()

        def parse_response(answer: Answer) -> T:
            if answer.status != HTTPStatus.OK:
                refuse(answer, next(refused))
            return read(answer)

        return http.call(what, prepare, parse_response, tokens=tokens)

    def _prepare_list(self) -> requests.PreparedRequest:
        return requests.Request("GET", f"{self._base_url}/models", headers=self._headers).prepare()

    def _not_found(self, said: str) -> MeetingError:
        try:
            names = self.models()
        except (NotFound, NotTaken):
            hint = "correct KIMI_BASE_URL: it ends with /v1 and answers GET /models"
            return FatalError("wrong_address", said, hint=hint)
        known = ", ".join(names[:_MOST_NAMES]) or "what the server's operator tells you"
        message = f"the server has no model {self.name} for this key"
        return FatalError("unknown_model", message, hint=f"set KIMI_MODEL to one of: {known}")


def _system(form: Form) -> str:
    if form is Form.SCHEMA:
        return system_prompt()
    schema = json.dumps(reply_schema(), ensure_ascii=False)
    return f"{system_prompt()}\nJSON Schema：\n{schema}\n"


def system_tokens() -> int:
    """What every prompt has before anything is said, at most."""
    return tokens_of(_system(Form.PLAIN))


def _response_format(form: Form) -> dict[str, Any]:
    if form is Form.OBJECT:
        return {"type": form}
    return {
        "type": form,
        "json_schema": {"name": "minutes", "strict": True, "schema": reply_schema()},
    }


def _completion(answer: Answer) -> Completion:
    if len(answer.body) > _CAP_BYTES:
        message = f"{answer.what}: a reply of {len(answer.body) / 1e6:.1f} MB, more than 1 MB"
        raise RecordError("reply_too_large", message)
    value = answer.json()
    if not isinstance(value, dict) or not isinstance(value.get("choices"), list):
        raise answer.bad("has no choices")
    choice = _mapping(next(iter(value["choices"]), None))
    said, usage = _mapping(choice.get("message")), _mapping(value.get("usage"))
    refused = bool(said.get("refusal"))
    return Completion(
        text=str(said.get("content") or ""),
        finish_reason="content_filter" if refused else str(choice.get("finish_reason") or ""),
        prompt_tokens=_whole(usage.get("prompt_tokens")),
        completion_tokens=_whole(usage.get("completion_tokens")),
        receipt=uuid4().hex,
    )


def _names(answer: Answer) -> list[str]:
    value = answer.json()
    rows = value.get("data") if isinstance(value, dict) else None
    return [str(row["id"]) for row in rows or () if isinstance(row, dict) and "id" in row]


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _whole(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0
