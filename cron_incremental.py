"""One incremental night, for cron: the exit code says how it went (docs/operations.md)."""

from meeting_pipeline.__main__ import main

if __name__ == "__main__":
    main("cron")
