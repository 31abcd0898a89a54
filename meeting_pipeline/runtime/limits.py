"""Limits of this process that the system or the operator has set (`ulimit`)."""

import resource
from dataclasses import dataclass

from meeting_pipeline.errors import ConfigError

_UNLIMITED = resource.RLIM_INFINITY
_SHOWN = {
    resource.RLIMIT_AS: ("-v", 1 << 10, "kB"),
    resource.RLIMIT_FSIZE: ("-f", 1 << 10, "kB"),
    resource.RLIMIT_CPU: ("-t", 1, "s"),
    resource.RLIMIT_DATA: ("-d", 1 << 10, "kB"),
    resource.RLIMIT_NOFILE: ("-n", 1, ""),
}

NEEDED = {
    resource.RLIMIT_AS: 4 << 30,
    resource.RLIMIT_FSIZE: 3 << 30,  # a day of wav
    resource.RLIMIT_CPU: 2 * 3600,  # seconds: a day of sound takes minutes
}
"""The most that any recording needs of each resource."""


@dataclass(frozen=True)
class _Floor:
    """What no run can do without.

    Attributes:
        least: The lowest limit within which recordings were processed.
        what: What is limited, in two languages.
        unit: The setting of systemd.
    """

    least: int
    what: str
    unit: str


_FLOORS = {
    resource.RLIMIT_AS: _Floor(3 << 29, "地址空间 address space", "LimitAS"),
    resource.RLIMIT_DATA: _Floor(512 << 20, "数据段 data segment", "LimitDATA"),
    resource.RLIMIT_FSIZE: _Floor(64 << 20, "文件大小 file size", "LimitFSIZE"),
    resource.RLIMIT_NOFILE: _Floor(128, "打开的文件数 open files", "LimitNOFILE"),
}

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


def check_for_run() -> None:
    """Check that this process may use what every run needs.

    Raises:
        ConfigError: "limits_too_low", with each limit, its value, what is needed and how to raise
            it.
    """
    low = {
        kind: allowed
        for kind, floor in _FLOORS.items()
        if (allowed := within(floor.least, *resource.getrlimit(kind))) < floor.least
    }
    if low:
        raise ConfigError(
            "limits_too_low",
            "系统限制过低，无法运行 a run cannot work within the limits of this process: "
            + ", ".join(_said(kind, allowed) for kind, allowed in low.items()),
            hint="提高限制 raise them: " + "; ".join(_remedy(kind) for kind in low),
        )


def _said(kind: int, allowed: int) -> str:
    floor, (option, unit, name) = _FLOORS[kind], _SHOWN[kind]
    has, needs = (f"{value // unit} {name}".strip() for value in (allowed, floor.least))
    return f"{floor.what} (ulimit {option}) {has}, 至少 needed {needs}"


def _remedy(kind: int) -> str:
    """Return the commands that raise a limit, for a shell and for a service."""
    is_open_files = kind == resource.RLIMIT_NOFILE  # the kernel knows no unlimited number of them
    shell, service = ("1024", "1024") if is_open_files else ("unlimited", "infinity")
    return f"ulimit {_SHOWN[kind][0]} {shell} ({_FLOORS[kind].unit}={service} of systemd)"
