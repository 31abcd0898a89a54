"""Limits of the operator that are lower than ours are kept to, and named."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from meeting_pipeline import exit_codes
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


@pytest.mark.parametrize("limits", ["-f 4096", "-f 1000000", "-n 100"])
def test_the_doctor_names_limits_that_are_too_low(limits: str, tmp_path: Path) -> None:
    doctor = f"ulimit {limits}; exec {sys.executable} -m meeting_pipeline doctor --json"
    ended = subprocess.run(
        ["bash", "-c", doctor],
        capture_output=True,
        text=True,
        check=False,
        env={"DATA_DIR": str(tmp_path), "PATH": "/usr/bin:/bin", "MEETING_FOLDER": str(tmp_path)},
    )
    [check] = [one for one in json.loads(ended.stdout)["checks"] if one["code"] == "limits"]
    assert check["ok"] is False
    assert f"ulimit {limits[:2]}" in check["message"]


def run_under(limits: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run over an empty folder under the limits that a shell has set."""
    (folder / "recordings").mkdir()
    return subprocess.run(
        ["bash", "-c", f"ulimit {limits}; exec {sys.executable} -m meeting_pipeline run"],
        capture_output=True,
        text=True,
        check=False,
        env={
            "DATA_DIR": str(folder / "data"),
            "PATH": "/usr/bin:/bin",
            "MEETING_FOLDER": str(folder / "recordings"),
        },
    )


@pytest.mark.parametrize(
    ("limits", "said", "remedy"),
    [
        ("-v 700000", "(ulimit -v) 700000 kB, 至少 needed 1572864 kB", "LimitAS=infinity"),
        ("-S -v 700000", "(ulimit -v) 700000 kB", "ulimit -v unlimited"),
        ("-d 100000", "(ulimit -d) 100000 kB, 至少 needed 524288 kB", "LimitDATA=infinity"),
        ("-f 100", "(ulimit -f) 100 kB, 至少 needed 65536 kB", "LimitFSIZE=infinity"),
        ("-n 20", "(ulimit -n) 20, 至少 needed 128", "ulimit -n 1024 (LimitNOFILE=1024"),
        ("-n 20 -f 100", "(ulimit -n) 20", "LimitFSIZE=infinity"),
    ],
)
def test_a_run_does_not_begin_under_limits_that_leave_it_no_room(
    limits: str, said: str, remedy: str, tmp_path: Path
) -> None:
    ended = run_under(limits, tmp_path)
    assert ended.returncode == exit_codes.CONFIG, ended.stderr
    assert "limits_too_low" in ended.stderr
    assert said in ended.stderr
    assert remedy in ended.stderr
    assert not (tmp_path / "data" / "meeting.db").exists()


def test_a_run_that_may_be_killed_for_its_time_says_so_before(tmp_path: Path) -> None:
    ended = run_under("-t 300", tmp_path)
    assert "the run may be killed: ulimit -t is 300 s of 7200 s" in ended.stderr
    assert ended.returncode == 0, ended.stderr
