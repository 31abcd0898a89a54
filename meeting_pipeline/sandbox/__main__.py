"""Run the sandbox in the foreground: ``python -P -m meeting_pipeline.sandbox > sandbox.env``."""

import argparse
import json
import signal
import socket
import sys
from contextlib import suppress

from .limits import ROOMY, Limits
from .server import Sandbox


def main() -> int:
    """Print the settings as .env text, serve until interrupted, then print the ledger."""
    parser = argparse.ArgumentParser(prog="python -m meeting_pipeline.sandbox", description=__doc__)
    parser.add_argument("--scope", choices=("corp", "user"), default="corp")
    parser.add_argument("--strict-rates", action="store_true", help="the documented rates")
    parser.add_argument("--ports", type=int, nargs=3, default=(0, 0, 0), metavar="PORT")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    limits = Limits() if options.strict_rates else ROOMY
    with Sandbox(limits=limits, ports=tuple(options.ports)) as sandbox:
        serve(sandbox, options.scope)
    return 0


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


if __name__ == "__main__":
    sys.exit(main())
