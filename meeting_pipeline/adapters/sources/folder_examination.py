"""What is wrong with a folder of recordings as a whole, for `meeting doctor` and for listings."""

import os
from collections.abc import Callable
from pathlib import Path

from meeting_pipeline.adapters.sources.folder_files import FolderContents
from meeting_pipeline.adapters.sources.left_out import MAKE_READABLE, Reason
from meeting_pipeline.domain.checks import Check
from meeting_pipeline.errors import RetryableError

NOTHING_THERE = (
    "没有任何录制文件 there are no recordings in MEETING_FOLDER: "
    "确认路径正确、磁盘已挂载 see whether it is the right folder, and its disk is mounted"
)
"""What is told of a folder in which there never were recordings."""
_CODE = "folder"
_OF_EVERY_DISK = {Reason.HOUSEKEEPING, Reason.HIDDEN}
_IS_MOUNTED = "确认磁盘或共享已挂载 see whether its disk or share is mounted"


def examine(folder: Path, look: Callable[[], FolderContents], *, had_files: bool) -> list[Check]:
    """Check that a folder and all recordings in it can be read; nothing is written.

    Args:
        folder: The folder.
        look: Searches it.
        had_files: Whether an earlier run has found recordings in it.
    """
    try:
        found = look()
    except OSError as error:
        message = f"{folder}: 无法读取 cannot be read: {error.strerror}"
        return [Check(_CODE, False, message, MAKE_READABLE)]
    unreadable = found.left_out.counts().get(Reason.UNREADABLE, 0)
    unreadable += sum(not os.access(one.path, os.R_OK) for one in found.files)
    message = f"录制文件 recordings: {len(found.files)}"
    if unreadable:
        message = f"{folder}: {message}；无法读取 cannot be read: {unreadable}"
        return [Check(_CODE, False, message, MAKE_READABLE)]
    if why := suspicious_emptiness(folder, found, had_files=had_files):
        return [Check(_CODE, False, why.message, why.hint)]
    return [Check(_CODE, True, message if found.files else f"{message}; {NOTHING_THERE}")]


def suspicious_emptiness(
    folder: Path, found: FolderContents, *, had_files: bool
) -> RetryableError | None:
    """Return "folder_empty" where a disk that is not there looks like this, else None.

    Args:
        folder: The folder.
        found: What is below it.
        had_files: Whether an earlier run has found recordings in it.
    """
    if found.files:
        return None
    if had_files:
        return RetryableError(
            "folder_empty",
            f"{folder}: 以前有录制，现在是空的 there are no recordings any more, "
            "where there were some before",
            hint=f"{_IS_MOUNTED}; 若有意清空 if it was emptied on purpose: 删除 delete "
            "DATA_DIR/folder-index.json",
        )
    if not found.left_out.counts().keys() - _OF_EVERY_DISK and os.path.ismount(folder.resolve()):
        return RetryableError(
            "folder_empty",
            f"{folder}: 挂载点是空的 it is a mount point, and there is no file below it",
            hint=f"{_IS_MOUNTED}; 放入第一个录制后不再提示 the first recording ends this warning",
        )
    return None


def gaps(folder: Path, unreadable: int) -> RetryableError:
    """Return "folder_unreadable", for a listing in which recordings may be missing.

    Args:
        folder: The folder.
        unreadable: How many files and folders below it cannot be read.
    """
    return RetryableError(
        "folder_unreadable",
        f"{folder}: 无法读取 files and folders that cannot be read: {unreadable}",
        hint=MAKE_READABLE,
    )
