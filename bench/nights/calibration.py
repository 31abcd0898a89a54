"""What one recording's audio costs here and now, through the program's own ports."""

import hashlib
import resource
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from meeting_pipeline.adapters.asr.loudness import listen
from meeting_pipeline.adapters.media.ffmpeg import FFmpegMedia
from meeting_pipeline.adapters.media.pyav import PyAVMedia
from meeting_pipeline.domain.levels import FILE_NAME, pack
from meeting_pipeline.domain.model import Audio
from meeting_pipeline.ports import no_progress

_TIMES = 3


@dataclass(frozen=True)
class Audio90:
    """Seconds of one clip. wall_s: its audio stage. cpu_s: of ffmpeg there, and of the process that
    finds where somebody speaks.
    """

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
    ffmpeg = shutil.which("ffmpeg")
    if not ffmpeg:
        raise SystemExit("the benchmark needs ffmpeg")
    media = FFmpegMedia(ffmpeg, PyAVMedia().probe)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "audio.mp3"
        children, began = _cpu(resource.RUSAGE_CHILDREN), time.monotonic()
        heard = media.extract(clip, target, "mp3", no_progress)
        wall_s, cpu_s = time.monotonic() - began, _cpu(resource.RUSAGE_CHILDREN) - children
        sound = target.read_bytes()
        digest = hashlib.sha256(sound).hexdigest()
        target.with_name(FILE_NAME).write_bytes(pack(heard.levels, digest))
        own = time.process_time()
        listen(Audio(target, len(sound), digest, heard.duration_s))
        listening_s = time.process_time() - own
    return Audio90(wall_s + listening_s, cpu_s + listening_s)


def _cpu(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime
