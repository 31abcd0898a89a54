"""`meeting`, also as `python -P -m meeting_pipeline`."""

import gc
import os
import sys

from meeting_pipeline import exit_codes


def main(*before: str) -> None:
    """The command as a process of its own; before: words that come before those typed."""
    os.environ["PYTHONSAFEPATH"] = "1"  # for interpreters that libraries start, too
    try:
        from meeting_pipeline.cli.app import run_program

        code = run_program([*before, *sys.argv[1:]])
    except KeyboardInterrupt:  # while it was still being loaded
        code = exit_codes.INTERRUPTED
    gc.freeze()  # what is left need not be searched for cycles: a fifth of a short command
    sys.exit(code)


if __name__ == "__main__":
    main()
