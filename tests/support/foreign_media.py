"""Recordings that others made: people who read aloud, from Debian's packages.

pocketsphinx-testdata    sentences of "Sense and Sensibility" read for LibriVox, as wav
sound-theme-freedesktop  a voice that names a loudspeaker, as ogg

ffmpeg's own program, not our code, puts them into the containers that meetings come in.
"""

import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from tests.support.system_programs import RequirementMissing, require_program

_READ_ALOUD = Path("/usr/share/pocketsphinx/test/data/librivox")
_STEREO = Path("/usr/share/sounds/freedesktop/stereo")
_PICTURES = ("-f", "lavfi", "-i", "testsrc2=size=1280x720:rate=10,noise=alls=70:allf=t")
_PICTURE_CODEC = ("-map", "0:a", "-map", "1:v", "-c:v", "mjpeg", "-q:v", "1", "-shortest")


@dataclass(frozen=True)
class Clip:
    """number: of the sentence. words: some that are said in it."""

    number: str
    words: str

    @property
    def path(self) -> Path:
        return _found(
            _READ_ALOUD / f"sense_and_sensibility_01_austen_64kb-{self.number}.wav",
            "pocketsphinx-testdata",
        )


CLIPS = (
    Clip("0880", "young man"),
    Clip("0930", "amiable himself"),
    Clip("0890", "selfish"),
    Clip("0870", "John Dashwood"),
    Clip("0920", "more respectable"),
)


def voice_in_ogg() -> Path:
    """A file that ffmpeg here never touched, as the wav files of `CLIPS`."""
    return _found(_STEREO / "audio-channel-front-center.oga", "sound-theme-freedesktop")


@cache
def as_sound(clip: Clip, path: Path) -> Path:
    """The clip in the container and codec that its name asks ffmpeg for: m4a, mp3, webm, …"""
    _ffmpeg("-i", str(clip.path), "-ar", "48000", str(path))
    return path


@cache
def as_video(clip: Clip, path: Path) -> Path:
    """The clip with restless pictures, some megabytes a second: a large file for aria2."""
    _ffmpeg("-i", str(clip.path), *_PICTURES, *_PICTURE_CODEC, "-c:a", "aac", str(path))
    return path


def _ffmpeg(*words: str) -> None:
    command = [require_program("ffmpeg", "ffmpeg"), "-nostdin", "-loglevel", "error", "-y", *words]
    subprocess.run(command, check=True, timeout=120)


def _found(path: Path, package: str) -> Path:
    if not path.exists():
        raise RequirementMissing(f"{path} is not there: apt-get install {package}")
    return path
