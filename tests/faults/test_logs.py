"""Row 84: whatever becomes of log and streams, the run does its work and keeps its exit code."""

import json
import os
import shlex
import signal
import subprocess
import sys

from meeting_pipeline.domain.stages import RecordStatus
from meeting_pipeline.sandbox.faults import Fault, Kind
from meeting_pipeline.sandbox.server import Sandbox
from tests.faults.test_signals import Reached
from tests.support.processes import Starter
from tests.support.sandbox_installation import Office

RUN = ["run", "--since", "7d", "--json"]
FAILED = 4
STAGES = ["download", "extract", "transcribe", "summarize", "store"]


def shell(office: Office, line: str, **changes: str) -> subprocess.CompletedProcess[str]:
    """A line of sh, in which $RUN is `meeting run`, with nothing but our settings around it."""
    run = shlex.join([sys.executable, "-m", "meeting_pipeline", *RUN])
    settings = {**office.environment, "PYTHONPATH": os.pathsep.join(sys.path), **changes}
    command = ["/bin/bash", "-c", line.replace("$RUN", run)]
    return subprocess.run(
        command, env=settings, capture_output=True, text=True, check=False, timeout=120
    )


def lines(office: Office) -> list[str]:
    return (office.folder / "logs" / "record_worker.log").read_text("utf-8").splitlines()


def test_row_84_without_home_path_or_locale_everything_is_utf_8(office: Office) -> None:
    ended = shell(office, "$RUN", LC_ALL="C", PYTHONIOENCODING="ascii")
    assert ended.returncode == 0, ended.stderr
    assert "🚀" in json.loads(ended.stdout)["records"][0]["subject"]
    assert "简历优化" in ended.stdout


def test_row_84_with_closed_streams_the_work_is_done_and_no_file_takes_their_place(
    office: Office,
) -> None:
    ended = shell(office, "$RUN <&- >&- 2>&-")
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "", "")
    assert office.only().status is RecordStatus.DONE
    assert lines(office)[-1].endswith("exit code 0")


def test_row_84_a_reader_who_has_gone_changes_no_exit_code(
    office: Office, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault(Kind.HTML_200, "media"))
    ended = shell(office, "{ $RUN 2>&1; echo $? >&3; } 3>&2 | true")
    assert ended.stderr == f"{FAILED}\n", "no traceback, and the code of the run"


def test_row_84_a_full_disk_under_the_log_harms_no_run(office: Office, starter: Starter) -> None:
    logs = office.folder / "logs"
    logs.mkdir(parents=True)
    (logs / "record_worker.log").symlink_to("/dev/full")
    run = starter.start(RUN, office.environment)
    assert run.wait() == 0
    assert run.report["done"] == 1


def test_row_84_a_log_that_is_rotated_under_a_run_has_the_rest_in_the_new_file(
    office: Office, sandbox: Sandbox, starter: Starter
) -> None:
    reached = Reached()
    sandbox.faults.add(Fault(Kind.STALL, "chat", calls=reached, amount=600))
    run = starter.start(RUN, office.environment)
    reached.wait()
    file = office.folder / "logs" / "record_worker.log"
    old = file.rename(file.with_suffix(".log.1"))

    run.send(signal.SIGTERM)

    assert run.wait() == 143
    assert "transcribe done" in old.read_text("utf-8")
    assert "exit code 143" not in old.read_text("utf-8")
    assert lines(office)[-1].endswith("exit code 143")


def test_every_line_can_be_an_object_with_ids_counts_and_durations(
    office: Office, starter: Starter
) -> None:
    run = starter.start(RUN, {**office.environment, "LOG_FORMAT": "json"})
    assert run.wait() == 0

    entries = [json.loads(line) for line in lines(office)]
    assert all({"time", "level", "event", "message"} <= entry.keys() for entry in entries)
    finished = [entry for entry in entries if entry["event"] == "stage_finished"]
    assert [entry["stage"] for entry in finished] == STAGES
    record_id = run.report["records"][0]["record_id"]
    for entry in finished:
        assert entry["record"] == f"tencent:{record_id}"
        assert (entry["run_id"], entry["recording_id"]) == (1, 1)
        assert entry["seconds"] >= 0
    [end] = [entry for entry in entries if entry["event"] == "run_finished"]
    assert end["counts"]["due"] == end["counts"]["done"] == 1
    assert all(json.loads(line) for line in run.err.read_text("utf-8").splitlines())
