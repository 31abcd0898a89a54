"""`meeting`, also as `python -P -m meeting_pipeline`."""

import os
import sys

from meeting_pipeline import exit_codes
from meeting_pipeline.runtime.memory import collect_seldom, leave_to_the_system


def main(*before: str) -> None:
    """The command as a process of its own; before: words that come before those typed."""
    os.environ["PYTHONSAFEPATH"] = "1"  # for interpreters that libraries start, too
    collect_seldom()
    try:
        # most objects of the program are made here
        from meeting_pipeline.cli.app import run_program

        code = run_program([*before, *sys.argv[1:]])
    except KeyboardInterrupt:  # while it was still being loaded
        code = exit_codes.INTERRUPTED
    leave_to_the_system()
    sys.exit(code)


if __name__ == "__main__":
    main()
