"""A night that ends with an exit code other than 0 tells NOTIFY_URLS, whatever ended it."""

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit

import apprise
import pytest

from meeting_pipeline import exit_codes
from meeting_pipeline.domain.lock_holder import LockHolder
from meeting_pipeline.runtime.lock_file import run_lock
from tests.faults.test_signals import SAMPLES, SOON_S, nobody_answers
from tests.support.command import meeting
from tests.support.processes import Starter
from tests.support.scripted_server import ScriptedServer
from tests.support.webhook import TOKEN, Webhook, webhook

ROOT = Path(__file__).parents[2]
SECRET = "sk-quoted-by-mistake"


@pytest.fixture
def hook() -> Iterator[Webhook]:
    with webhook() as one:
        yield one


@pytest.fixture
def folder(tmp_path: Path, hook: Webhook) -> dict[str, str]:
    """The settings of an installation with an empty folder of recordings, and one place to tell."""
    (tmp_path / "recordings").mkdir()
    return {
        "MEETING_SOURCE": "folder",
        "MEETING_FOLDER": str(tmp_path / "recordings"),
        "DATA_DIR": str(tmp_path / "data"),
        "NOTIFY_URLS": hook.url,
    }


def written(env_file: Path, settings: Mapping[str, str]) -> None:
    env_file.write_text("".join(f"{name}='{value}'\n" for name, value in settings.items()), "utf-8")
    env_file.chmod(0o600)


def closed_port() -> str:
    """A port that refuses connections."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return str(listener.getsockname()[1])


# ── nights that cannot start ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"JOBS": "many"}, "bad_setting"),
        ({"MEETING_SOURCE": "zoom"}, "MEETING_SOURCE"),
        ({"ALLOW_PRIVATE_HOSTS": "1"}, "private_hosts"),
        ({"MEETING_FOLDER": "/no/such/folder"}, "no_folder"),
        ({"DATA_DIR": "/dev/null/data"}, "data_dir"),
    ],
)
def test_a_setting_that_does_not_work_is_told_with_its_name_and_what_to_do(
    folder: dict[str, str], hook: Webhook, changes: dict[str, str], words: str
) -> None:
    ended = meeting("cron", env={**folder, **changes})

    assert ended.code == exit_codes.CONFIG
    told = hook.only()
    assert words in told
    assert "没有开始 did not start" in told
    assert "meeting doctor" in told
    assert "退出码 exit code 3" in told
    assert socket.gethostname() in told
    assert TOKEN not in ended.out + ended.err


def test_the_script_that_cron_starts_tells_the_same(
    folder: dict[str, str], hook: Webhook, tmp_path: Path
) -> None:
    ended = subprocess.run(
        [sys.executable, str(ROOT / "cron_incremental.py")],
        env={**os.environ, **folder, "JOBS": "many"},
        cwd=tmp_path,
        check=False,
        capture_output=True,
    )

    assert ended.returncode == exit_codes.CONFIG
    assert "bad_setting" in hook.only()


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o666])
def test_an_env_file_that_others_can_open_starts_no_night_and_tells_the_places_named_in_it(
    folder: dict[str, str], hook: Webhook, tmp_path: Path, mode: int
) -> None:
    written(tmp_path / ".env", folder)
    (tmp_path / ".env").chmod(mode)

    ended = meeting("cron", cwd=tmp_path)

    assert ended.code == exit_codes.CONFIG
    assert "env_file_open" in hook.only()
    assert "chmod 600 .env" in hook.only()


def test_an_env_file_in_another_encoding_tells_the_places_named_in_it(
    folder: dict[str, str], hook: Webhook, tmp_path: Path
) -> None:
    written(tmp_path / ".env", folder)
    with (tmp_path / ".env").open("ab") as env_file:
        env_file.write("# 通知地址\n".encode("gb18030"))

    ended = meeting("cron", cwd=tmp_path)

    assert ended.code == exit_codes.CONFIG
    assert "env_file" in hook.only()


def test_a_list_of_places_that_is_no_json_is_told_to_the_places_that_are_in_it(
    folder: dict[str, str], hook: Webhook
) -> None:
    ended = meeting("cron", env={**folder, "NOTIFY_URLS": f'["{hook.url}"'})

    assert ended.code == exit_codes.CONFIG
    assert "NOTIFY_URLS" in hook.only()
    assert TOKEN not in ended.err + hook.only()


def test_a_database_that_is_away_is_told(folder: dict[str, str], hook: Webhook) -> None:
    away = {"DB_HOST": "127.0.0.1", "DB_PORT": closed_port(), "DB_USER": "me", "DB_NAME": "meeting"}

    ended = meeting("cron", env={**folder, **away, "DB_PASS": SECRET})

    assert ended.code == exit_codes.STOPPED_EARLY
    assert "提前结束 stopped early: database_gone" in hook.only()
    assert "数据库不可用" in hook.only()
    assert "检查数据库是否运行" in hook.only()
    assert SECRET not in hook.only()


def test_a_night_that_another_run_keeps_out_is_told_with_who_it_is(
    folder: dict[str, str], hook: Webhook
) -> None:
    data = Path(folder["DATA_DIR"])
    data.mkdir(0o700)
    since = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
    with run_lock(data / "run.lock", LockHolder.here("cron", since)):
        ended = meeting("cron", env=folder)

    assert ended.code == exit_codes.BUSY
    assert "already_running" in hook.only()
    assert str(os.getpid()) in hook.only()


def test_a_command_line_that_cannot_be_read_is_told(folder: dict[str, str], hook: Webhook) -> None:
    ended = meeting("cron", "--max-runtime", "soon", env=folder)

    assert ended.code == exit_codes.USAGE
    assert "meeting cron --help" in hook.only()


def test_a_secret_that_an_error_quotes_is_not_told(folder: dict[str, str], hook: Webhook) -> None:
    """As of someone who pastes the key into the wrong line."""
    changes = {"KIMI_API_KEY": SECRET, "KIMI_BASE_URL": SECRET}

    ended = meeting("cron", env={**folder, **changes})

    assert ended.code == exit_codes.CONFIG
    assert "KIMI_BASE_URL" in hook.only()
    assert SECRET not in hook.only()


# ── nights that end otherwise ────────────────────────────────────────────────────────────────────


def broken(tmp_path: Path) -> str:
    """A PYTHONPATH on which a part of the program is not what it was installed as."""
    (tmp_path / "parts" / "sqlalchemy").mkdir(parents=True)
    bug = f"raise ValueError('{SECRET}')\n"
    (tmp_path / "parts" / "sqlalchemy" / "__init__.py").write_text(bug)
    return os.pathsep.join([str(tmp_path / "parts"), *sys.path])


def test_a_bug_is_told_by_its_kind_and_not_by_its_text(
    folder: dict[str, str], hook: Webhook, tmp_path: Path
) -> None:
    ended = meeting("cron", env={**folder, "PYTHONPATH": broken(tmp_path)})

    assert ended.code == exit_codes.BUG
    assert "Traceback" in ended.err
    assert "程序错误 a bug: ValueError" in hook.only()
    assert SECRET not in hook.only()


def test_a_report_that_cannot_be_written_is_told(
    folder: dict[str, str], hook: Webhook, tmp_path: Path
) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "meeting_pipeline", "cron"],
            env={**os.environ, **folder},
            stdout=full,
            stderr=subprocess.DEVNULL,
            check=False,
        )

    assert ended.returncode == exit_codes.BUG
    assert "standard output" in hook.only()


def test_recordings_that_failed_are_told_once_by_number_reason_and_what_to_do(
    folder: dict[str, str], hook: Webhook
) -> None:
    title = "2026-01-05 李雷的课"
    recording = Path(folder["MEETING_FOLDER"]) / f"{title}.mp4"
    recording.write_text("this is no film", "utf-8")

    ended = meeting("cron", env={**folder, "SETTLE_S": "0"})

    assert ended.code == exit_codes.RECORDS_FAILED, ended.err
    assert "1 条失败 failed" in hook.only()
    assert "待处理 due 1 = 完成 done 0 + 失败 failed 1" in hook.only()
    assert "失败 #1 下载 download not_media: 不是音视频文件 not a media file" in hook.only()
    assert "→ meeting why 1; 在来源处播放该文件" in hook.only()
    assert "处理 next: 以后的夜间任务会自动重试" in hook.only()
    assert socket.gethostname() in hook.only()
    assert "退出码 exit code 4" in hook.only()
    assert "李雷" not in hook.only()


def test_a_night_that_is_all_done_is_told_with_its_numbers(
    folder: dict[str, str], hook: Webhook
) -> None:
    assert meeting("cron", env=folder).code == exit_codes.OK
    assert "全部完成 all done" in hook.only()
    assert "列出 listed 0 = 新 new 0 + 已知 known 0" in hook.only()
    assert "处理 next: 无需处理 nothing" in hook.only()


def test_help_and_other_commands_tell_nothing(folder: dict[str, str], hook: Webhook) -> None:
    assert meeting("cron", "--help", env=folder).code == exit_codes.OK
    assert meeting("run", "--since", "7d", env={**folder, "JOBS": "many"}).code == exit_codes.CONFIG
    assert hook.notices == []


# ── signals ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("number", "code", "reason"),
    [(signal.SIGTERM, 143, "terminated"), (signal.SIGINT, 130, "interrupted")],
)
def test_a_night_that_a_signal_ends_is_told(
    folder: dict[str, str],
    hook: Webhook,
    starter: Starter,
    number: signal.Signals,
    code: int,
    reason: str,
) -> None:
    shutil.copy(next(SAMPLES.glob("*.m4a")), folder["MEETING_FOLDER"])
    with ScriptedServer(stalls) as server:
        address = {"ASR_BASE_URL": f"{server.url}/v1", "KIMI_BASE_URL": f"{server.url}/v1"}
        speech = {"ASR_BACKEND": "openai", "ASR_MODEL": "any", "SETTLE_S": "0"}
        run = starter.start(["cron"], {**folder, **address, **speech})
        run.says("transcribe starts")

        run.send(number)

        assert run.wait() == code, run.err.read_text("utf-8")
    assert f"提前结束 stopped by {reason}" in hook.only()
    assert f"exit code {code}" in hook.only()


def test_a_night_that_does_not_end_when_it_is_asked_to_is_told_before_it_is_ended(
    folder: dict[str, str], hook: Webhook, starter: Starter
) -> None:
    assert apprise.Apprise().add(hook.url)  # here, or the fork spends its last second on loading it
    shutil.copy(next(SAMPLES.glob("*.m4a")), folder["MEETING_FOLDER"])
    with nobody_answers() as address:  # a connection that is not made cannot be broken off
        services = {"ASR_BASE_URL": address, "ASR_BACKEND": "openai", "ASR_MODEL": "any"}
        run = starter.start(["cron"], {**folder, **services, "SETTLE_S": "0"})
        run.connects_to(urlsplit(address).port or 0)

        run.send(signal.SIGTERM)

        assert run.wait() == exit_codes.TERMINATED
    assert "被终止 terminated: terminated" in hook.only()
    assert "did not end in time" in hook.only()


def test_a_signal_before_there_is_a_run_is_told(
    folder: dict[str, str], hook: Webhook, starter: Starter
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as database:  # it takes the call, and says nothing
        port = str(database.getsockname()[1])
        away = {"DB_HOST": "127.0.0.1", "DB_PORT": port, "DB_USER": "me", "DB_NAME": "meeting"}
        run = starter.start(["cron"], {**folder, **away})
        connection, _ = database.accept()
        with connection:
            run.send(signal.SIGTERM)
            assert run.wait(SOON_S) == exit_codes.TERMINATED
    assert "被终止 terminated" in hook.only()


# ── places that cannot be told ───────────────────────────────────────────────────────────────────


def test_a_signal_ends_the_sending_and_leaves_the_exit_code(
    folder: dict[str, str], starter: Starter
) -> None:
    with webhook(sends_for_ever) as hook:
        run = starter.start(["cron"], {**folder, "NOTIFY_URLS": hook.url, "JOBS": "many"})
        assert hook.came.wait(60)
        run.send(signal.SIGTERM)
        assert run.wait(SOON_S) == exit_codes.CONFIG, "the night's own code"


def test_a_place_that_never_ends_its_answer_holds_up_neither_the_others_nor_the_process(
    hook: Webhook,
) -> None:
    script = (
        "import sys\n"
        "from meeting_pipeline.reporting.notice import Notice, send\n"
        "send(sys.argv[1:], Notice('title', 'body'), within_s=3)\n"
    )
    with webhook(sends_for_ever) as endless:
        sent = subprocess.run(
            [sys.executable, "-c", script, endless.url, hook.url],
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
        )
    assert endless.came.is_set()
    assert hook.only() == "title\nbody"
    assert "number 1: 没有及时应答 no answer in time" in sent.stderr
    assert "number 2" not in sent.stderr


def test_places_that_are_unknown_refuse_or_are_away_cost_a_log_line(
    folder: dict[str, str], hook: Webhook
) -> None:
    with webhook(refuses) as closed:
        away = f"json://127.0.0.1:{closed_port()}/{TOKEN}"
        urls = f"nosuch://{TOKEN},{closed.url},{away},{hook.url}"
        ended = meeting("cron", env={**folder, "NOTIFY_URLS": urls})

    assert ended.code == exit_codes.OK
    assert "全部完成" in hook.only()
    (line,) = [line for line in ended.err.splitlines() if "NOTIFY_URLS" in line]
    assert "第 1 个 number 1: 无法识别这种地址" in line
    assert "第 2 个 number 2: 被拒绝 refused: HTTP 403" in line
    assert "第 3 个 number 3: 无法连接 no connection" in line
    assert TOKEN not in ended.err


def stalls(connection: socket.socket) -> None:
    """Take a request, and answer nothing until the caller has gone."""
    while connection.recv(1 << 16):
        continue


def sends_for_ever(handler: BaseHTTPRequestHandler) -> None:
    """Begin an answer that has no end, a byte now and then: no wait for bytes is ever long."""
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" ")
        Event().wait(0.1)


def refuses(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(403)
    handler.end_headers()
