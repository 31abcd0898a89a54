"""`meeting`, also as `python -m meeting_pipeline`."""

import sys

from meeting_pipeline.memory import collect_seldom, leave_to_the_system


def main(*before: str) -> None:
    """The command as a process of its own; before: words that come before those typed."""
    collect_seldom()
    from meeting_pipeline.cli.app import run_program  # most objects of the program are made here

    code = run_program([*before, *sys.argv[1:]])
    leave_to_the_system()
    sys.exit(code)


if __name__ == "__main__":
    main()
