"""A sandbox in the foreground of a terminal, until a signal ends it."""

import json
import signal
import socket
import sys
from contextlib import suppress

from .server import Sandbox


def serve(sandbox: Sandbox, scope: str) -> None:
    """Print the settings of a started sandbox, wait for Ctrl-C, report on standard error.

    SIGTERM ends it as well: a shell starts background commands (`&`) with Ctrl-C ignored.
    """
    lines = [f"{name}='{value}'\n" for name, value in sandbox.environment(scope).items()]
    try:
        with suppress(KeyboardInterrupt):
            sys.stdout.writelines(lines)
            sys.stdout.flush()
            _wait_for_a_signal()
    finally:
        report = json.dumps(sandbox.ledger.report(), ensure_ascii=False, indent=2)
        sys.stderr.write(report + "\n")


def _wait_for_a_signal() -> None:
    """Wait until the handler of a signal raises.

    Each signal writes a byte to a socket. `signal.pause` would miss one that comes just before.
    """
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.setblocking(False)
        before = signal.set_wakeup_fd(theirs.fileno())
        try:
            while True:
                ours.recv(1)
        finally:
            signal.set_wakeup_fd(before)
