"""Limits of this process that the system or the operator has set (`ulimit`)."""

import resource

_UNLIMITED = resource.RLIM_INFINITY
_SHOWN = {
    resource.RLIMIT_AS: ("-v", 1 << 10, "kB"),
    resource.RLIMIT_FSIZE: ("-f", 1 << 10, "kB"),
    resource.RLIMIT_CPU: ("-t", 1, "s"),
}

NEEDED = {
    resource.RLIMIT_AS: 4 << 30,
    resource.RLIMIT_FSIZE: 3 << 30,  # a day of wav
    resource.RLIMIT_CPU: 2 * 3600,  # seconds: a day of sound takes minutes
}
"""The most that any recording needs of each resource."""

HINT = "raise the limits (ulimit -v, -f and -t, or LimitAS, LimitFSIZE and LimitCPU of systemd)"


def within(most: int, soft: int, hard: int) -> int:
    """Return the largest limit up to `most` that the present ones allow.

    Args:
        most: The limit that is wanted.
        soft: The present soft limit.
        hard: The present hard limit, which cannot be raised.
    """
    return min(limit for limit in (most, soft, hard) if limit != _UNLIMITED)


def too_low() -> str:
    """Return the limits of this process that are lower than NEEDED, in words, or ""."""
    words = []
    for kind, most in NEEDED.items():
        allowed = within(most, *resource.getrlimit(kind))
        if allowed < most and kind in _SHOWN:
            option, unit, name = _SHOWN[kind]
            words.append(f"ulimit {option} is {allowed // unit} {name} of {most // unit} {name}")
    return ", ".join(words)
