"""Libraries that are loaded when they are first needed, while work already waits for them."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_FINDER = "pkg_resources"


@contextmanager
def without_setuptools() -> Iterator[None]:
    """For libraries that take setuptools, where it is installed, only to find their own tables.

    Without it they open them beside themselves; it takes 0.2 s to load, ten times what they do.
    """
    modules: dict[str, Any] = sys.modules
    hidden = modules.setdefault(_FINDER, None) is None
    try:
        yield
    finally:
        if hidden:
            modules.pop(_FINDER, None)
