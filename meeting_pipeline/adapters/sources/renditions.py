"""Files of one meeting: clients leave its video and its audio beside each other.

    meeting_01.mp4 + meeting_01.m4a    video1234567890.mp4 + audio1234567890.m4a

They are one recording if they are in one folder, their names differ in no more than that, one is a
video and the other is audio, and they are about as long.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import PurePosixPath

from meeting_pipeline.adapters.sources.folder_files import MediaFile

_VIDEO = frozenset({"mp4", "mkv", "webm", "mov", "m4v", "avi", "3gp", "ts", "mts"})
_KIND = re.compile(r"^(?:video|audio|audio_only|zoom)[_-]?(?=\d)|[_-](?:video|audio)$", re.I)
_TOLERANCE_S = 2.0


def one_a_meeting(
    files: Iterable[MediaFile],
    length_of: Callable[[MediaFile], float | None],
    is_listed: Callable[[MediaFile], bool],
) -> list[MediaFile]:
    """Return the files without the second rendition of any meeting, in their order.

    What was listed before is kept, so that a meeting stays one recording whatever is added later;
    else what has a sidecar, else the audio, which is smaller. The kept file gets the sidecar of the
    other one if it has none.

    Args:
        files: The finished files of a folder.
        length_of: Returns the length of a file in seconds, or None if that is not known.
        is_listed: Returns whether a file was listed before.
    """
    files = list(files)
    families: dict[tuple[str, str], list[MediaFile]] = {}
    for file in files:
        families.setdefault(_family(file), []).append(file)
    kept = {file: file for file in files}
    for family in families.values():
        sounds = [file for file in family if file.suffix not in _VIDEO]
        for video in (file for file in family if file.suffix in _VIDEO):
            if sound := _alike(video, sounds, length_of):
                sounds.remove(sound)
                pair = (sound, video)
                chosen = max(pair, key=lambda one: (is_listed(one), one.sidecar is not None))
                other = video if chosen is sound else sound
                kept[chosen] = replace(chosen, sidecar=chosen.sidecar or other.sidecar)
                del kept[other]
    return [kept[file] for file in files if file in kept]


def _family(file: MediaFile) -> tuple[str, str]:
    path = PurePosixPath(file.name)
    return path.parent.as_posix(), _KIND.sub("", path.stem.casefold())


def _alike(
    video: MediaFile, sounds: Sequence[MediaFile], length_of: Callable[[MediaFile], float | None]
) -> MediaFile | None:
    """Return the audio file that is about as long as the video, or None."""
    length_s = length_of(video) if sounds else None
    if length_s is None:
        return None
    for sound in sounds:
        sound_s = length_of(sound)
        if sound_s is not None and abs(sound_s - length_s) <= _TOLERANCE_S:
            return sound
    return None
