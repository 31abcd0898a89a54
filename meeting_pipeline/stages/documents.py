"""Values of the domain as JSON documents in a record's folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Value = TypeVar("Value")


def dump(value: object) -> bytes:
    """The value as readable UTF-8 JSON."""
    return _adapter(type(value)).dump_json(value, indent=1) + b"\n"


def load(kind: type[Value], path: Path) -> Value:
    """The value that `dump` wrote."""
    value: Value = _adapter(kind).validate_json(path.read_bytes())
    return value


_adapters: "dict[type, TypeAdapter[Any]]" = {}


def _adapter(kind: type) -> "TypeAdapter[Any]":
    """Made once: that takes longer than everything else a record's documents need."""
    from pydantic import TypeAdapter  # a tenth of a second that a run without work can save

    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]
