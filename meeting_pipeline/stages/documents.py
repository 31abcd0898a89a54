"""Values of the domain as JSON documents in a record's folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Value = TypeVar("Value")

_ADAPTERS: "dict[type, TypeAdapter[Any]]" = {}


def dump(value: object) -> bytes:
    """The value as readable UTF-8 JSON."""
    return _adapter(type(value)).dump_json(value, indent=1) + b"\n"


def load(kind: type[Value], path: Path) -> Value:
    """The value that `dump` wrote."""
    return _adapter(kind).validate_json(path.read_bytes())


def _adapter(kind: type[Value]) -> "TypeAdapter[Value]":
    """Made once for a kind of value: that takes longer than all else here."""
    if kind not in _ADAPTERS:
        from pydantic import TypeAdapter  # a tenth of a second that a run without work can save

        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]
