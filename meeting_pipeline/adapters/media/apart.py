"""Media by PyAV in processes of its own: a crafted recording crashes one of them, and no more."""

from pathlib import Path

from meeting_pipeline.adapters.decoders import Decoders
from meeting_pipeline.adapters.media.child import STALL_S
from meeting_pipeline.domain.gates import LONGEST_S
from meeting_pipeline.ports.media import ExtractedAudio, MediaInfo
from meeting_pipeline.ports.progress import Progress

_PYAV = "meeting_pipeline.adapters.media.pyav"


class MediaApart:
    """`ports.media.MediaTool`; longest_s: see `SoundMeter`.

    stall_s: after so long without a word a process is killed. Raises
    RetryableError("worker_stalled") then, and what `Decoders.call` raises.
    """

    def __init__(
        self, decoders: Decoders, stall_s: float = STALL_S, longest_s: float = LONGEST_S
    ) -> None:
        self._decoders = decoders
        self._stall_s = stall_s
        self._longest_s = longest_s

    def probe(self, media: Path) -> MediaInfo:
        info: MediaInfo = self._decoders.call(
            _PYAV, "probe", media.absolute(), stall_s=self._stall_s
        )
        return info

    def extract(
        self, media: Path, target: Path, audio_format: str, progress: Progress
    ) -> ExtractedAudio:
        given = (media.absolute(), target.absolute(), audio_format, self._longest_s)
        audio: ExtractedAudio = self._decoders.call(
            _PYAV, "extract", given, progress, self._stall_s
        )
        return audio
