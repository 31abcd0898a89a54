"""Request bodies of the OpenAI-compatible server: JSON and multipart forms."""

import email.parser
import email.policy
import json
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
    head = f"Content-Type: {kind}\r\n\r\n".encode()
    parsed = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + request.body)
    form: dict[str, Any] = {}
    for part in parsed.iter_parts():
        name = str(part.get_param("name", header="content-disposition"))
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        if part.get_filename() is None:
            form[name] = content.decode()
        else:
            form |= {name: content, "filename": str(part.get_filename())}
    if "filename" not in form or "file" not in form:
        raise Refused(400, "invalid_request_error", "file is missing", "file_missing")
    return form, str(form["filename"])
