"""Values of the domain as JSON documents in the folder of a recording."""

from pathlib import Path
from typing import TypeVar

from meeting_pipeline.runtime.type_adapters import adapter_of

Value = TypeVar("Value")


def dump(value: object) -> bytes:
    """Return the value as readable UTF-8 JSON."""
    return adapter_of(type(value)).dump_json(value, indent=1) + b"\n"


def load(kind: type[Value], path: Path) -> Value:
    """Return the value that `dump` wrote."""
    return adapter_of(kind).validate_json(path.read_bytes())
