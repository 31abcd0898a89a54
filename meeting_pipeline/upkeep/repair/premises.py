"""What must be right before anything else can be looked at: the keys' file and the data folder."""

import os
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from meeting_pipeline.domain.damage import Finding, Kind, Verdict
from meeting_pipeline.storage.files import private_folder

_OWNER = 0o700


def keys(env_file: Path, risk: str | None) -> Iterator[Finding]:
    """risk: who else can read the keys in it, in words, or None."""
    if risk is None:
        return
    status, hint = env_file.lstat(), f"chmod 600 {env_file}, as the user who runs this"
    is_ours = status.st_uid == os.geteuid() and stat.S_ISREG(status.st_mode)
    if not (is_ours and status.st_mode & 0o077):
        yield Finding(Kind.KEYS_OPEN, str(env_file), Verdict.NEEDS_YOU, risk, hint)
        return
    mend = partial(env_file.chmod, 0o600)
    action = "chmod 600; if others use this machine, have new keys made"
    yield Finding(Kind.KEYS_OPEN, str(env_file), Verdict.REPAIR, risk, action, mend)


def data_folder(folder: Path) -> Iterator[Finding]:
    """Nothing where it is a folder that only we can write to."""
    try:
        status = folder.stat()
    except FileNotFoundError:
        mend, action = partial(private_folder, folder), "make it; is the right disk mounted?"
        message = "DATA_DIR is not there"
        yield Finding(Kind.FOLDER_MISSING, str(folder), Verdict.REPAIR, message, action, mend)
        return
    except OSError as error:
        yield _unusable(folder, f"DATA_DIR cannot be used: {error.strerror}")
        return
    mode, is_ours = stat.S_IMODE(status.st_mode), os.geteuid() in (0, status.st_uid)
    if not stat.S_ISDIR(status.st_mode):
        yield _unusable(folder, "DATA_DIR is not a folder")
    elif not (is_ours or os.access(folder, os.R_OK | os.W_OK | os.X_OK)):
        yield _unusable(folder, f"DATA_DIR belongs to another user (number {status.st_uid})")
    elif is_ours and (mode & _OWNER != _OWNER or mode & stat.S_IWOTH):
        mend = partial(folder.chmod, _OWNER)
        message = f"DATA_DIR has mode {mode:03o}"
        yield Finding(Kind.MODE, str(folder), Verdict.REPAIR, message, "chmod 700", mend)


def _unusable(folder: Path, message: str) -> Finding:
    action = "give it to this user, or set DATA_DIR to another folder"
    return Finding(Kind.FOLDER_UNUSABLE, str(folder), Verdict.NEEDS_YOU, message, action)
