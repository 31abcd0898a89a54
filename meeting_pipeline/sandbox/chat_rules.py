"""The rules of Moonshot for chat requests."""

from typing import Any

from .chat import text_of
from .completion import thinks, tokens_of
from .faults import Kind, Strike
from .refusals import Refused
from .schema import complaints
from .wire import Json

CONTEXT = {
    "kimi-k2.6": 262_144,
    "kimi-k2.5": 262_144,
    "moonshot-v1-8k": 8_192,
    "moonshot-v1-128k": 131_072,
}
FIXED = {"top_p": 0.95, "n": 1, "presence_penalty": 0, "frequency_penalty": 0}


def check_chat(body: Json, strike: Strike) -> int:
    """Return the tokens of the prompt; raise Refused where Moonshot would refuse the request."""
    model = body.get("model")
    if model not in CONTEXT:
        message = f"Not found the model {model} or Permission denied"
        raise Refused(404, "resource_not_found_error", message)
    _check_messages(body.get("messages"))
    _check_sampling(body)
    _check_format(body.get("response_format"), strike)
    wanted = body.get("max_completion_tokens")
    if not isinstance(wanted, int) or wanted < 1:
        message = "max_completion_tokens is required"
        raise Refused(400, "invalid_request_error", message, "max_completion_tokens")
    prompt = sum(tokens_of(text_of(message)) for message in body["messages"])
    context = CONTEXT[str(model)]
    if fault := strike.get(Kind.CONTEXT_LIMIT):
        context = int(fault.amount) + wanted
    if prompt + wanted > context:
        message = (
            f"Your request exceeded model token limit: {context} (requested {prompt + wanted})"
        )
        raise Refused(400, "invalid_request_error", message)
    if Kind.CONTENT_FILTER in strike:
        message = "The request was rejected because it was considered high risk"
        raise Refused(400, "content_filter", message)
    return prompt


def _check_messages(messages: Any) -> None:
    roles = ("system", "user", "assistant")
    if (
        not isinstance(messages, list)
        or not messages
        or any(not isinstance(one, dict) or one.get("role") not in roles for one in messages)
    ):
        raise Refused(400, "invalid_request_error", "messages are invalid", "messages")
    if any(not text_of(one) for one in messages):
        raise Refused(400, "invalid_request_error", "message must not be empty", "messages")


def _check_sampling(body: Json) -> None:
    if not body["model"].startswith("kimi"):
        return
    if body.get("thinking", {"type": "enabled"}) not in ({"type": "enabled"}, {"type": "disabled"}):
        raise Refused(400, "invalid_request_error", "thinking is invalid", "thinking")
    fixed = FIXED | {"temperature": 1.0 if thinks(body) else 0.6}
    for name, value in fixed.items():
        if name in body and body[name] != value:
            message = f"invalid {name}: only {value} is allowed for this model"
            raise Refused(400, "invalid_request_error", message, "sampling_parameters")


def _check_format(wanted: Any, strike: Strike) -> None:
    kind = (wanted or {"type": "text"}).get("type")
    if kind not in ("text", "json_object", "json_schema"):
        raise Refused(400, "invalid_request_error", "response_format", "response_format")
    if kind != "json_schema":
        return
    if Kind.NO_JSON_SCHEMA in strike:
        message = "response_format json_schema is not supported"
        raise Refused(400, "invalid_request_error", message)
    holder = wanted.get("json_schema") or {}
    wrong = complaints(holder.get("schema"))
    if not holder.get("name"):
        wrong.append("json_schema.name is missing")
    if wrong:
        raise Refused(400, "invalid_request_error", "; ".join(wrong), "schema_outside_mfjs")
