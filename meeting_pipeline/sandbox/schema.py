"""A strict check of Moonshot's JSON schema subset (MFJS)."""

from collections.abc import Iterator
from typing import Any

from .wire import Json

ALLOWED = {
    "type",
    "properties",
    "required",
    "additionalProperties",
    "anyOf",
    "$defs",
    "$ref",
    "enum",
    "minLength",
    "maxLength",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "items",
    "description",
}
TYPES = {"object", "array", "string", "number", "integer", "boolean", "null"}


def complaints(schema: Any) -> list[str]:
    """Return the problems of a schema, one line each; none when it is within MFJS."""
    if not isinstance(schema, dict) or schema.get("type") != "object":
        return ["#: the root must be an object"]
    return list(_check(schema, "#", schema))


def _check(node: Any, where: str, root: Json) -> Iterator[str]:
    if not isinstance(node, dict):
        yield f"{where}: not a schema"
        return
    yield from (f"{where}: keyword {key!r} is not supported" for key in node.keys() - ALLOWED)
    if "type" in node and ("anyOf" in node or "$ref" in node):
        yield f"{where}: no type beside anyOf or $ref"
    if "type" in node and node["type"] not in TYPES:
        yield f"{where}: type {node['type']!r} is not supported"
    if len({type(value) for value in node.get("enum", ())}) > 1:
        yield f"{where}: enum values of several types"
    if "$ref" in node and resolve(node, root) is None:
        yield f"{where}: {node['$ref']} leads nowhere"
    yield from _check_required(node, where)
    for name, child in children(node):
        yield from _check(child, f"{where}/{name}", root)


def _check_required(node: Json, where: str) -> Iterator[str]:
    missing = set(node.get("required", ())) - set(node.get("properties", {}))
    yield from (f"{where}: required {name!r} is not a property" for name in missing)


def children(node: Json) -> Iterator[tuple[str, Any]]:
    """Yield the schemas inside a schema with their names."""
    for group in ("properties", "$defs"):
        yield from ((f"{group}/{name}", child) for name, child in node.get(group, {}).items())
    yield from ((f"anyOf/{place}", child) for place, child in enumerate(node.get("anyOf", ())))
    if "items" in node:
        yield "items", node["items"]
    if isinstance(node.get("additionalProperties"), dict):
        yield "additionalProperties", node["additionalProperties"]


def resolve(node: Json, root: Json) -> Json | None:
    """Return the target of an in-document $ref, None if it is broken, or a node without $ref."""
    if "$ref" not in node:
        return node
    found: Any = root
    for step in str(node["$ref"]).removeprefix("#").strip("/").split("/"):
        found = found.get(step) if isinstance(found, dict) and step else found
    return found if isinstance(found, dict) else None
