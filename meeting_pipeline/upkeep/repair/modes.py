"""Modes and owners of our files and folders."""

import os
import re
import stat
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from shlex import quote

from meeting_pipeline.domain.damage import Finding, Kind

_FOLDER, _FILE = 0o700, 0o600
_HASH = r"[0-9a-f]{64}"
_OURS = re.compile(
    r"meeting\.db(-wal|-shm|-journal)?|run\.lock|folder-index\.json|notices-tested\.json|transcripts"
    r"|logs(/(record_worker|cron_incremental)\.log(\.\d+)?)?|rates(/[\w.-]+\.jsonl?)?"
    rf"|backups(/meeting-[\d-]+\.db)?|erasing(/{_HASH}\.json)?"
    r"|recordings(/[\w-]+(/[\w-]+(/audio\.levels|/(recording|audio)\.\w+"
    rf"|/transcript\.json|/summary\.(json|md)|/calls(/{_HASH}\.json)?)?)?)?"
)


def of_keys(env_file: Path, risk: str | None) -> Iterator[Finding]:
    """Find a file of keys that others can read.

    Args:
        env_file: The file with the keys.
        risk: Who else can read it, in words; None when no one can.
    """
    if risk is None:
        return
    status = env_file.lstat()
    is_ours = status.st_uid == os.geteuid() and stat.S_ISREG(status.st_mode)
    repair = partial(env_file.chmod, _FILE) if is_ours and status.st_mode & 0o077 else None
    then = "; if others use this machine, get new keys" if repair else ", as its owner"
    yield Finding(Kind.PERMISSIONS, str(env_file), risk, f"chmod 600 {env_file}{then}", repair)


def of_data_folder(folder: Path) -> Iterator[Finding]:
    """Find a DATA_DIR that belongs to us and that everyone may write to, or that we cannot use.

    Every command refuses other unusable folders itself, and says what to do.
    """
    if not folder.is_dir():
        return
    status = folder.stat()
    mode = stat.S_IMODE(status.st_mode)
    if os.geteuid() in (0, status.st_uid) and (mode & _FOLDER != _FOLDER or mode & stat.S_IWOTH):
        message, repair = f"DATA_DIR has mode {mode:03o}", partial(folder.chmod, _FOLDER)
        yield Finding(Kind.PERMISSIONS, str(folder), message, "chmod 700", repair)


def of_installation(data_dir: Path) -> Iterator[Finding]:
    """Find wrong modes and owners below DATA_DIR; files with other names than ours are skipped.

    Links are not followed, except `recordings` itself, which may be on another disk.
    """
    recordings = data_dir / "recordings"
    for top in (data_dir, *([recordings] if recordings.is_symlink() else [])):
        for folder, folders, files in os.walk(top):
            inside = Path(folder).relative_to(data_dir)
            ours = {name for name in (*folders, *files) if _OURS.fullmatch(str(inside / name))}
            folders[:] = sorted(ours.intersection(folders))
            for name in sorted(ours):
                yield from mode_of(Path(folder, name), str(inside / name))


def mode_of(path: Path, where: str) -> Iterator[Finding]:
    """Find a wrong mode or owner of one of our files or folders.

    Links, files that have vanished meanwhile, and files in a folder that we cannot open are
    skipped.

    Args:
        path: The file or folder.
        where: Its path for people.
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
        message = f"belongs to another user (uid {status.st_uid})"
        action = f"make this user its owner: sudo chown {os.geteuid()} {quote(str(path))}"
        yield Finding(Kind.PERMISSIONS, where, message, action)
    elif found & wanted != wanted or found & 0o077:
        problem = "others can open it" if found & 0o077 else "we cannot use it"
        message, action = f"has mode {found:03o}: {problem}", f"chmod {wanted:03o}"
        yield Finding(Kind.PERMISSIONS, where, message, action, partial(path.chmod, wanted))
