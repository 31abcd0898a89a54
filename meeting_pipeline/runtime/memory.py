"""How memory is looked after: how much threads may waste, and how often cycles are looked for."""

import gc
from typing import Any

_ARENA_MAX = -8  # M_ARENA_MAX of <malloc.h>
_AT_START, _AT_WORK = 200_000, 20_000  # new objects until the next look; Python says 700


def share_one_arena() -> None:
    """Let all threads allocate from one place; call it before they start.

    By default glibc gives each its own, which keeps what it has freed: 10 MB for sixteen records in
    flight. Another C library goes on as it likes.
    """
    libc = _libc()
    if hasattr(libc, "mallopt"):
        libc.mallopt(_ARENA_MAX, 1)


def give_back() -> None:
    """Return the free pages to the system, those in the middle as well, where glibc can."""
    libc = _libc()
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


def _libc() -> Any:
    import ctypes

    return ctypes.CDLL(None)


def collect_seldom() -> None:
    """Look for cycles to free after very many objects only; call it first of all.

    Loading the program makes a hundred thousand objects that stay, and looking through them again
    and again takes a tenth of its start.
    """
    gc.set_threshold(_AT_START)


def keep_what_is_loaded() -> None:
    """What is there now stays to the end; of what comes from now on cycles are looked for.

    Once in a process: what a first run has left is no part of the program.
    """
    if not gc.get_freeze_count():
        gc.freeze()
        gc.set_threshold(_AT_WORK)


def leave_to_the_system() -> None:
    """The process ends: nothing is looked for any more, all its memory goes at once."""
    gc.disable()
    gc.freeze()
