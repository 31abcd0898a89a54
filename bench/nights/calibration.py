"""What one recording's audio costs here and now, through the program's own ports."""

import hashlib
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from meeting_pipeline.adapters.asr.levels import listen
from meeting_pipeline.adapters.media.pyav import PyAVMedia
from meeting_pipeline.domain.levels import FILE_NAME, pack
from meeting_pipeline.domain.model import Audio
from meeting_pipeline.ports.media import AudioWanted
from meeting_pipeline.ports.progress import no_progress

WANTED = AudioWanted("mp3", 24_000_000, 1_200.0)
"""By a speech service with the default settings."""

_TIMES = 3


@dataclass(frozen=True)
class Audio90:
    """Seconds of one clip in its audio stage, with the search for speech."""

    wall_s: float
    cpu_s: float

    def least(self, other: "Audio90") -> "Audio90":
        """What a quieter moment would have shown."""
        return Audio90(min(self.wall_s, other.wall_s), min(self.cpu_s, other.cpu_s))


def calibrate(clip: Path) -> Audio90:
    """The least of a few tries."""
    tries = [_once(clip) for _ in range(_TIMES)]
    least = tries[0]
    for one in tries[1:]:
        least = least.least(one)
    return least


def _once(clip: Path) -> Audio90:
    """As the program does it: in a process that is there already, packets as they are."""
    media = PyAVMedia()
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "audio.m4a"
        began, used = time.monotonic(), time.process_time()
        assert WANTED.format_of(media.probe(clip)) == "m4a"
        heard = media.extract(clip, target, "m4a", no_progress)
        sound = target.read_bytes()
        digest = hashlib.sha256(sound).hexdigest()
        target.with_name(FILE_NAME).write_bytes(pack(heard.levels, digest))
        listen(Audio(target, len(sound), digest, heard.duration_s), media)
        return Audio90(time.monotonic() - began, time.process_time() - used)
