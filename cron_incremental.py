"""One incremental night, for cron: the exit code says how it went (docs/operations.md)."""

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # what lies beside this file hides no module; the package is installed

from meeting_pipeline.__main__ import main

if __name__ == "__main__":
    main("cron")
