"""The night scenario holds what it promises, and the sandbox can be started by hand."""

import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from meeting_pipeline import exit_codes
from meeting_pipeline.sandbox.limits import ROOMY
from meeting_pipeline.sandbox.samples import sample_files
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.night_company import night
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


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 0), (signal.SIGTERM, exit_codes.TERMINATED)]
)
def test_the_settings_are_printed_and_a_signal_ends_it_with_a_report(
    number: signal.Signals, code: int
) -> None:
    assert ended_by([number]) == code


def test_in_the_background_ctrl_c_is_for_others_and_sigterm_ends_it() -> None:
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell has it for `command &`
    try:
        assert ended_by([signal.SIGINT, signal.SIGTERM]) == exit_codes.TERMINATED
    finally:
        signal.signal(signal.SIGINT, before)


def ended_by(signals: Sequence[signal.Signals]) -> int:
    """The exit code of a sandbox that is sent these when it has begun to print its settings."""
    command = [sys.executable, "-m", "meeting_pipeline", "sandbox", "--scope", "user"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout and process.stderr
        assert process.stdout.readline() == "MEETING_SOURCE='tencent'\n"
        for number in signals:
            process.send_signal(number)
        settings, report = process.stdout.read(), process.stderr.read()
    assert "TQM_OPERATOR_ID='[" in settings
    assert '"violations": {}' in report
    return process.returncode
