"""The check of a folder of recordings that `meeting doctor` makes."""

import os
from collections.abc import Callable
from pathlib import Path

from meeting_pipeline.adapters.sources.folder_files import FolderContents
from meeting_pipeline.adapters.sources.left_out import MAKE_READABLE, Reason
from meeting_pipeline.domain.checks import Check

_CODE = "folder"


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
    if had_files and not found.files:
        message = f"{folder}: 以前有录制，现在是空的 it had recordings before, and is empty now"
        return [Check(_CODE, False, message, MAKE_READABLE)]
    return [Check(_CODE, True, message)]
