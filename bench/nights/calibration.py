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
from meeting_pipeline.domain.model import Audio
from meeting_pipeline.ports import no_progress

_TIMES = 3


@dataclass(frozen=True)
class Audio90:
    """Seconds of one clip. wall_s: its audio stage. cpu_s: of ffmpeg and ffprobe there.

    in_process_s: CPU that the stages need inside the program: levels measured while ffmpeg runs,
    the sound decoded once more for its pauses, media and sound hashed.
    """

    wall_s: float
    cpu_s: float
    in_process_s: float

    def least(self, other: "Audio90") -> "Audio90":
        """What a quieter moment would have shown."""
        return Audio90(
            min(self.wall_s, other.wall_s),
            min(self.cpu_s, other.cpu_s),
            min(self.in_process_s, other.in_process_s),
        )


def calibrate(clip: Path) -> Audio90:
    """The least of a few tries."""
    tries = [_once(clip) for _ in range(_TIMES)]
    least = tries[0]
    for one in tries[1:]:
        least = least.least(one)
    return least


def _once(clip: Path) -> Audio90:
    ffmpeg, ffprobe = shutil.which("ffmpeg"), shutil.which("ffprobe")
    if not ffmpeg or not ffprobe:
        raise SystemExit("the benchmark needs ffmpeg and ffprobe")
    media = FFmpegMedia(ffmpeg, ffprobe)
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "audio.mp3"
        children, own, began = _cpu(resource.RUSAGE_CHILDREN), time.process_time(), time.monotonic()
        heard = media.extract(clip, target, "mp3", no_progress)
        wall_s, cpu_s = time.monotonic() - began, _cpu(resource.RUSAGE_CHILDREN) - children
        sound = target.read_bytes()
        listen(Audio(target, len(sound), hashlib.sha256(sound).hexdigest(), heard.duration_s))
        hashlib.sha256(clip.read_bytes()).hexdigest()
    return Audio90(wall_s, cpu_s, time.process_time() - own)


def _cpu(who: int) -> float:
    used = resource.getrusage(who)
    return used.ru_utime + used.ru_stime
