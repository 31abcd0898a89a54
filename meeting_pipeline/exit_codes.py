"""The exit codes by name; `docs/operations.md` says what to do about each of them."""

OK = 0
BUG = 1
USAGE = 2
CONFIG = 3
RECORDS_FAILED = 4
STOPPED_EARLY = 5
BUSY = 75
INTERRUPTED = 130
TERMINATED = 143
