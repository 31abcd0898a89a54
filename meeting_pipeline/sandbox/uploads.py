"""Request bodies of the OpenAI-compatible server: JSON and multipart forms."""

import email.parser
import email.policy
import json
from collections.abc import Iterator
from email.message import Message
from typing import Any

from .refusals import Refused
from .wire import Request


def read_chat(request: Request) -> tuple[dict[str, Any], str]:
    """Return the JSON body, and the text that faults are matched against."""
    if not (request.loosely("Content-Type") or "").startswith("application/json"):
        raise Refused(400, "invalid_request_error", "Content-Type", "content_type")
    try:
        body = json.loads(request.body)
    except ValueError as error:
        raise Refused(400, "invalid_request_error", "body is no JSON", "body") from error
    if not isinstance(body, dict):
        raise Refused(400, "invalid_request_error", "body is no object", "body")
    return body, request.body.decode("utf-8", "replace")


def read_form(request: Request) -> tuple[dict[str, Any], str]:
    """Return the fields (`file` as bytes, `filename`), and the file's name for faults to match."""
    kind = request.loosely("Content-Type") or ""
    if not kind.startswith("multipart/form-data"):
        raise Refused(400, "invalid_request_error", "Content-Type", "content_type")
    form: dict[str, Any] = {}
    for head, content in _parts(kind, request.body):
        name = str(head.get_param("name", header="content-disposition"))
        if head.get_filename() is None:
            form[name] = content.decode()
        else:
            form |= {name: content, "filename": str(head.get_filename())}
    if "filename" not in form or "file" not in form:
        raise Refused(400, "invalid_request_error", "file is missing", "file_missing")
    return form, str(form["filename"])


def _parts(kind: str, body: bytes) -> Iterator[tuple[Message, bytes]]:
    """Headers and content of each; `email` would look at every line of the sound in them."""
    boundary = _parsed(f"Content-Type: {kind}\r\n\r\n".encode()).get_boundary()
    _, *parts, end = (b"\r\n" + body).split(f"\r\n--{boundary}".encode())
    if not boundary or end.strip() != b"--":
        raise Refused(400, "invalid_request_error", "the form has no end", "form_end")
    for part in parts:
        head, _, content = part.partition(b"\r\n\r\n")
        yield _parsed(head.lstrip() + b"\r\n\r\n"), content


def _parsed(head: bytes) -> Message:
    return email.parser.BytesHeaderParser(policy=email.policy.HTTP).parsebytes(head)
