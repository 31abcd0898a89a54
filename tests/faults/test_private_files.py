"""B3.5 and B3.6: keys, data and temporary files are for their owner alone."""

import os
from dataclasses import replace
from pathlib import Path

import pytest

from meeting_pipeline.domain.model import RecordKey
from meeting_pipeline.settings.env_file import env_file_risk
from meeting_pipeline.storage.files import RecordFolder
from tests.support.processes import Starter
from tests.support.sandbox_installation import Office
from tests.support.short_recordings import record_id

CONFIG = 3


@pytest.fixture
def env_file(tmp_path: Path) -> Path:
    file = tmp_path / ".env"
    file.write_text("KIMI_API_KEY=sk-canary\n", "utf-8")
    return file


@pytest.mark.parametrize(
    "command", [["run"], ["cron"], ["status"], ["config", "show"], ["db", "status"]]
)
def test_security_05_no_command_reads_an_env_file_that_others_can_read(
    starter: Starter, env_file: Path, command: list[str]
) -> None:
    env_file.chmod(0o640)
    ended = starter.start(command, {})
    assert ended.wait() == CONFIG
    said = ended.err.read_text("utf-8")
    assert "mode 640" in said
    assert said.endswith("→ chmod 600 .env\n")


def test_security_05_the_doctor_reads_it_and_says_what_is_wrong(
    starter: Starter, env_file: Path
) -> None:
    env_file.chmod(0o604)
    ended = starter.start(["doctor", "--json"], {})
    assert ended.wait() == CONFIG
    [check] = [one for one in ended.report["checks"] if one["code"] == "env_file"]
    assert check["ok"] is False
    assert "mode 604" in check["message"]
    assert "chmod 600 .env" in check["hint"]


def test_security_05_an_env_file_of_somebody_else_is_a_risk_and_our_own_is_none(
    env_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    env_file.chmod(0o600)
    assert env_file_risk(env_file) is None
    assert env_file_risk(env_file.with_name("no.env")) is None
    assert env_file_risk(Path(os.devnull)) is None
    if os.geteuid() == 0:
        os.chown(env_file, 65_534, -1)
    else:
        monkeypatch.setattr(os, "geteuid", lambda: 65_534)
    assert "another user" in str(env_file_risk(env_file))


def test_security_06_a_data_folder_that_everybody_may_write_to_is_refused(
    office: Office, starter: Starter
) -> None:
    office.folder.mkdir()
    office.folder.chmod(0o777)
    for command in (["run", "--since", "7d"], ["status"]):
        ended = starter.start(command, office.environment)
        assert ended.wait() == CONFIG
        assert f"chmod 700 {office.folder}" in ended.err.read_text("utf-8")


def test_security_06_all_that_a_run_makes_is_for_its_owner_alone(
    office: Office, starter: Starter
) -> None:
    before = os.umask(0)
    try:
        run = starter.start(["run", "--since", "7d"], office.environment)
    finally:
        os.umask(before)
    assert run.wait() == 0
    made = [office.folder, *office.folder.rglob("*")]
    assert len(made) > 10
    assert [path for path in made if path.lstat().st_mode & 0o077] == []


@pytest.mark.parametrize("downloader", ["http", "aria2"])
def test_security_06_a_link_planted_at_the_name_of_a_download_is_not_followed(
    office: Office, tmp_path: Path, downloader: str
) -> None:
    victim = tmp_path / "victim"
    victim.write_text("untouched")
    folder = RecordFolder(office.folder / "recordings", RecordKey("tencent", record_id(0)))
    for name in ("recording.m4a", "audio.m4a", "audio.mp3", "transcript.json", "summary.md"):
        folder.part(name).symlink_to(victim)

    assert (
        replace(office, changes={**office.changes, "DOWNLOADER": downloader}).night().exit_code == 0
    )

    assert victim.read_text() == "untouched"
    assert not [path for path in folder.path.iterdir() if path.is_symlink()]
