"""The media tools that every recording is given to, and what they make of it."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

import pytest

from meeting_pipeline.adapters.media.ffmpeg import FFmpegMedia
from meeting_pipeline.adapters.media.pyav import PyAVMedia
from meeting_pipeline.adapters.media.worker_process import WorkerProcessMedia
from meeting_pipeline.adapters.processes.decoders import Decoders
from meeting_pipeline.domain import media_checks
from meeting_pipeline.domain.levels import FRAME_S
from meeting_pipeline.ports.media import ExtractedAudio, MediaTool
from meeting_pipeline.ports.progress import no_progress
from tests.support.system_programs import require_program

_SOUND_DB = -40.0  # lossy codecs blur the pauses between words


@pytest.fixture(scope="module")
def apart() -> Iterator[WorkerProcessMedia]:
    decoders = Decoders(1)
    yield WorkerProcessMedia(decoders)
    decoders.close()


@pytest.fixture(
    params=[
        "pyav",
        pytest.param("apart", marks=pytest.mark.slow),
        pytest.param("ffmpeg", marks=pytest.mark.slow),
    ]
)
def tool(request: pytest.FixtureRequest, apart: WorkerProcessMedia) -> MediaTool:
    tools: dict[str, MediaTool] = {
        "pyav": PyAVMedia(),
        "apart": apart,
        "ffmpeg": FFmpegMedia(require_program("ffmpeg", "ffmpeg"), PyAVMedia()),
    }
    return tools[request.param]


def examine(
    tool: MediaTool, media: Path, target: Path, audio_format: str = "flac"
) -> ExtractedAudio:
    """What the stages do with a file."""
    promised_bytes = media.stat().st_size + (media.stem == "wrong_size")
    media_checks.check_media_bytes(media.read_bytes()[:512], media.stat().st_size, promised_bytes)
    info = tool.probe(media)
    audio = tool.extract(media, target, audio_format, no_progress)
    media_checks.check_whole(info.duration_s, audio.duration_s)
    media_checks.check_long_enough(audio.duration_s, 1.0)
    media_checks.check_audible(audio.levels)
    return audio


def sounds(levels: Sequence[float]) -> list[tuple[float, float]]:
    """From when to when there is sound, in seconds."""
    found, at = [], 0
    for is_loud, frames in groupby(level > _SOUND_DB for level in levels):
        begun, at = at, at + len(list(frames))
        if is_loud:
            found.append((begun * FRAME_S, at * FRAME_S))
    return found


def silent_share(audio: ExtractedAudio) -> float:
    """The share of the sound that is quieter than -50 dBFS."""
    return sum(level < -50.0 for level in audio.levels) / len(audio.levels)
