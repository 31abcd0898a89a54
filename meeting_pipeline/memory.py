"""How much memory the threads of a run may waste."""

import ctypes

_ARENA_MAX = -8  # M_ARENA_MAX of <malloc.h>


def share_one_arena() -> None:
    """Let all threads allocate from one place; call it before they start.

    By default glibc gives each its own, which keeps what it has freed: 10 MB for sixteen records in
    flight. Another C library goes on as it likes.
    """
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_ARENA_MAX, 1)
