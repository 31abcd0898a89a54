"""Pydantic's readers and writers of our classes, which are loaded and built on first use."""

from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pydantic import TypeAdapter

Value = TypeVar("Value")

_adapters: "dict[type, TypeAdapter[Any]]" = {}


def adapter_of(kind: type[Value]) -> "TypeAdapter[Value]":
    """Return the cached adapter of a class; building it costs more than all its documents."""
    from pydantic import TypeAdapter  # takes 0.1 s, which a run without work saves

    if kind not in _adapters:
        _adapters[kind] = TypeAdapter(kind)
    return _adapters[kind]
