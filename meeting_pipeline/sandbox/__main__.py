"""Run the sandbox in the foreground: ``python -P -m meeting_pipeline.sandbox > sandbox.env``."""

import argparse
import json
import signal
import sys

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
    """Print the settings of a started sandbox, wait for Ctrl-C, report on standard error."""
    lines = [f"{name}='{value}'\n" for name, value in sandbox.environment(scope).items()]
    try:
        sys.stdout.writelines(lines)
        sys.stdout.flush()
        signal.pause()
    except KeyboardInterrupt:
        report = json.dumps(sandbox.ledger.report(), ensure_ascii=False, indent=2)
        sys.stderr.write(report + "\n")


if __name__ == "__main__":
    sys.exit(main())
