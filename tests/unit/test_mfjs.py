"""Schemas are brought into Moonshot's subset, and nothing but what it refuses is lost."""

from typing import Annotated, Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from meeting_pipeline.adapters.llm.mfjs import moonshot_schema
from meeting_pipeline.adapters.llm.reply_schema import reply_schema
from meeting_pipeline.domain.enums import Phase
from meeting_pipeline.sandbox.schema import complaints


class Cat(BaseModel):
    kind: Literal["cat"]
    title: str = "猫"


class Dog(BaseModel):
    kind: Literal["dog", 3, None]
    born: Annotated[str, Field(pattern="^[0-9]+$", json_schema_extra={"format": "date"})]


class Zoo(BaseModel):
    pet: Annotated[Cat | Dog, Field(discriminator="kind")]
    weight: Annotated[float | None, Field(gt=0, lt=90.5)] = None
    pair: tuple[int, str]
    names: dict[str, list[str]]
    phase: Phase = Phase.OTHER


def test_the_schema_of_a_reply_is_within_the_subset() -> None:
    assert complaints(reply_schema()) == []
    phases = reply_schema()["$defs"]["Phase"]["enum"]
    assert phases == ["简历优化", "项目深挖", "面试模拟", "Offer后续", "其他"]


def test_everything_pydantic_writes_comes_into_the_subset() -> None:
    assert complaints(Zoo.model_json_schema()) != []
    assert complaints(moonshot_schema(Zoo.model_json_schema())) == []


def test_every_object_of_a_reply_is_closed_and_wants_all_its_fields() -> None:
    objects = [reply_schema(), *(reply_schema()["$defs"][name] for name in ("Task", "Quote"))]
    for one in objects:
        assert one["additionalProperties"] is False
        assert set(one["required"]) == set(one["properties"])


@pytest.mark.parametrize(
    ("schema", "ours"),
    [
        ({"const": "x"}, {"enum": ["x"]}),
        ({"oneOf": [{"type": "string"}]}, {"anyOf": [{"type": "string"}]}),
        ({"type": "string", "pattern": "x", "format": "date"}, {"type": "string"}),
        ({"type": "number", "exclusiveMinimum": 1}, {"type": "number", "minimum": 1}),
        ({"enum": ["a", 1]}, {"anyOf": [{"enum": ["a"]}, {"enum": [1]}]}),
        ({"type": ["string", "null"]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}),
        ({"$ref": "#/$defs/A", "type": "object"}, {"$ref": "#/$defs/A"}),
        ({"allOf": [{"$ref": "#/$defs/A"}], "title": "T"}, {"$ref": "#/$defs/A"}),
        ({"type": "string", "default": "x", "title": "T"}, {"type": "string"}),
    ],
)
def test_what_is_refused_is_said_otherwise_or_left_out(
    schema: dict[str, Any], ours: dict[str, Any]
) -> None:
    assert moonshot_schema(schema) == ours


def test_a_property_may_have_the_name_of_a_keyword() -> None:
    schema = {"type": "object", "properties": {"title": {"type": "string", "title": "T"}}}
    assert moonshot_schema(schema)["properties"] == {"title": {"type": "string"}}


LEAVES = st.sampled_from(
    [
        {"type": "string", "pattern": "a+"},
        {"const": 3},
        {"enum": ["甲", 2, None]},
        {"type": ["integer", "null"], "default": None},
        {"type": "number", "exclusiveMaximum": 2},
    ]
)
SCHEMAS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda some: {"oneOf": some}),
        inner.map(lambda one: {"type": "array", "items": one, "uniqueItems": True}),
        inner.map(lambda one: {"type": "object", "properties": {"title": one}, "title": "T"}),
        inner.map(lambda one: {"type": "object", "additionalProperties": one}),
    ),
    max_leaves=8,
)


@given(SCHEMAS)
def test_any_schema_comes_out_within_the_subset_and_stays_as_it_is(schema: dict[str, Any]) -> None:
    ours = moonshot_schema({"type": "object", "properties": {"x": schema}})
    assert complaints(ours) == []
    assert moonshot_schema(ours) == ours
