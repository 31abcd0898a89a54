"""The sound of files that clients leave beside each other, encoded in other ways."""

import subprocess
from itertools import pairwise
from pathlib import Path

import pytest

from meeting_pipeline.adapters.media.sound_print import sound_print
from meeting_pipeline.adapters.media.worker_process import WorkerProcessMedia
from meeting_pipeline.domain.sound_print import sounds_alike
from meeting_pipeline.errors import RecordError, SkipRecord
from tests.support.generated_media import Take, record
from tests.support.media_tools import apart
from tests.support.system_programs import require_program

__all__ = ["apart"]

SAMPLES = Path(__file__).parents[2] / "meeting_pipeline/samples"
LESSONS = sorted(SAMPLES.glob("TM-*.m4a"))
ENCODINGS = {
    "low.m4a": ["-c:a", "aac", "-b:a", "24k"],
    "stereo.mp4": ["-c:a", "aac", "-b:a", "128k", "-ac", "2"],
    "mobile.mkv": ["-c:a", "libopus", "-b:a", "16k"],
    "quieter.mp3": ["-af", "volume=-10dB", "-b:a", "32k"],
    "later.flac": ["-af", "adelay=700"],
}


def encoded(source: Path, target: Path, arguments: list[str]) -> Path:
    ffmpeg = require_program("ffmpeg", "ffmpeg")
    command = [str(ffmpeg), "-loglevel", "error", "-i", str(source), "-t", "40", *arguments]
    subprocess.run([*command, str(target)], check=True)
    return target


@pytest.mark.parametrize("name", ENCODINGS)
def test_a_lesson_that_is_encoded_again_is_alike_and_another_lesson_is_not(
    name: str, tmp_path: Path, apart: WorkerProcessMedia
) -> None:
    prints = [sound_print(lesson) for lesson in LESSONS]
    again = apart.sound_print(encoded(LESSONS[0], tmp_path / name, ENCODINGS[name]))
    alike = [sounds_alike(one, again) for one in prints]
    assert alike == [True] + [False] * (len(LESSONS) - 1)


def test_the_samples_are_lessons_with_other_sound() -> None:
    prints = [sound_print(lesson) for lesson in LESSONS]
    assert not any(sounds_alike(one, other) for one, other in pairwise(prints))


def test_what_has_no_sound_or_is_not_media_is_refused(tmp_path: Path) -> None:
    mute = record(tmp_path / "mute.mp4", Take(tracks=0, video_s=2.0))
    with pytest.raises(SkipRecord):
        sound_print(mute)
    text = tmp_path / "课.m4a"
    text.write_text("讲义")
    with pytest.raises(RecordError):
        sound_print(text)
