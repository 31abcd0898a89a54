"""The doctor against a sandbox: everything is tried for real, and each broken part is named."""

import errno
import json
import os
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from meeting_pipeline.actions import doctor
from meeting_pipeline.adapters.http.rate_limit import RateLimit
from meeting_pipeline.adapters.sources.tencent import examination
from meeting_pipeline.domain.checks import Check
from meeting_pipeline.runtime import limits
from meeting_pipeline.sandbox.company import Company
from meeting_pipeline.sandbox.faults import Fault, Kind
from meeting_pipeline.sandbox.limits import ROOMY
from meeting_pipeline.sandbox.samples import ADMIN
from meeting_pipeline.sandbox.server import Sandbox
from meeting_pipeline.settings import config
from tests.support.command import meeting
from tests.support.crontabs import line_for, path_with_cron
from tests.support.scripted_server import ScriptedServer, reply
from tests.support.webhook import HEARTBEAT_TOKEN, TOKEN, webhook

CLOSED = "http://127.0.0.1:9/v1"
NO_FILE = Path("no.env")
ONLINE = ("tencent_clock", "tencent_list", "tencent_addresses")
OLD_ENV = """\
TQM_SECRET_ID=AKIDcanary4711
TQM_SECRET_KEY=canary-key-4711
ENTERPRISE_ID=200000001
APP_ID=12345678901
DB_HOST=127.0.0.1
DB_PORT=9
DB_USER=meeting
DB_PASS=canary-pass-4711
DB_NAME=会议
KIMI_API_KEY=sk-canary-4711
KIMI_BASE_URL=http://127.0.0.1:9/v1
TEACHER_WHITELIST=["teacher_li", "王老师"]
LOG_LEVEL=INFO
"""

Examine = Callable[..., dict[str, Check]]


@pytest.fixture(autouse=True)
def cron(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    """A machine with a running cron and an empty crontab."""
    monkeypatch.setenv("PATH", path_with_cron(tmp_path_factory.mktemp("cron")))


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(limits=ROOMY) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    """The sandbox with an empty ledger and no fault."""
    running.faults.clear()
    running.ledger.calls.clear()
    yield running
    running.faults.clear()


def checks_of(environment: dict[str, str], folder: Path, **changes: str) -> dict[str, Check]:
    """Every check by its code."""
    settings = config.load(NO_FILE, {**environment, "DATA_DIR": str(folder / "data"), **changes})
    found = doctor.examine(settings, NO_FILE)
    by_code = {check.code: check for check in found}
    assert len(by_code) == len(found), "two checks have one code"
    assert all(check.message and not (check.ok and check.hint) for check in found)
    assert all(check.hint for check in found if check.ok is False)
    return by_code


@pytest.fixture
def examine(sandbox: Sandbox, tmp_path: Path) -> Examine:
    """The checks of an installation that is served by the sandbox, but for some settings."""
    return lambda **changes: checks_of(sandbox.environment(), tmp_path, **changes)


def installed(folder: Path) -> None:
    """Make tables, as the first run does."""
    meeting("db", "upgrade", env={"DATA_DIR": str(folder / "data")})


def red(checks: dict[str, Check]) -> set[str]:
    return {check.code for check in checks.values() if check.ok is False} - {"private_hosts"}


# ── where all is well ────────────────────────────────────────────────────────────────────────────


def test_every_part_is_proved_by_as_few_calls_as_can_be(sandbox: Sandbox, examine: Examine) -> None:
    checks = examine()
    assert red(checks) == set()
    assert all(checks[code].ok for code in ("tencent_ids", "tencent_signature", *ONLINE))
    assert all(checks[code].ok for code in ("aria2c", "speech_service", "language_model"))
    assert "/v1/corp/records works for admin" in checks["tencent_list"].message
    assert sandbox.ledger.calls == {"corp_records": 1, "addresses": 1, "models": 2}
    assert sandbox.ledger.violations == []


def test_one_of_several_operators_is_asked_and_named(sandbox: Sandbox, tmp_path: Path) -> None:
    checks = checks_of(sandbox.environment("user"), tmp_path)
    assert "/v1/records works for" in checks["tencent_list"].message
    assert "the first of" in checks["tencent_list"].message
    assert sandbox.ledger.calls["records"] == 1


def test_no_recording_since_yesterday_is_not_a_fault(tmp_path: Path) -> None:
    with Sandbox(Company([ADMIN]), limits=ROOMY) as empty:
        checks = checks_of(empty.environment(), tmp_path)
    assert checks["tencent_list"].ok is True
    assert checks["tencent_addresses"].ok is None


def test_the_switch_for_trials_is_red_and_its_absence_is_not(examine: Examine) -> None:
    assert examine()["private_hosts"].ok is False
    assert examine(ALLOW_PRIVATE_HOSTS="0")["private_hosts"].ok is True


def test_a_recogniser_behind_names_from_tencent_is_examined_too(examine: Examine) -> None:
    checks = examine(ASR_BACKEND="openai")
    assert "names by Tencent" in checks["speech"].message
    assert checks["speech_service"].ok is True
    assert "speech_local" not in checks


# ── each thing broken in turn ────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("changes", "code", "ok", "said"),
    [
        ({"TQM_SECRET_ID": "AKIDother"}, "tencent_list", False, "190303"),
        ({"TQM_SECRET_ID": "AKIDother"}, "tencent_list", False, "set TQM_SECRET_ID"),
        ({"TQM_SECRET_KEY": "other"}, "tencent_list", False, "copy TQM_SECRET_KEY"),
        ({"TQM_OPERATOR_ID": "nobody"}, "tencent_list", False, "9042"),
        ({"TQM_OPERATOR_ID": "nobody"}, "tencent_list", False, "超级管理员"),
        ({"TQM_OPERATOR_ID": '["a","b"]'}, "source", False, "TQM_RECORD_SCOPE"),
        ({"TQM_BASE_URL": "http://127.0.0.1:9"}, "tencent_list", False, "connection refused"),
        ({"APP_ID": ""}, "tencent_ids", None, "set APP_ID"),
        ({"KIMI_API_KEY": "sk-other"}, "language_model", False, "401"),
        ({"KIMI_API_KEY": "sk-other"}, "language_model", False, "set KIMI_API_KEY"),
        ({"KIMI_API_KEY": ""}, "summary", False, "KIMI_API_KEY"),
        ({"KIMI_MODEL": "kimi-latest"}, "language_model", False, "kimi-k2.6"),
        ({"KIMI_BASE_URL": CLOSED}, "language_model", False, "connection refused"),
        ({"ASR_API_KEY": "sk-other"}, "speech_service", False, "set ASR_API_KEY"),
        ({"ASR_MODEL": "whisper-9"}, "speech_service", False, "one of: whisper-1"),
        ({"ASR_BASE_URL": CLOSED}, "speech_service", False, "127.0.0.1"),
        ({"WHISPER_MODEL": "large-v3"}, "speech_local", None, "will be downloaded"),
        ({"WHISPER_MODEL": "./nowhere"}, "speech_local", False, "does not contain model.bin"),
        ({"ARIA2C": "./nowhere/aria2c"}, "aria2c", None, "built-in downloader"),
        ({"ARIA2C": "/bin/true"}, "aria2c", None, "does not start"),
        ({"DB_HOST": "127.0.0.1", "DB_PORT": "9"}, "database", False, "Connection refused"),
        ({"DB_HOST": "127.0.0.1", "DB_PORT": "9"}, "settings_missing", False, "DB_NAME"),
        ({"DATA_DIR": "/dev/null/data"}, "data_dir", False, "is not a folder that can be written"),
    ],
)
def test_what_is_broken_is_named_with_what_to_do(
    examine: Examine, changes: dict[str, str], code: str, ok: bool | None, said: str
) -> None:
    check = examine(**changes)[code]
    assert check.ok is ok
    assert said in f"{check.message} {check.hint}"


def test_swapped_ids_are_suspected_and_then_refused(examine: Examine) -> None:
    checks = examine(ENTERPRISE_ID="12345678901", APP_ID="200000001")
    assert checks["tencent_ids"].ok is None
    assert checks["tencent_list"].ok is False
    for code in ("tencent_ids", "tencent_list"):
        assert "look swapped" in checks[code].hint


@pytest.mark.parametrize(
    ("number", "said"), [(500014, "active account"), (500063, "right to view"), (500125, "IP")]
)
def test_a_refused_list_says_which_right_is_missing(
    sandbox: Sandbox, examine: Examine, number: int, said: str
) -> None:
    sandbox.faults.add(Fault(Kind.ERROR_CODE, "corp_records", amount=number))
    checks = examine()
    assert checks["tencent_list"].ok is False
    assert said in checks["tencent_list"].hint
    assert checks["tencent_addresses"].ok is None
    assert "addresses" not in sandbox.ledger.calls


def test_links_that_are_refused_are_red(sandbox: Sandbox, examine: Examine) -> None:
    sandbox.faults.add(Fault(Kind.ERROR_CODE, "addresses", amount=9042))
    checks = examine()
    assert red(checks) == {"tencent_addresses"}
    assert "超级管理员" in checks["tencent_addresses"].hint


def test_a_clock_six_minutes_fast_is_red_and_the_rest_is_tried_all_the_same(
    tmp_path: Path,
) -> None:
    with Sandbox(limits=ROOMY, now=lambda: time.time() - 360) as slow:
        checks = checks_of(slow.environment(), tmp_path)
        assert slow.ledger.calls["corp_records"] + slow.ledger.calls["addresses"] <= 3
    assert red(checks) == {"tencent_clock"}
    assert " s fast" in checks["tencent_clock"].message
    assert "set-ntp" in checks["tencent_clock"].hint


def test_a_signature_that_cannot_be_right_is_not_sent(
    sandbox: Sandbox, examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(examination, "_EXAMPLE_TIME", "1572168601")
    checks = examine()
    assert red(checks) == {"tencent_signature"}
    assert {checks[code].ok for code in ONLINE} == {None}
    assert "corp_records" not in sandbox.ledger.calls


def test_tables_of_another_version_are_red(examine: Examine, tmp_path: Path) -> None:
    installed(tmp_path)
    assert examine()["database_schema"].ok is True
    with sqlite3.connect(tmp_path / "data" / "meeting.db") as rows:
        rows.execute("UPDATE alembic_version SET version_num = '9999'")
    check = examine()["database_schema"]
    assert check.ok is False
    assert "9999" in check.message


def test_a_whisper_directory_is_looked_through(examine: Examine, tmp_path: Path) -> None:
    for name in ("model.bin", "config.json"):
        (tmp_path / name).write_bytes(b"{}")
    assert (
        "does not contain tokenizer.json"
        in examine(WHISPER_MODEL=str(tmp_path))["speech_local"].message
    )
    (tmp_path / "tokenizer.json").write_bytes(b"{}")
    assert examine(WHISPER_MODEL=str(tmp_path))["speech_local"].ok is True


# ── patience ─────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def silent() -> Iterator[int]:
    """The port of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield int(listener.getsockname()[1])


def test_who_says_nothing_is_red_and_keeps_nobody_waiting(
    examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_PATIENCE_S", 2.0)
    with silent() as port:
        checks = examine(DB_HOST="127.0.0.1", DB_PORT=str(port), DB_USER="u", DB_NAME="n")
    assert checks["database"].message == "2 秒内没有应答 no answer in 2 s"
    assert checks["language_model"].ok is True


def spent(tmp_path: Path, service: str, calls: int) -> None:
    """As after a night that has just made this many calls of a service."""
    history = tmp_path / "data" / "rates" / f"{service}.jsonl"
    rate = RateLimit(calls, history=history, stop=threading.Event())
    for _ in range(calls):
        with rate.slot():
            pass


def test_a_minute_without_a_call_left_proves_nothing(
    sandbox: Sandbox, examine: Examine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent(tmp_path, "tencent-corp-rate", 1)
    monkeypatch.setattr(doctor, "_PATIENCE_S", 2.0)
    check = examine(TQM_CORP_PER_MINUTE="1")["tencent_list"]
    assert check.unknown
    assert "本分钟的调用次数已用完 no call is left in this minute" in check.message
    assert sandbox.ledger.calls["corp_records"] == 0


def test_the_doctor_leaves_the_whole_minute_to_the_night(
    sandbox: Sandbox, examine: Examine, tmp_path: Path
) -> None:
    for _ in range(3):
        checks = examine(TQM_CORP_PER_MINUTE="1", TQM_PER_MINUTE="2", LLM_RPM="1", ASR_RPM="1")
        assert red(checks) == set()
        assert not any(check.unknown for check in checks.values())
    assert not (tmp_path / "data").exists()


def test_a_dead_language_model_is_red_however_often_it_is_asked(examine: Examine) -> None:
    for _ in range(3):
        check = examine(KIMI_BASE_URL=CLOSED, LLM_RPM="3")["language_model"]
        assert check.ok is False
        assert "connection refused" in check.message


# ── what cannot be tried ─────────────────────────────────────────────────────────────────────────


def without_a_list(chat: bytes) -> ScriptedServer:
    """A server of a model that has no GET /models."""
    return ScriptedServer(reply(404), chat)


COMPLETION = json.dumps({"choices": [{"message": {"content": "1"}, "finish_reason": "length"}]})


def test_a_server_without_a_list_of_models_is_tried_by_one_token(examine: Examine) -> None:
    with without_a_list(reply(200, COMPLETION.encode())) as server:
        check = examine(KIMI_BASE_URL=f"{server.url}/v1")["language_model"]
    assert check.ok is True
    assert "不列出模型" in check.message
    assert [head.split()[1] for head in server.heads] == ["/v1/models", "/v1/chat/completions"]


def test_the_second_call_of_the_doctor_is_not_counted_against_its_first(
    examine: Examine,
) -> None:
    dead = examine(KIMI_BASE_URL=CLOSED, LLM_RPM="1")["language_model"]
    assert dead.ok is False
    assert "connection refused" in dead.message
    with without_a_list(reply(200, COMPLETION.encode())) as server:
        tried = examine(KIMI_BASE_URL=f"{server.url}/v1", LLM_RPM="1")["language_model"]
    assert tried.ok is True


def test_a_failing_language_model_says_what_to_do_where_no_other_check_failed(
    examine: Examine,
) -> None:
    with ScriptedServer(reply(500), reply(500)) as server:
        check = examine(KIMI_BASE_URL=f"{server.url}/v1")["language_model"]
    assert check.ok is False
    assert "500" in check.message
    assert "try again in some minutes" in check.hint
    assert "above" not in check.hint


@pytest.mark.parametrize(
    ("chat", "said"),
    [
        (reply(401, b'{"error": {"message": "no such key"}}'), "set KIMI_API_KEY"),
        (reply(404), "KIMI_BASE_URL"),
        (reply(200, b"<html>hello</html>"), "is not JSON"),
        (reply(200, b'{"hello": 1}'), "is not a completion"),
    ],
)
def test_a_server_without_a_list_whose_model_does_not_answer_is_red(
    examine: Examine, chat: bytes, said: str
) -> None:
    with without_a_list(chat) as server:
        check = examine(KIMI_BASE_URL=f"{server.url}/v1")["language_model"]
    assert check.ok is False
    assert said in f"{check.message} {check.hint}"


def test_a_speech_service_without_a_list_of_models_is_unknown(examine: Examine) -> None:
    with ScriptedServer(reply(404)) as server:
        check = examine(ASR_BASE_URL=f"{server.url}/v1")["speech_service"]
    assert check.unknown
    assert "不列出模型" in check.message
    assert "meeting run --limit 1" in check.hint


def test_a_check_with_a_bug_is_unknown_and_the_others_are_made(
    examine: Examine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> str:
        raise ZeroDivisionError

    monkeypatch.setattr(limits, "too_low", broken)
    checks = examine()
    assert checks["limits"].unknown
    assert "ZeroDivisionError" in checks["limits"].message
    assert checks["language_model"].ok is True


def test_what_is_unknown_is_not_ready(sandbox: Sandbox, tmp_path: Path) -> None:
    with ScriptedServer(reply(404)) as server:
        changes = {"ASR_BASE_URL": f"{server.url}/v1", "ALLOW_PRIVATE_HOSTS": "0"}
        settings = {**sandbox.environment(), **changes, "DATA_DIR": str(tmp_path / "data")}
        shown = meeting("doctor", env=settings, cwd=tmp_path)
        document = meeting("doctor", "--json", env=settings, cwd=tmp_path).document
    assert shown.code == 3
    assert "未能检查 not checked: 1" in shown.out
    assert "全部就绪" not in shown.out
    assert "?  speech_service" in shown.out
    unknown = [check["code"] for check in document["checks"] if check["unknown"]]
    assert unknown == ["speech_service"]


# ── folders, notices and the switch ──────────────────────────────────────────────────────────────


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    recordings = tmp_path / "录制"
    recordings.mkdir()
    return recordings


@pytest.fixture
def offline(folder: Path, tmp_path: Path) -> Examine:
    """The checks of an installation with a folder of recordings."""
    settings = {"MEETING_SOURCE": "folder", "MEETING_FOLDER": str(folder)}
    return lambda **changes: checks_of(settings, tmp_path, **changes)


def test_a_folder_is_searched_and_its_recordings_are_counted(
    offline: Examine, folder: Path
) -> None:
    (folder / "a.m4a").write_bytes(b"sound")
    check = offline()["folder"]
    assert check.ok is True
    assert "录制文件 recordings: 1" in check.message


def test_a_folder_that_cannot_be_read_is_red(
    offline: Examine, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system refuses by an error, as it does to a user without the right; root has it."""
    (folder / "closed").mkdir()
    scandir = os.scandir

    def refusing(path: Path) -> object:
        if path.name == "closed":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    check = offline()["folder"]
    assert check.ok is False
    assert "无法读取 cannot be read: 1" in check.message
    assert "chmod" in check.hint


def test_a_folder_that_is_empty_and_was_not_before_is_red(
    offline: Examine, folder: Path, tmp_path: Path
) -> None:
    installed(tmp_path)
    known = {"a.m4a": {"size_bytes": 5, "mtime_ns": 1}}
    (tmp_path / "data" / "folder-index.json").write_text(json.dumps(known), "utf-8")
    check = offline()["folder"]
    assert check.ok is False
    assert "以前有录制，现在是空的" in check.message


def test_addresses_of_notices_are_unknown_until_a_test_notice_was_accepted(
    offline: Examine, tmp_path: Path
) -> None:
    installed(tmp_path)
    with webhook() as hook:
        check = offline(NOTIFY_URLS=hook.url)["notices"]
        assert check.unknown
        assert check.hint == "meeting notify --test"
        assert hook.notices == [], "doctor sends none"

        env = {"NOTIFY_URLS": hook.url, "DATA_DIR": str(tmp_path / "data")}
        assert meeting("notify", "--test", env=env).code == 0
        check = offline(NOTIFY_URLS=hook.url)["notices"]
        assert check.ok is True
        assert "测试通知已被接受" in check.message
        assert offline(NOTIFY_URLS=f"{hook.url}/another")["notices"].unknown


def test_a_refused_test_notice_is_red_with_its_reason_until_one_is_accepted(
    offline: Examine, tmp_path: Path
) -> None:
    installed(tmp_path)
    answers = [403, 200]

    def next_answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(answers.pop(0))
        handler.end_headers()

    with webhook(next_answer) as hook:
        env = {"NOTIFY_URLS": hook.url, "DATA_DIR": str(tmp_path / "data")}
        assert meeting("notify", "--test", env=env).code == 3
        check = offline(NOTIFY_URLS=hook.url)["notices"]
        assert check.ok is False
        assert "第 1 个 number 1: 被拒绝 refused: HTTP 403" in check.message
        assert meeting("notify", "--test", env=env).code == 0
        assert offline(NOTIFY_URLS=hook.url)["notices"].ok is True


def test_a_host_of_notices_that_is_away_is_red_even_if_a_test_was_accepted(
    offline: Examine, tmp_path: Path
) -> None:
    installed(tmp_path)
    with webhook() as hook:
        env = {"NOTIFY_URLS": hook.url, "DATA_DIR": str(tmp_path / "data")}
        assert meeting("notify", "--test", env=env).code == 0
    check = offline(NOTIFY_URLS=hook.url)["notices"]
    assert check.ok is False
    assert "连接被拒绝 connection refused" in check.message
    assert TOKEN not in check.message + check.hint


def test_a_host_of_notices_that_does_not_speak_tls_is_red(offline: Examine) -> None:
    with webhook() as hook:
        check = offline(NOTIFY_URLS=hook.url.replace("json://", "jsons://"))["notices"]
    assert check.ok is False
    assert "TLS" in check.message


@pytest.mark.parametrize("url", ["wecombot://a-token-4711-of-wecom", "mailtos://u:p@example.com"])
def test_an_address_without_a_web_server_is_unknown(offline: Examine, url: str) -> None:
    assert offline(NOTIFY_URLS=url)["notices"].unknown


def test_an_address_of_an_unknown_kind_is_red_and_not_shown(offline: Examine) -> None:
    check = offline(NOTIFY_URLS=f"json://127.0.0.1/a,nosuch://{TOKEN}")["notices"]
    assert check.ok is False
    assert "第 2 个地址" in check.message
    assert TOKEN not in check.message + check.hint


def test_the_switch_is_asked_without_a_change_of_its_state(offline: Examine) -> None:
    with webhook() as switch:
        check = offline(HEARTBEAT_URL=switch.heartbeat)["heartbeat"]
    assert check.ok is True
    assert [path for path, _ in switch.beats] == [f"{HEARTBEAT_TOKEN}/log"]


@pytest.mark.parametrize(
    ("status", "body", "ok", "unknown"),
    [
        (200, b"OK (not found)", False, False),
        (403, b"", False, False),
        (404, b"", None, True),
        (405, b"", None, True),
    ],
)
def test_a_switch_that_refuses_is_red_and_one_without_a_log_is_unknown(
    offline: Examine, status: int, body: bytes, ok: bool | None, unknown: bool
) -> None:
    with ScriptedServer(reply(status, body)) as server:
        check = offline(HEARTBEAT_URL=f"{server.url}/ping/{HEARTBEAT_TOKEN}")["heartbeat"]
    assert (check.ok, check.unknown) == (ok, unknown)
    assert HEARTBEAT_TOKEN not in check.message + check.hint


def test_a_switch_that_is_away_is_red(offline: Examine) -> None:
    check = offline(HEARTBEAT_URL=f"{CLOSED}/{HEARTBEAT_TOKEN}")["heartbeat"]
    assert check.ok is False
    assert HEARTBEAT_TOKEN not in check.message


@pytest.mark.parametrize("zone", ["Asia/Shanghai", "Asia/Kathmandu"])
def test_the_hour_of_the_crontab_is_told_in_the_zone_of_the_settings(
    offline: Examine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, zone: str
) -> None:
    monkeypatch.setenv("PATH", path_with_cron(tmp_path / "cron", line_for(3, zone)))
    check = offline(MEETING_TZ=zone)["schedule"]
    assert check.ok is True
    assert f"starts at 03:00 {zone}" in check.message


def test_a_night_that_starts_by_day_is_red(
    offline: Examine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", path_with_cron(tmp_path / "cron", line_for(11, "Asia/Shanghai")))
    check = offline(MEETING_TZ="Asia/Shanghai")["schedule"]
    assert check.ok is False
    assert "starts at 11:00 Asia/Shanghai" in check.message


def test_a_line_without_a_running_cron_is_not_ready(
    offline: Examine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "PATH", path_with_cron(tmp_path / "cron", line_for(3, "Asia/Shanghai"), runs=False)
    )
    check = offline(MEETING_TZ="Asia/Shanghai")["schedule"]
    assert check.unknown
    assert "no cron is running" in check.message


def test_a_machine_without_cron_may_start_its_nights_in_another_way(
    offline: Examine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    check = offline()["schedule"]
    assert (check.ok, check.unknown) == (None, False)
    assert "cron is not installed" in check.message


def test_a_line_that_is_a_comment_starts_no_night(
    offline: Examine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "PATH", path_with_cron(tmp_path / "cron", f"# {line_for(3, 'Asia/Shanghai')}")
    )
    check = offline()["schedule"]
    assert check.ok is None
    assert "no night starts by itself" in check.message


def test_a_crontab_that_may_not_be_read_is_unknown(
    offline: Examine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crontab = tmp_path / "bin" / "crontab"
    crontab.parent.mkdir()
    crontab.write_text('#!/bin/sh\necho "You are not allowed to use this program" >&2; exit 1\n')
    crontab.chmod(0o755)
    monkeypatch.setenv("PATH", f"{crontab.parent}:{os.environ['PATH']}")
    check = offline()["schedule"]
    assert check.unknown
    assert "not allowed" in check.message


def test_an_ordinary_failed_recording_is_not_damage(folder: Path, tmp_path: Path) -> None:
    (folder / "2026-01-05 李雷的课.mp4").write_text("this is not a film", "utf-8")
    settings = {
        "MEETING_SOURCE": "folder",
        "MEETING_FOLDER": str(folder),
        "DATA_DIR": str(tmp_path / "data"),
        "SETTLE_S": "0",
    }
    for _ in range(2):
        assert meeting("cron", env=settings).code in (0, 4)
        checks = meeting("doctor", "--json", env=settings).document["checks"]
        (damage,) = [check for check in checks if check["code"] == "damage"]
        assert damage["ok"] is True


# ── the command ──────────────────────────────────────────────────────────────────────────────────


def test_the_env_of_the_older_scripts_loads_and_learns_what_is_missing(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text(OLD_ENV, "utf-8")
    (tmp_path / ".env").chmod(0o600)
    ended = meeting("doctor", "--json", cwd=tmp_path)
    checks = {check["code"]: check for check in ended.document["checks"]}
    assert ended.code == 3
    assert checks["env_file"]["ok"] is True
    assert checks["settings_missing"]["message"] == "没有设置 not set: TQM_OPERATOR_ID"
    assert "用户管理" in checks["settings_missing"]["hint"]
    assert checks["source"]["ok"] is None
    assert checks["database"]["ok"] is checks["language_model"]["ok"] is False
    assert "4711" not in ended.out + ended.err


def test_a_server_that_quotes_our_credentials_makes_us_no_traitor(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    secrets = {"TQM_SECRET_ID": "AKIDcanary", "TQM_SECRET_KEY": "canary", "KIMI_API_KEY": "canary!"}
    said = "AKIDcanary / canary / canary! 无效"
    refusal = {"error_info": {"error_code": 190303, "message": said}, "error": {"message": said}}
    body = json.dumps(refusal, ensure_ascii=False).encode()
    with ScriptedServer(reply(401, body)) as server:
        changes = {**secrets, "TQM_BASE_URL": server.url, "KIMI_BASE_URL": server.url}
        ended = meeting("doctor", env={**sandbox.environment(), **changes}, cwd=tmp_path)
    assert ended.code == 3
    assert "190303" in ended.out
    assert "待处理 to fix" in ended.out
    assert "canary" not in ended.out + ended.err
