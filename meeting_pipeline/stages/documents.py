"""Values of the domain as JSON documents in the folder of a recording."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Value = TypeVar("Value")


def dump(value: object) -> bytes:
    """Return the value as readable UTF-8 JSON."""
    return _adapter(type(value)).dump_json(value, indent=1) + b"\n"


def load(kind: type[Value], path: Path) -> Value:
    """Return the value that `dump` wrote."""
    value: Value = _adapter(kind).validate_json(path.read_bytes())
    return value


_adapters: "dict[type, TypeAdapter[Any]]" = {}


def _adapter(kind: type) -> "TypeAdapter[Any]":
    """Return the cached adapter of a class; building it costs more than all its documents."""
    from pydantic import TypeAdapter  # takes 0.1 s, which a run without work saves

    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]
