"""Files and folders that others can open, or that we cannot."""

import os
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from shlex import quote

from meeting_pipeline.domain.damage import Finding, Kind, Verdict

_FOLDER, _FILE = 0o700, 0o600


def mode_of(path: Path, where: str) -> Iterator[Finding]:
    """What is wrong with the mode or the owner of one thing of ours; a link has neither.

    Nothing is wrong with what is gone meanwhile, or lies behind a folder that is closed to us.
    """
    try:
        status = path.lstat()
    except OSError:
        return
    is_folder = stat.S_ISDIR(status.st_mode)
    if not (is_folder or stat.S_ISREG(status.st_mode)):
        return
    wanted, found = _FOLDER if is_folder else _FILE, stat.S_IMODE(status.st_mode)
    if status.st_uid != os.geteuid() and os.geteuid() != 0:
        message = f"belongs to another user (number {status.st_uid})"
        action = f"give it to this user: sudo chown {os.geteuid()} {quote(str(path))}"
        yield Finding(Kind.OWNER, where, Verdict.NEEDS_YOU, message, action)
    elif found & wanted != wanted or found & 0o077:
        whom = "others can open it" if found & 0o077 else "we cannot use it"
        message, action = f"has mode {found:03o}: {whom}", f"chmod {wanted:03o}"
        mend = partial(path.chmod, wanted)
        yield Finding(Kind.MODE, where, Verdict.REPAIR, message, action, mend)
