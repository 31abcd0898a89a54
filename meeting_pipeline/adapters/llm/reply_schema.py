"""The schema of a reply, in the subset of JSON Schema that Moonshot accepts.

It is read from `reply_schema.json`, which needs no pydantic. A field is changed there and in
`reply.Reply`; a test compares the two.
"""

import hashlib
import json
from functools import cache
from importlib import resources


@cache
def reply_schema() -> dict[str, object]:
    """Return the schema of `reply.Reply`."""
    file = resources.files(__package__) / "reply_schema.json"
    schema: dict[str, object] = json.loads(file.read_text(encoding="utf-8"))
    return schema


@cache
def schema_version() -> str:
    """Return a short hash of the schema, which changes with its fields."""
    return hashlib.sha256(json.dumps(reply_schema()).encode()).hexdigest()[:12]
