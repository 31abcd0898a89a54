"""Small file systems of their own, to be filled, and to be made unwritable."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.system_programs import RequirementMissing


@contextmanager
def small_disk(folder: Path, size: str = "8m", inodes: int = 0) -> Iterator[Path]:
    """A file system of that size at `folder`, gone with all that is on it when the block ends.

    inodes: how many files it takes, 0 for as many as fit. Only the superuser may mount one; for
    others RequirementMissing is raised.
    """
    folder.mkdir(parents=True, exist_ok=True)
    options = f"mode=700,size={size},nr_inodes={inodes}"  # 0 is no limit
    refusal = _mount("-t", "tmpfs", "-o", options, "tmpfs", str(folder))
    if refusal:
        raise RequirementMissing(f"no small disk can be mounted here: {refusal}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def remount(folder: Path, how: str) -> None:
    """Make a small disk "ro" or "rw"."""
    assert not _mount("-o", f"remount,{how}", str(folder))


def fill(folder: Path, leave: int) -> Path:
    """A file that leaves so many bytes of a small disk free."""
    status = os.statvfs(folder)
    ballast = folder / "ballast"
    ballast.write_bytes(bytes(max(0, status.f_bavail * status.f_frsize - leave)))
    return ballast


def _mount(*words: str) -> str:
    """Why it cannot be done, or ""."""
    try:
        ended = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return "there is no mount"
    return (ended.stderr.strip() or "refused") if ended.returncode else ""
