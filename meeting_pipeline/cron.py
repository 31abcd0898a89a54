"""What the crontab calls: `meeting cron`, with its exit code."""

import sys

from meeting_pipeline.cli.app import run_program


def main() -> int:
    """One incremental night; trouble is one line on standard error and a code."""
    return run_program(["cron", *sys.argv[1:]])
