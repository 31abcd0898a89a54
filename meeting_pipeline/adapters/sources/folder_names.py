"""Names of files and folders, as clients, phones and NAS systems give them."""

import os
import re
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from pathlib import PurePosixPath

from meeting_pipeline.adapters.sources.filename_dates import without_dates

_HOUSEKEEPING = frozenset(
    {
        *("#recycle", "@recycle", "$recycle.bin", "recycler", "recycled", ".recycle"),
        *("#snapshot", ".snapshot", ".snapshots", "~snapshot", "@recently-snapshot", ".zfs"),
        *("@eadir", "@tmp", "@sharesnap", "@__thumb", ".@__thumb", ".@__qini", ".thumbnails"),
        *("lost+found", "system volume information", ".stfolder", ".stversions", ".sync"),
        *(".spotlight-v100", ".fseventsd", ".temporaryitems", ".documentrevisions-v100"),
        *(".appledouble", ".appledb", ".appledesktop", ".trash", ".trashes"),
    }
)
"""Folders of systems for deleted files, snapshots and thumbnails, in lower case."""

_NUMBERED = re.compile(r"(?:found\.\d{3}|\.trash-.*)")

_CLIENTS_WORDS = (
    *("meeting", "zoom", "gmt", "tm", "video", "audio", "only", "recording", "record", "rec"),
    *("playback", "gallery", "speaker", "avo", "gvo", "vid", "aud", "img", "mov", "pxl", "screen"),
    *("screenrecorder", "screenrecording", "capture", "new", "untitled", "wechat", "whatsapp"),
    *("mmexport", "wx", "camera", "voice", "memo", "obs", "signal", "ptt", "wa"),
    *("录制", "录音", "录屏", "录像", "屏幕", "会议", "视频", "音频", "文件", "新", "标准", "通话"),
    *("语音", "腾讯", "企业", "微信", "钉钉", "飞书", "未命名", "副本"),
)
_GENERIC = re.compile(
    rf"(?:(?:{'|'.join(sorted(_CLIENTS_WORDS, key=len, reverse=True))})s?"
    r"(?![a-z])[\s\d_.()-]*(?:\d{3,4}x\d{3,4}[\s\d_.()-]*)*)*",
    re.IGNORECASE,
)
"""Names of which a client, a phone or a system gave every word."""


_UTF8_CHINESE = re.compile(rb"((?:[\xe3-\xe9][\x80-\xbf]{2})+)")
"""Chinese in UTF-8; in GB18030 two such characters would be three of its rarest."""

_GB_CHINESE = re.compile(
    rb"(?<![A-Za-z\x80-\xff])(?:[\xc2-\xd7][\xa1-\xbf]){2,}(?![A-Za-z\x80-\xff])"
)
"""Common Chinese in GB18030 (某同学) that is valid UTF-8, too, of letters that form no word."""

_CHARACTER = 3


def is_housekeeping(folder: str) -> bool:
    """Return whether a folder of this name holds no recordings, but a system's own files."""
    name = folder.lower()
    return name in _HOUSEKEEPING or bool(_NUMBERED.fullmatch(name))


def printable(name: str) -> str:
    """Return a name or a path as text: bytes that are not UTF-8 are GB18030 if they can be.

    Files that were copied from several systems have names of several encodings in one path, or in
    one name. Other bytes become a replacement character. The result is for people; a file is opened
    by the name that the system gave.
    """
    text = "/".join(_decoded(part) for part in os.fsencode(name).split(b"/"))
    return unicodedata.normalize("NFC", text)


def _decoded(name: bytes) -> str:
    is_mixed = any(len(run) > _CHARACTER for run in _UTF8_CHINESE.findall(name))
    encodings = ["utf-8"] * (not _GB_CHINESE.search(name)) + ["gb18030"] * (not is_mixed)
    for encoding in encodings:
        with suppress(UnicodeDecodeError):
            return name.decode(encoding)
    parts = _UTF8_CHINESE.split(name)  # every second one is UTF-8
    return "".join(
        part.decode("utf-8" if number % 2 else "gb18030", errors="replace")
        for number, part in enumerate(parts)
    )


def subject_of(path: PurePosixPath) -> str:
    """Return the subject that the path of a file below the folder of recordings gives.

    It is the name of the file. If a client gave the file a generic name ("meeting_01.mp4",
    "GMT20260105-113000_Recording.m4a") or a date alone, it is the name of the nearest folder that
    says more than that.
    """
    stem = printable(path.stem)
    if stem.isdecimal() or not _is_generic(stem):
        return stem
    folders = [printable(folder.name) for folder in path.parents if folder.name]
    telling = (folder for folder in folders if not _is_generic(folder))
    not_a_date = (folder for folder in folders if without_dates(folder))
    return next(telling, None) or next(not_a_date, stem)


def _is_generic(name: str) -> bool:
    """Return whether a name says no more than when and with what something was recorded."""
    return bool(_GENERIC.fullmatch(without_dates(name)))


class SidecarNames:
    """The names of the sidecars in a folder.

    "NAME.json" and "NAME.m4a.json" are a media file's sidecar, also in capitals, with a blank
    before the dot, with the ".txt" that Windows adds, in another Unicode normalization and in
    another encoding.

    Args:
        names: All names in the folder.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = set(names)
        sidecars = {one for one in self._names if ".json" in one.lower()}
        taken = {f"{PurePosixPath(other).stem}.json" for other in self._names - sidecars}
        self._free = {_key(one): one for one in sorted(sidecars - taken)}

    def of(self, name: str) -> str | None:
        """Return the name of the sidecar of a media file, or None.

        Args:
            name: The name of the media file.
        """
        wanted = (f"{PurePosixPath(name).stem}.json", f"{name}.json")
        if exact := next((one for one in wanted if one in self._names), None):
            return exact
        return next((self._free[_key(one)] for one in wanted if _key(one) in self._free), None)


def _key(name: str) -> str:
    """Return what a sidecar's name and its media file's have in common."""
    name = printable(name).casefold().removesuffix(".txt")
    return re.sub(r"\s+\.", ".", name)
