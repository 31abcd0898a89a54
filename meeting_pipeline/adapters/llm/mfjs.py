"""Conversion of JSON schemas to the subset that Moonshot accepts (MFJS, validator `walle`)."""

from collections.abc import Mapping
from typing import Any

Schema = dict[str, Any]

_KEPT = frozenset({
    "$ref", "anyOf", "description", "enum", "maximum", "maxItems", "maxLength", "minimum",
    "minItems", "minLength", "required", "type",
})  # fmt: skip
_RENAMED = {"oneOf": "anyOf", "exclusiveMinimum": "minimum", "exclusiveMaximum": "maximum"}


def moonshot_schema(schema: Mapping[str, Any]) -> Schema:
    """Return the schema without keywords that Moonshot refuses.

    A constant becomes an enum of one value, alternatives become anyOf, and objects are closed;
    titles, defaults, patterns, formats and the like are removed. Validate replies against the full
    schema.
    """
    node = _plain(schema)
    result = {key: value for key, value in node.items() if key in _KEPT}
    if "anyOf" in result or "$ref" in result:
        result.pop("type", None)
    for group in ("properties", "$defs"):
        if group in node:
            result[group] = {name: moonshot_schema(one) for name, one in node[group].items()}
    if "anyOf" in result:
        result["anyOf"] = [moonshot_schema(one) for one in result["anyOf"]]
    if "items" in node:
        result["items"] = moonshot_schema(node["items"])
    if result.get("type") == "object":
        others = node.get("additionalProperties")
        result["additionalProperties"] = isinstance(others, dict) and moonshot_schema(others)
    return result


def _plain(schema: Mapping[str, Any]) -> Schema:
    """Replace keywords by equivalent ones of the subset where there are any."""
    node = dict(schema)
    for part in node.pop("allOf", ()):
        node = {**part, **node}
    for name, ours in _RENAMED.items():
        if name in node:
            node.setdefault(ours, node.pop(name))
    if "const" in node:
        node["enum"] = [node.pop("const")]
    if isinstance(node.get("type"), list):
        node["anyOf"] = [{**node, "type": kind} for kind in node.pop("type")]
    by_type: dict[type, list[Any]] = {}
    for value in node.get("enum", ()):
        by_type.setdefault(type(value), []).append(value)
    if len(by_type) > 1:
        node.pop("enum")
        node.pop("type", None)
        node["anyOf"] = [{"enum": values} for values in by_type.values()]
    return node
