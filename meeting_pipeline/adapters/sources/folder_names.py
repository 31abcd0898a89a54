"""Names of files and folders, as clients, phones and NAS systems give them."""

import os
import re
import unicodedata
from collections.abc import Iterable
from pathlib import PurePosixPath

HOUSEKEEPING = frozenset(
    {
        *("#recycle", "@recycle", "$recycle.bin", "recycler", ".recycle"),
        *("@eadir", "#snapshot", ".snapshot", "@recently-snapshot", "lost+found"),
        "system volume information",
    }
)
"""Folders of NAS systems for deleted files, snapshots and thumbnails, in lower case."""

_GENERIC = re.compile(
    r"(?:meeting|zoom|video|audio|audio_only|recording|playback|gmt\d{8}-\d{6}.*|录制|录音)"
    r"[\s_-]*(?:\d+(?:x\d+)?[\s_-]*)*",
    re.IGNORECASE,
)


def is_housekeeping(folder: str) -> bool:
    """Return whether a folder of this name holds no recordings, but a system's own files."""
    return folder.lower() in HOUSEKEEPING or folder.lower().startswith(".trash-")


def printable(name: str) -> str:
    """Return a name as text: bytes that are not UTF-8 are GB18030 if they can be.

    Other bytes become a replacement character. The result is for people; a file is opened by the
    name that the system gave.
    """
    raw = os.fsencode(name)
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return raw.decode(errors="replace")


def subject_of(path: PurePosixPath) -> str:
    """Return the subject that the path of a file below the folder of recordings gives.

    It is the name of the file, or that of its folder if a client gave the file a generic name
    ("meeting_01.mp4", "video1234567890.mp4", "GMT20260105-113000_Recording.m4a").
    """
    stem = printable(path.stem)
    if _GENERIC.fullmatch(stem) and path.parent.name:
        return printable(path.parent.name)
    return stem


def sidecar_for(name: str, others: Iterable[str]) -> str | None:
    """Return the name of the sidecar of a media file, or None.

    "NAME.json" and "NAME.m4a.json" are its sidecar, also in capitals, with a blank before the dot,
    with the ".txt" that Windows adds, and in another Unicode normalization.

    Args:
        name: The name of the media file.
        others: The names in its folder.
    """
    others = set(others)
    stem = name[: -len(PurePosixPath(name).suffix)] if PurePosixPath(name).suffix else name
    wanted = (f"{stem}.json", f"{name}.json")
    if exact := next((one for one in wanted if one in others), None):
        return exact
    sidecars = {one for one in others if ".json" in one.lower()}
    taken = {f"{PurePosixPath(other).stem}.json" for other in others - sidecars - {name}}
    free = {_key(one): one for one in sorted(sidecars - taken)}
    return next((free[_key(one)] for one in wanted if _key(one) in free), None)


def _key(name: str) -> str:
    """Return what a sidecar's name and its media file's have in common."""
    name = unicodedata.normalize("NFC", name).casefold().removesuffix(".txt")
    return re.sub(r"\s+\.", ".", name)
