"""How memory is looked after: how much threads may waste, and how often cycles are looked for."""

import ctypes
import gc

_ARENA_MAX = -8  # M_ARENA_MAX of <malloc.h>
_OBJECTS = 20_000  # new ones until the next look; Python's 700 make it look all the time


def share_one_arena() -> None:
    """Let all threads allocate from one place; call it before they start.

    By default glibc gives each its own, which keeps what it has freed: 10 MB for sixteen records in
    flight. Another C library goes on as it likes.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_ARENA_MAX, 1)


def collect_seldom() -> None:
    """Look for cycles to free after many objects only; call it first of all.

    Loading the program makes half a million objects that stay, and looking through them again and
    again takes a tenth of its start.
    """
    gc.set_threshold(_OBJECTS)


def leave_to_the_system() -> None:
    """The process ends: nothing is looked for any more, all its memory goes at once."""
    gc.disable()
    gc.freeze()
