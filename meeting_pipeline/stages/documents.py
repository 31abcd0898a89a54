"""Values of the domain as JSON documents in a record's folder."""

from pathlib import Path
from typing import TypeVar

Value = TypeVar("Value")


def dump(value: object) -> bytes:
    """The value as readable UTF-8 JSON."""
    from pydantic import TypeAdapter  # a tenth of a second that a run without work can save

    return TypeAdapter(type(value)).dump_json(value, indent=1) + b"\n"


def load(kind: type[Value], path: Path) -> Value:
    """The value that `dump` wrote."""
    from pydantic import TypeAdapter

    return TypeAdapter(kind).validate_json(path.read_bytes())
