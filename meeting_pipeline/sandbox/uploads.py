"""Request bodies of the OpenAI-compatible server: JSON and multipart forms."""

import email.parser
import email.policy
import json
from collections.abc import Iterator
from email.message import Message
from functools import lru_cache

from .refusals import Refused
from .wire import Json, Request


def read_chat(request: Request) -> tuple[Json, str]:
    """Return the JSON body, and the text that faults are matched against."""
    if not (request.loosely("Content-Type") or "").startswith("application/json"):
        raise Refused(400, "invalid_request_error", "Content-Type", "content_type")
    try:
        body = json.loads(request.body)
    except ValueError as error:
        raise Refused(400, "invalid_request_error", "body is not JSON", "body") from error
    if not isinstance(body, dict):
        raise Refused(400, "invalid_request_error", "body is not an object", "body")
    return body, request.body.decode("utf-8", "replace")


def read_form(request: Request) -> tuple[Json, str]:
    """Return the fields (`file` as bytes, `filename`), and the file's name for faults to match."""
    kind = request.loosely("Content-Type") or ""
    if not kind.startswith("multipart/form-data"):
        raise Refused(400, "invalid_request_error", "Content-Type", "content_type")
    form: Json = {}
    for head, content in _parts(kind, request.body):
        name, file_name = _names(head)
        if file_name is None:
            form[name] = content.decode()
        else:
            form |= {name: content, "filename": file_name}
    if "filename" not in form or "file" not in form:
        raise Refused(400, "invalid_request_error", "file is missing", "file_missing")
    return form, str(form["filename"])


def _parts(kind: str, body: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield headers and content of each part; `email` would scan every line of the sound."""
    form = Message()
    form["Content-Type"] = kind
    boundary = form.get_boundary()
    mark = f"\r\n--{boundary}".encode()
    start = body.find(mark[2:]) + len(mark) - 2
    while (end := body.find(mark, start)) != -1:
        content = body.find(b"\r\n\r\n", start, end)
        yield body[start:content].strip(), body[content + 4 : end]
        start = end + len(mark)
    if not boundary or body[start:].strip() != b"--":
        raise Refused(400, "invalid_request_error", "the form has no end", "form_end")


@lru_cache(256)  # clients repeat the same headers
def _names(head: bytes) -> tuple[str, str | None]:
    """Return the name of a part, and its file name, if it has one."""
    part = email.parser.BytesHeaderParser(policy=email.policy.HTTP).parsebytes(head)
    name, file_name = part.get_param("name", header="content-disposition"), part.get_filename()
    return str(name), None if file_name is None else str(file_name)
