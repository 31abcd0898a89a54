"""Files of one meeting: clients leave its video and its audio beside each other, people its copies.

    meeting_01.mp4 + meeting_01.m4a     video1234567890.mp4 + audio1234567890.m4a
    zoom_0.mp4 + audio_only.m4a         GMT…_Recording_1920x1080.mp4 + GMT…_Recording.m4a
    视频 简历.mp4 + 音频 简历.m4a          课.mkv + 课.mp4 + 课 - 副本.mp4

They are one recording if they are in one folder, their names differ in no more than that, they are
about as long, and they have the same sound.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from meeting_pipeline.adapters.sources.file_facts import FileFacts
from meeting_pipeline.adapters.sources.folder_files import MediaFile
from meeting_pipeline.adapters.sources.folder_names import printable

_VIDEO = frozenset({"mp4", "mkv", "webm", "mov", "m4v", "avi", "3gp", "ts", "mts"})
_KIND = "(?:audio|video|音频|视频|画面|声音)(?:[ _-]?only)?|仅音频|纯音频|only_audio"
_PICTURE = r"\d{3,4}x\d{3,4}|\d{3,4}p|4k|gallery|speaker|avo|gvo|as|cc"
_COPY = r"(?:副本|拷贝|复制|备份|copy|backup|bak)(?: ?\(?\d+\)?)?"
_EDGES = (
    re.compile(rf"^(?:(?:{_KIND})[ _-]*|(?:copy of|副本)[ _-]+)"),
    re.compile(rf"[ _.(-]*(?:{_KIND})\)?$"),
    re.compile(rf"[ _.(-]+(?:(?:{_PICTURE})\)?|{_COPY})$"),
    re.compile(r"(?:的?副本|\(\d\))$"),
    re.compile(r"^zoom[ _-]*(?=\d*$)|^0$"),
)
"""What the names of files of one meeting may have at their ends."""

_TOLERANCE_S = 2.0


@dataclass(frozen=True)
class Meetings:
    """The files of a folder, one for each meeting.

    Attributes:
        files: The files to list.
        others: The other files of the same meetings, each with the one that is listed instead.
    """

    files: list[MediaFile]
    others: Mapping[MediaFile, MediaFile]


def one_a_meeting(files: Iterable[MediaFile], facts: FileFacts) -> Meetings:
    """Return the files without the further renditions of any meeting, in their order.

    What has sound is kept; then what was listed before, so that a meeting stays one recording
    whatever is added later; else what has a sidecar, else the audio, which is smaller. The kept
    file gets the sidecar of another one if it has none.

    Args:
        files: The finished files of a folder.
        facts: What is known about them.
    """
    files = list(files)
    families: dict[tuple[str, str], list[MediaFile]] = {}
    for file in files:
        families.setdefault(_family(file), []).append(file)
    kept: dict[MediaFile, MediaFile] = {}
    others: dict[MediaFile, MediaFile] = {}
    for family in families.values():
        for meeting in _meetings(family, facts):
            chosen = _chosen(meeting, facts) if len(meeting) > 1 else meeting[0]
            sidecars = (file.sidecar for file in (chosen, *meeting) if file.sidecar)
            kept[chosen] = replace(chosen, sidecar=next(sidecars, None))
            others |= {file: kept[chosen] for file in meeting if file is not chosen}
    return Meetings([kept[file] for file in files if file in kept], others)


def _family(file: MediaFile) -> tuple[str, str]:
    """Return the folder of a file, and its name without what only says which file it is."""
    path = PurePosixPath(file.name)
    stem, before = unicodedata.normalize("NFKC", printable(path.stem)).casefold(), None
    while stem != before:
        before = stem
        for edge in _EDGES:
            stem = edge.sub("", stem).strip()
    return path.parent.as_posix(), stem


def _meetings(family: list[MediaFile], facts: FileFacts) -> list[list[MediaFile]]:
    meetings: list[list[MediaFile]] = []
    for file in family:
        same = (meeting for meeting in meetings if _is_same(meeting[0], file, facts))
        if (meeting := next(same, None)) is None:
            meetings.append([file])
        else:
            meeting.append(file)
    return meetings


def _is_same(one: MediaFile, other: MediaFile, facts: FileFacts) -> bool:
    lengths = facts.probed(one).duration_s, facts.probed(other).duration_s
    if None not in lengths and abs((lengths[0] or 0) - (lengths[1] or 0)) > _TOLERANCE_S:
        return False
    return facts.sound_alike(one, other)


def _chosen(meeting: list[MediaFile], facts: FileFacts) -> MediaFile:
    return max(
        meeting,
        key=lambda file: (
            facts.probed(file).has_audio,
            facts.was_listed(file),
            file.sidecar is not None,
            file.suffix not in _VIDEO,
            -len(file.name),  # the name of a copy is longer
        ),
    )
