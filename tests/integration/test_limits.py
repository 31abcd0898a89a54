"""Limits of the operator that are lower than ours are kept to, and named."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from meeting_pipeline.adapters.media import pyav

LIMITED = """
import resource, sys
from pathlib import Path
resource.setrlimit(getattr(resource, sys.argv[1]), (int(sys.argv[2]), int(sys.argv[2])))
from meeting_pipeline.adapters.media import pyav
from meeting_pipeline.adapters.processes.decoders import Decoders
from meeting_pipeline.errors import MeetingError
decoders = Decoders(1)
try:
    print(decoders.call(pyav.__name__, pyav.probe.__name__, Path(sys.argv[3])).duration_s > 1)
except MeetingError as error:
    print(error.code, error.message, error.hint)
finally:
    decoders.close()
"""

SAMPLES = Path(pyav.__file__).parents[2] / "samples"


def probed(kind: str, limit: int) -> str:
    [media, *_] = sorted(path for path in SAMPLES.iterdir() if path.suffix in (".mp3", ".m4a"))
    command = [sys.executable, "-c", LIMITED, kind, str(limit), str(media)]
    ended = subprocess.run(command, capture_output=True, text=True, check=True)
    return ended.stdout.strip()


@pytest.mark.parametrize(
    ("kind", "limit"), [("RLIMIT_AS", 3 << 30), ("RLIMIT_FSIZE", 1 << 30), ("RLIMIT_CPU", 600)]
)
def test_under_lower_limits_recordings_are_read(kind: str, limit: int) -> None:
    assert probed(kind, limit) == "True"


def test_where_a_limit_leaves_no_room_it_is_named() -> None:
    said = probed("RLIMIT_AS", 160 << 20)
    assert "ulimit -v is 163840 kB of 4194304 kB" in said
    assert "raise the limits" in said


def test_the_doctor_names_limits_that_are_too_low(tmp_path: Path) -> None:
    doctor = f"ulimit -f 4096; exec {sys.executable} -m meeting_pipeline doctor --json"
    ended = subprocess.run(
        ["bash", "-c", doctor],
        capture_output=True,
        text=True,
        check=False,
        env={"DATA_DIR": str(tmp_path), "PATH": "/usr/bin:/bin", "MEETING_FOLDER": str(tmp_path)},
    )
    [check] = [one for one in json.loads(ended.stdout)["checks"] if one["code"] == "limits"]
    assert check["ok"] is False
    assert "ulimit -f" in check["message"]
