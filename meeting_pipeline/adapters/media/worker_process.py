"""A media tool that runs PyAV in worker processes.

A crafted recording can crash only the process that decodes it.
"""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Self

from meeting_pipeline.adapters.processes.command import STALL_S
from meeting_pipeline.adapters.processes.decoders import Decoders
from meeting_pipeline.domain.media_checks import LONGEST_S
from meeting_pipeline.domain.sound_print import SoundPrint
from meeting_pipeline.ports.media import ExtractedAudio, MediaInfo
from meeting_pipeline.ports.progress import Progress

_PYAV = "meeting_pipeline.adapters.media.pyav"
_SOUND_PRINT = "meeting_pipeline.adapters.media.sound_print"
_REMEMBERED = 64


@dataclass(frozen=True)
class _File:
    """The identity of a file's content; its path does not count."""

    device: int
    inode: int
    size_bytes: int
    modified_ns: int
    path: Path = field(compare=False)

    @classmethod
    def at(cls, path: Path) -> Self:
        """Return the identity of the file at a path; raise OSError if there is none."""
        now = path.stat()
        return cls(now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, path)


class WorkerProcessMedia:
    """A `ports.media.MediaTool` that runs PyAV in worker processes.

    The results of `probe` are cached: one stage probes the file that it has downloaded, and the
    next one probes the same file as its input. Both methods raise what `Decoders.call` raises.

    Args:
        decoders: The worker processes.
        stall_s: Seconds without progress after which a process is killed, which raises
            RetryableError("worker_stalled").
        longest_s: As for `SoundMeter`.
    """

    def __init__(
        self, decoders: Decoders, stall_s: float = STALL_S, longest_s: float = LONGEST_S
    ) -> None:
        self._decoders = decoders
        self._stall_s = stall_s
        self._longest_s = longest_s
        self._remembered = lru_cache(_REMEMBERED)(lambda file: self._probe(file.path))

    def probe(self, media: Path) -> MediaInfo:
        try:
            file = _File.at(media.absolute())
        except OSError:
            return self._probe(media.absolute())  # raises the reason
        return self._remembered(file)

    def _probe(self, media: Path) -> MediaInfo:
        info: MediaInfo = self._decoders.call(_PYAV, "probe", media, stall_s=self._stall_s)
        return info

    def sound_print(self, media: Path) -> SoundPrint:
        """Measure the sound of a media file, to compare it with others (`ports.media.Listen`).

        Args:
            media: The file.
        """
        sound: SoundPrint = self._decoders.call(
            _SOUND_PRINT, "sound_print", media.absolute(), stall_s=self._stall_s
        )
        return sound

    def extract(
        self,
        media: Path,
        target: Path,
        audio_format: str,
        progress: Progress,
        accept_damage: bool = False,
    ) -> ExtractedAudio:
        paths = (media.absolute(), target.absolute())
        given = (*paths, audio_format, self._longest_s, accept_damage)
        audio: ExtractedAudio = self._decoders.call(
            _PYAV, "extract", given, progress, self._stall_s
        )
        return audio
