"""A machine with cron, whatever this one has: stand-ins of crontab and pidof on a PATH."""

import os
import subprocess
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo


def path_with_cron(folder: Path, line: str = "", *, runs: bool = True) -> str:
    """Return a PATH where `crontab -l` prints one line, and a daemon runs or does not.

    Args:
        folder: Where the stand-ins are written.
        line: What the crontab has; "" for an empty one.
        runs: Whether a cron daemon is running.
    """
    folder.mkdir(exist_ok=True)
    programs = {"crontab": f"cat <<'END'\n{line}\nEND\n", "pidof": f"exit {int(not runs)}\n"}
    for name, text in programs.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}")
        (folder / name).chmod(0o755)
    return f"{folder}:{os.environ['PATH']}"


def line_for(hour: int, zone: str) -> str:
    """Return a crontab line that starts at an hour of a zone, by the clock of this machine."""
    there = datetime.now(ZoneInfo(zone)).replace(hour=hour, minute=0)
    without = {name: value for name, value in os.environ.items() if name != "TZ"}
    at = ["date", "-d", f"@{there.timestamp():.0f}", "+%-M %-H"]
    fields = subprocess.check_output(at, env=without, text=True).strip()
    return f"{fields} * * * cd /srv/meeting && python cron_incremental.py"
