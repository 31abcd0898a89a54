"""B3.7: more sound than a day has, in a file that does not say so."""

import shutil
import subprocess
from pathlib import Path

import pytest

from meeting_pipeline.adapters.media.ffmpeg import FFmpegMedia
from meeting_pipeline.adapters.media.pyav import PyAVMedia
from meeting_pipeline.errors import RecordError
from meeting_pipeline.ports import MediaTool, no_progress
from tests.support.fault_table import ALL
from tests.support.museum import claim_samples

DAY_S = 24 * 3600

pytestmark = [
    pytest.mark.timeout(900),
    pytest.mark.skipif(not ALL, reason="a day of silence takes a minute: `make faults`"),
]


@pytest.fixture(scope="module")
def ffmpeg() -> str:
    found = shutil.which("ffmpeg")
    if not found:
        pytest.fail("ffmpeg is needed for this test: apt-get install ffmpeg")
    return found


@pytest.fixture(params=["pyav", "ffmpeg"])
def tool(ffmpeg: str, request: pytest.FixtureRequest) -> MediaTool:
    """Both, for it is the sound itself that is counted."""
    return PyAVMedia() if request.param == "pyav" else FFmpegMedia(ffmpeg, PyAVMedia().probe)


@pytest.fixture(scope="module")
def a_day_and_more(ffmpeg: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    media = tmp_path_factory.mktemp("day") / "day.flac"
    silence = f"anullsrc=r=8000:cl=mono -t {DAY_S + 600} -c:a flac -compression_level 0"
    command = f"{ffmpeg} -v error -f lavfi -i {silence} {media}"
    subprocess.run(command.split(), check=True)
    claim_samples(media, 0)
    return media


def test_security_07_more_than_a_day_of_sound_is_given_up(
    tool: MediaTool, a_day_and_more: Path, tmp_path: Path
) -> None:
    with pytest.raises(RecordError) as refused:
        tool.extract(a_day_and_more, tmp_path / "out", "flac", no_progress)
    assert refused.value.code == "longer_than_a_day"
