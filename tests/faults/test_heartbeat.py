"""A dead-man's switch is told how every night begins and ends, and never costs a night anything."""

import json
import os
import shutil
import signal
import socket
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

import pytest

from meeting_pipeline import exit_codes
from meeting_pipeline.adapters.http.heartbeat import address_of
from meeting_pipeline.cli.heartbeat import begin
from meeting_pipeline.domain.enums import Beat
from tests.faults.test_alerts import closed_port, refuses, sends_for_ever, written
from tests.faults.test_signals import nobody_answers
from tests.support.command import meeting
from tests.support.processes import Starter
from tests.support.recording_folder import bury
from tests.support.webhook import HEARTBEAT_TOKEN, Webhook, webhook

BEGINS, ENDS, FAILS = f"{HEARTBEAT_TOKEN}/start", HEARTBEAT_TOKEN, f"{HEARTBEAT_TOKEN}/fail"


@pytest.fixture
def switch() -> Iterator[Webhook]:
    with webhook() as one:
        yield one


@pytest.fixture
def folder(tmp_path: Path, switch: Webhook) -> dict[str, str]:
    """The settings of an installation with an empty folder of recordings, and a switch."""
    (tmp_path / "recordings").mkdir()
    return {
        "MEETING_SOURCE": "folder",
        "MEETING_FOLDER": str(tmp_path / "recordings"),
        "DATA_DIR": str(tmp_path / "data"),
        "HEARTBEAT_URL": switch.heartbeat,
        "SETTLE_S": "0",
    }


def beats(switch: Webhook) -> list[str]:
    return [path for path, _ in switch.beats]


def broken_recording(folder: dict[str, str], title: str) -> None:
    (Path(folder["MEETING_FOLDER"]) / f"{title}.mp4").write_text("this is not a film", "utf-8")


# ── what it is told ──────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("command", ["cron", "run"])
def test_a_night_tells_its_start_and_its_end_with_the_numbers(
    folder: dict[str, str], switch: Webhook, command: str
) -> None:
    assert meeting(command, env=folder).code == exit_codes.OK

    assert beats(switch) == [BEGINS, ENDS]
    assert "退出码 exit code 0" in switch.beats[1][1]
    assert "列出 listed 0 = 新 new 0 + 已知 known 0" in switch.beats[1][1]


@pytest.mark.parametrize("command", ["cron", "run"])
def test_a_night_with_a_failed_recording_tells_a_failure_and_no_names(
    folder: dict[str, str], switch: Webhook, command: str
) -> None:
    broken_recording(folder, "2026-01-05 李雷的课")

    window = ["--since", "2020-01-01"] if command == "run" else []
    assert meeting(command, *window, env=folder).code == exit_codes.RECORDS_FAILED

    assert beats(switch) == [BEGINS, FAILS]
    assert "失败 failed 1" in switch.beats[1][1]
    assert "李雷" not in switch.beats[1][1]


@pytest.mark.parametrize(
    "changes",
    [
        {"JOBS": "many"},
        {"ALLOW_PRIVATE_HOSTS": "1"},
        {"DB_HOST": "127.0.0.1", "DB_PORT": closed_port(), "DB_USER": "me", "DB_NAME": "meeting"},
        {"MEETING_FOLDER": "/no/such/folder"},
    ],
)
def test_a_night_that_cannot_start_tells_a_failure(
    folder: dict[str, str], switch: Webhook, changes: dict[str, str]
) -> None:
    assert meeting("cron", env={**folder, **changes}).code != exit_codes.OK

    assert beats(switch)[-1] == FAILS
    assert "原因 reason: " in switch.beats[-1][1]


def test_the_switch_is_read_from_an_env_file_that_starts_no_night(
    folder: dict[str, str], switch: Webhook, tmp_path: Path
) -> None:
    written(tmp_path / ".env", folder)
    (tmp_path / ".env").chmod(0o644)

    assert meeting("cron", cwd=tmp_path).code == exit_codes.CONFIG
    assert beats(switch) == [FAILS]


def test_a_night_that_a_signal_ends_tells_a_failure(
    folder: dict[str, str], switch: Webhook, starter: Starter
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as database:  # it takes the call, and says nothing
        port = str(database.getsockname()[1])
        away = {"DB_HOST": "127.0.0.1", "DB_PORT": port, "DB_USER": "me", "DB_NAME": "meeting"}
        run = starter.start(["cron"], {**folder, **away})
        connection, _ = database.accept()
        with connection:
            run.send(signal.SIGTERM)
            assert run.wait() == exit_codes.TERMINATED
    assert beats(switch) == [BEGINS, FAILS]
    assert "terminated" in switch.beats[1][1]


@pytest.mark.parametrize("command", [["cron"], ["run", "--since", "2020-01-01"]])
def test_a_night_that_does_not_end_when_it_is_asked_to_tells_a_failure(
    folder: dict[str, str], switch: Webhook, starter: Starter, command: list[str]
) -> None:
    samples = Path(__file__).parents[2] / "meeting_pipeline" / "samples"
    sample = next(samples.glob("*.m4a"))
    (Path(folder["MEETING_FOLDER"]) / sample.name).write_bytes(sample.read_bytes())
    with nobody_answers() as address:  # a connection that is not made cannot be broken off
        services = {"ASR_BASE_URL": address, "ASR_BACKEND": "openai", "ASR_MODEL": "any"}
        run = starter.start(command, {**folder, **services})
        run.connects_to(urlsplit(address).port or 0)

        run.send(signal.SIGTERM)

        assert run.wait() == exit_codes.TERMINATED
    assert beats(switch) == [BEGINS, FAILS]


@pytest.mark.parametrize(
    "words",
    [
        ("cron", "--help"),
        ("run", "--dry-run"),
        ("run", "--since"),
        ("run-range", "2026-01-01", "2026-01-02"),
        ("status",),
    ],
)
def test_what_is_not_a_night_tells_nothing(
    folder: dict[str, str], switch: Webhook, words: tuple[str, ...]
) -> None:
    meeting(*words, env=folder)
    assert switch.beats == []


def test_the_notice_and_the_switch_are_told_side_by_side(
    folder: dict[str, str], switch: Webhook
) -> None:
    assert meeting("cron", env={**folder, "NOTIFY_URLS": switch.url}).code == exit_codes.OK

    assert beats(switch) == [BEGINS, ENDS]
    assert "全部完成 all done" in switch.only()


def test_a_night_that_cannot_read_a_file_of_its_folder_is_not_all_done(
    folder: dict[str, str], switch: Webhook
) -> None:
    bury(Path(folder["MEETING_FOLDER"]), "b" * 240 + ".mp4")

    ended = meeting("cron", env={**folder, "NOTIFY_URLS": switch.url})
    shutil.rmtree(folder["MEETING_FOLDER"])  # every test ends with a look at all of its files

    assert ended.code == exit_codes.RECORDS_FAILED, ended.err
    assert beats(switch) == [BEGINS, FAILS]
    assert "无法读取 files and folders that cannot be read 1" in switch.only()
    assert "chmod -R u+rX" in switch.only()
    assert "全部完成" not in switch.only()


@pytest.mark.parametrize(
    ("url", "beat", "address"),
    [
        ("https://hc-ping.com/a-b", Beat.START, "https://hc-ping.com/a-b/start"),
        ("https://hc-ping.com/a-b/", Beat.FAIL, "https://hc-ping.com/a-b/fail"),
        ("https://hc-ping.com/a-b", Beat.END, "https://hc-ping.com/a-b"),
        ("https://watch.example/p?key=1", Beat.FAIL, "https://watch.example/p/fail?key=1"),
        ("https://watch.example/p?key=1", Beat.END, "https://watch.example/p?key=1"),
    ],
)
def test_the_path_of_the_address_says_what_has_happened(url: str, beat: Beat, address: str) -> None:
    assert address_of(url, beat) == address


# ── a switch that cannot be told ─────────────────────────────────────────────────────────────────


def not_found(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    handler.wfile.write(b"OK (not found)")


def redirects(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(302)
    handler.send_header("Location", "http://127.0.0.1:9/elsewhere")
    handler.end_headers()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (refuses, "HTTP 403"),
        (redirects, "不跟随重定向"),
        (not_found, "服务不认识这个地址"),
        (sends_for_ever, "no answer in time"),
    ],
)
def test_a_switch_that_does_not_take_it_costs_a_log_line_without_its_address(
    folder: dict[str, str], answer: object, said: str
) -> None:
    with webhook(answer) as bad:  # type: ignore[arg-type]
        changes = {"HEARTBEAT_URL": bad.heartbeat, "LOG_LEVEL": "DEBUG"}
        ended = meeting("cron", env={**folder, **changes})

    assert ended.code == exit_codes.OK, ended.err
    assert said in ended.err
    assert "运行不受影响" in ended.err
    written_files = [path for path in Path(folder["DATA_DIR"]).rglob("*") if path.is_file()]
    assert HEARTBEAT_TOKEN not in ended.out + ended.err
    assert all(HEARTBEAT_TOKEN.encode() not in path.read_bytes() for path in written_files)
    assert bad.beats


def test_a_start_that_was_given_up_is_not_told_after_the_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    release = Event()

    def answers_late(handler: BaseHTTPRequestHandler) -> None:
        release.wait(60)

    with webhook(answers_late) as late:
        telling = begin(late.heartbeat, Beat.START)
        assert telling
        assert late.came.wait(30)
        telling.wait_until(0.0)
        telling.join(60)
        release.set()
        assert not telling.is_alive()
        assert len(late.beats) == 1, "it was not tried again"
    assert "没有及时应答 no answer in time" in caplog.text


def test_a_switch_that_is_away_costs_a_log_line(folder: dict[str, str]) -> None:
    away = f"http://127.0.0.1:{closed_port()}/ping/{HEARTBEAT_TOKEN}"
    ended = meeting("cron", env={**folder, "HEARTBEAT_URL": away})

    assert ended.code == exit_codes.OK
    assert "connection refused" in ended.err
    assert HEARTBEAT_TOKEN not in ended.out + ended.err


def test_an_address_that_cannot_be_read_is_refused_and_not_shown(folder: dict[str, str]) -> None:
    ended = meeting("cron", env={**folder, "HEARTBEAT_URL": f"hc-ping.com/{HEARTBEAT_TOKEN}"})

    assert ended.code == exit_codes.CONFIG
    assert "HEARTBEAT_URL" in ended.err
    assert HEARTBEAT_TOKEN not in ended.out + ended.err


def test_the_address_is_a_secret_in_config_show(folder: dict[str, str]) -> None:
    shown = meeting("config", "show", "--json", env={**os.environ, **folder})
    (line,) = [one for one in json.loads(shown.out)["settings"] if one["name"] == "HEARTBEAT_URL"]
    assert line["value"] == "********"
