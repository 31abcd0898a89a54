"""Twelve canaries through a night with faults: none is seen where it does not belong."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from meeting_pipeline.adapters.db.schema import metadata
from meeting_pipeline.adapters.downloads.aria2 import LARGE_BYTES
from meeting_pipeline.sandbox.faults import Fault, Kind
from meeting_pipeline.sandbox.server import Sandbox
from meeting_pipeline.sandbox.transcription import burst_text
from tests.support import canaries
from tests.support.mariadb import MariaDb
from tests.support.processes import Starter, command_line, family
from tests.support.sandbox_installation import Office
from tests.support.scripted_server import ScriptedServer, reply
from tests.support.short_recordings import BURST_S, BY_FFMPEG, large, lesson, record_id, tone
from tests.support.system_programs import require_program

REDIRECTED = "canary-redirect-7312"
TOLD, NOT_TOLD = "canarytold7313", "canarynottold7314"
NEVER_IN_A_COMMAND = ("rpc-secret", "passwd", "token=", "Bearer")


@dataclass
class Traces:
    """Everything that a run left or showed, by where it was seen."""

    seen: dict[str, str] = field(default_factory=dict)
    commands: set[str] = field(default_factory=set)

    def watch(self, process: "subprocess.Popen[bytes]") -> int:
        """Read the command lines of the process and all its children until it ends."""
        while process.poll() is None:
            self.commands |= {command_line(pid) for pid in (process.pid, *family(process.pid))}
            try:
                process.wait(0.01)
            except subprocess.TimeoutExpired:
                continue
        self.seen["command lines"] = "\n".join(self.commands)
        return process.returncode

    def files(self, *folders: Path) -> None:
        """Every file below these folders."""
        for folder in folders:
            for path in folder.rglob("*"):
                if path.is_file() and not path.is_symlink():
                    self.seen[str(path)] = path.read_bytes().decode("utf-8", "replace")

    def rows(self, server: MariaDb) -> None:
        """Every row of every table."""
        for table in metadata.sorted_tables:
            self.seen[f"table {table.name}"] = str(
                server.execute(f"SELECT * FROM meeting.`{table.name}`")
            )

    def hits(self, secrets: Mapping[str, str]) -> list[str]:
        """Which canary was seen where."""
        return [
            f"{name} in {where}"
            for where, text in self.seen.items()
            for name, canary in secrets.items()
            if canary in text
        ]


@pytest.fixture
def with_password(served: Office) -> Office:
    """The installation, with its rows on a server that wants a password, and work for aria2."""
    changes = {"DOWNLOADER": "aria2", "DOWNLOAD_CONNECTIONS": "1"}
    return replace(served, changes={**served.changes, **changes})


def secrets_of(sandbox: Sandbox) -> dict[str, str]:
    """All that nobody may see, by name."""
    links = list(sandbox.media._links)
    return {
        **canaries.VALUES,
        "redirect": REDIRECTED,
        **{f"media link {number}": token for number, token in enumerate(links)},
    }


def slow_ffmpeg(folder: Path) -> str:
    """A PATH on which ffmpeg is slow enough to be looked at."""
    folder.mkdir()
    script = folder / "ffmpeg"
    real = require_program("ffmpeg", "ffmpeg")
    script.write_text(f'#!/bin/sh\nsleep 0.2\nexec {real} "$@"\n')
    script.chmod(0o700)
    return f"{folder}:{os.environ['PATH']}"


def test_security_05_no_secret_is_seen_in_a_night_with_faults(
    with_password: Office, sandbox: Sandbox, mariadb: MariaDb, tmp_path: Path, sounds: Path
) -> None:
    sandbox.company.add(
        lesson(0, large(tone(sounds), LARGE_BYTES), transcript="王老师(00:00:00): 你好\n"),
        *(lesson(number, tone(sounds, number)) for number in (1, 2)),
    )
    elsewhere = f"http://169.254.169.254/a.m4a?token={REDIRECTED}"
    sandbox.faults.add(
        Fault(Kind.FORBIDDEN, "media", record_id(2), calls=(1,)),
        Fault(Kind.REDIRECT, "media", record_id(1), text=elsewhere),
        Fault(Kind.THROTTLE, "media", record_id(0), amount=4 << 20),
    )
    home = tmp_path / "home"
    (home / "tmp").mkdir(parents=True)
    env_file = home / ".env"
    settings = with_password.environment | BY_FFMPEG
    lines = [f"{name}='{value}'" for name, value in settings.items()]
    env_file.write_text("\n".join(lines), "utf-8")
    env_file.chmod(0o600)
    process = subprocess.Popen(
        [sys.executable, "-m", "meeting_pipeline", "run", "--since", "7d", "--json", "--debug"],
        env={
            "PATH": slow_ffmpeg(tmp_path / "bin"),
            "PYTHONPATH": os.pathsep.join(sys.path),
            "TMPDIR": str(home / "tmp"),
            "LOG_LEVEL": "DEBUG",
        },
        cwd=home,
        stdout=(tmp_path / "out").open("wb"),
        stderr=(tmp_path / "err").open("wb"),
    )
    traces = Traces()

    code = traces.watch(process)

    traces.files(home, with_password.folder)
    traces.rows(mariadb)
    traces.seen["standard output"] = (tmp_path / "out").read_text("utf-8")
    traces.seen["standard error"] = (tmp_path / "err").read_text("utf-8")
    assert code == 4, traces.seen["standard error"]
    for program in ("aria2c", "ffmpeg", "meeting_pipeline"):
        assert program in traces.seen["command lines"]
    hits = traces.hits(secrets_of(sandbox))
    assert len([hit for hit in hits if hit.endswith(".env")]) >= 6, "whoever looks finds them"
    assert [hit for hit in hits if not hit.endswith(".env")] == []
    assert not [word for word in NEVER_IN_A_COMMAND if word in traces.seen["command lines"]]
    spoken = burst_text(0, 0, BURST_S).partition("：")[0]
    texts = {where for where in traces.seen if spoken in traces.seen[where]}
    assert any(one.startswith("table") for one in texts), "it is where it belongs"
    assert not [one for one in texts if "standard" in one or ".log" in one or "command" in one]


def test_security_05_a_service_that_quotes_our_key_spreads_it_nowhere(
    office: Office, sandbox: Sandbox, starter: Starter
) -> None:
    key = sandbox.keys.chat
    body = f'{{"error": {{"message": "Incorrect API key provided: {key}"}}}}'
    traces = Traces()
    with ScriptedServer(reply(400, body.encode())) as server:
        settings = {**office.environment, "KIMI_BASE_URL": server.url}
        run = starter.start(["run", "--since", "7d", "--json"], settings)
        run.wait()
    traces.files(office.folder, run.out.parent)
    assert server.heads, "it was asked"
    assert run.report["done"] == 0
    assert traces.hits({"key": key}) == []


def test_security_05_the_tokens_of_notification_addresses_stay_with_us(
    starter: Starter, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    with ScriptedServer(reply(200, b"")) as server:
        place = server.url.removeprefix("http://")
        told, not_told = f"json://{place}/{TOLD}", f"json://127.0.0.1:9/{NOT_TOLD}?format=text"
        settings = {"NOTIFY_URLS": f"{told},{not_told},nosuch://{NOT_TOLD}", "LOG_LEVEL": "DEBUG"}
        folder = {"MEETING_SOURCE": "folder", "MEETING_FOLDER": str(tmp_path)}
        run = starter.start(["cron"], {**settings, **folder, "DATA_DIR": str(data)})
        assert run.wait() == 0
    traces = Traces()
    traces.files(data, run.out.parent)
    assert "did not reach every address in NOTIFY_URLS" in traces.seen[str(run.err)]
    assert traces.hits({"told": TOLD, "not told": NOT_TOLD}) == []
