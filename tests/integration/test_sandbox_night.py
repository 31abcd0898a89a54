"""The night scenario holds what it promises, and the sandbox can be started by hand."""

import signal
import subprocess
import sys
from pathlib import Path

from meeting_pipeline.sandbox.limits import ROOMY
from meeting_pipeline.sandbox.night import night
from meeting_pipeline.sandbox.samples import sample_files
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.sandbox_client import Clock, SandboxClient

DAY = 86_400


def listed(client: SandboxClient, clock: Clock) -> dict[str, dict[str, object]]:
    """Every finished file of 75 days by the company list."""
    found: dict[str, dict[str, object]] = {}
    for window in range(3):
        end = int(clock()) - window * 25 * DAY
        for page in (1, 2):
            span = {"start_time": end - 25 * DAY, "end_time": end, "page": page}
            rows = client.get(client.corp_records(**span)).json()["record_meetings"]
            for row in rows:
                found |= {file["record_file_id"]: row for file in row.get("record_files", [])}
    return found


def test_a_night_has_sixty_files_of_which_some_come_late_and_some_never(tmp_path: Path) -> None:
    clock = Clock()
    made = night(tmp_path, clock())
    groups = (made.whole, made.arriving, made.late, made.closed, made.deleted)
    assert len(frozenset.union(*groups)) == 60
    assert sum(map(len, groups)) == 60
    assert any(int(one) > 2**63 for one in made.whole)
    with Sandbox(made.company, limits=ROOMY, now=clock) as sandbox:
        client = SandboxClient(sandbox, clock)
        listed(client, clock)
        tonight = listed(client, clock)
        assert set(tonight) == made.whole | made.arriving | made.closed
        link = client.media_link(str(tonight[min(made.whole)]["meeting_record_id"]))
        assert client.fetch(link).status_code == 200
        clock.at = made.late_after
        assert set(listed(client, clock)) == set(tonight) | made.late
        assert not sandbox.ledger.violations


def test_the_packaged_samples_are_a_company() -> None:
    clock = Clock()
    with Sandbox(now=clock) as sandbox:
        client = SandboxClient(sandbox, clock)
        page = client.get(client.corp_records()).json()
        assert page["total_count"] == len(sample_files())
        oldest = page["record_meetings"][-1]["meeting_record_id"]
        file = client.get(client.addresses(oldest)).json()["record_files"][0]
        native = client.fetch(file["meeting_summary"][0]["download_address"]).content.decode()
        assert native.startswith("李老师(00:00:00): ")


def test_the_settings_are_printed_and_ctrl_c_ends_it() -> None:
    command = [sys.executable, "-m", "meeting_pipeline.sandbox", "--scope", "user"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stderr
        assert process.stdout.readline() == "MEETING_SOURCE='tencent'\n"
        process.send_signal(signal.SIGINT)
        settings, report = process.stdout.read(), process.stderr.read()
    assert "TQM_OPERATOR_ID='[" in settings
    assert '"violations": {}' in report
    assert process.returncode == 0
