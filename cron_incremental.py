"""Run one incremental night, for cron; docs/operations.md explains the exit codes."""

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # files beside this one must not shadow modules; the package is installed

from meeting_pipeline.__main__ import main

if __name__ == "__main__":
    main("cron")
