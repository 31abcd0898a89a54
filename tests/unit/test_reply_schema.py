"""The schema that a model is given says what its reader takes, in the subset that Moonshot has."""

import json
from importlib import resources
from typing import Any

from meeting_pipeline.adapters import llm
from meeting_pipeline.adapters.llm.reply import Reply
from meeting_pipeline.sandbox.schema import complaints

SCHEMA: dict[str, Any] = json.loads((resources.files(llm) / "reply_schema.json").read_text("utf-8"))


def in_the_subset(schema: Any) -> Any:
    """What pydantic says of a class, without titles, and with every object closed."""
    if isinstance(schema, list):
        return [in_the_subset(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {"additionalProperties": False} if schema.get("type") == "object" else {}
    return closed | {
        name: in_the_subset(one)
        for name, one in schema.items()
        if not (name == "title" and isinstance(one, str))
    }


def test_the_schema_is_that_of_the_class_that_reads_replies() -> None:
    assert in_the_subset(Reply.model_json_schema()) == SCHEMA


def test_the_schema_is_within_the_subset() -> None:
    assert complaints(SCHEMA) == []
    phases = SCHEMA["$defs"]["Phase"]["enum"]
    assert phases == ["简历优化", "项目深挖", "面试模拟", "Offer后续", "其他"]


def test_every_object_of_a_reply_is_closed_and_wants_all_its_fields() -> None:
    for one in [SCHEMA, *(SCHEMA["$defs"][name] for name in ("Task", "Remark", "Quote"))]:
        assert one["additionalProperties"] is False
        assert set(one["required"]) == set(one["properties"])
