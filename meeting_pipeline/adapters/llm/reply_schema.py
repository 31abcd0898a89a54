"""How a reply has to look, in the subset of JSON Schema that Moonshot takes.

It is read from `reply_schema.json`, which `python -m meeting_pipeline.adapters.llm.reply` prints, a
test holds against `reply.Reply`, and every start can read without pydantic.
"""

import hashlib
import json
from functools import cache
from importlib import resources
from typing import Any


@cache
def reply_schema() -> dict[str, Any]:
    """The schema of `reply.Reply`."""
    file = resources.files(__package__) / "reply_schema.json"
    schema: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return schema


@cache
def schema_version() -> str:
    """A short hash of the schema: other fields, other version."""
    return hashlib.sha256(json.dumps(reply_schema()).encode()).hexdigest()[:12]
