"""The commands as people and scripts meet them."""

import re
import subprocess
import sys
from pathlib import Path

import click
import pytest
import typer

from meeting_pipeline import exit_codes
from meeting_pipeline.cli import app, cleanup, doctor, run, stats
from tests.support.command import meeting

COMMANDS = [
    *("run", "run-range", "cron", "fetch", "download", "transcribe", "summarize", "status"),
    *(
        "show",
        "why",
        "retry",
        "stats",
        "doctor",
        "demo",
        "config",
        "db",
        "cleanup",
        "erase",
        "export",
        "notify",
    ),
]


@pytest.fixture
def folder(tmp_path: Path) -> dict[str, str]:
    """Settings of an empty installation with an empty folder of recordings."""
    recordings = tmp_path / "录制"
    recordings.mkdir()
    return {
        "MEETING_SOURCE": "folder",
        "MEETING_FOLDER": str(recordings),
        "DATA_DIR": str(tmp_path / "data"),
    }


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_a_help_page(command: str) -> None:
    ended = meeting(command, "--help")

    assert ended.code == 0
    assert "Usage:" in ended.out
    assert "\n  " in ended.out


def loaded_by(*words: str) -> set[str]:
    """The names of all modules that are there once this command has ended."""
    script = (
        "import sys\n"
        "from meeting_pipeline.cli.app import run_command\n"
        "run_command(sys.argv[1:])\n"
        "print(*sys.modules, sep='\\n', file=sys.stderr)\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script, *words], capture_output=True, text=True, check=True
    )
    return set(ended.stderr.split())


def test_help_loads_no_heavy_library_no_command_and_nothing_that_commands_call() -> None:
    heavy = {"sqlalchemy", "faster_whisper", "av", "requests", "numpy", "pydantic"}
    heavy |= {"alembic", "aria2p", "apprise", "jieba", "dotenv", "tenacity", "rich"}
    loaded = loaded_by("--help")
    assert heavy & loaded == set()
    commands = {f"cli.{listed.where.partition(':')[0]}" for listed in app.COMMANDS.values()}
    for part in ("adapters", "wiring", "actions", "settings", *commands):
        assert f"meeting_pipeline.{part}" not in loaded


@pytest.mark.parametrize("name", app.COMMANDS)
def test_the_list_of_commands_has_the_first_line_of_each_help_page(name: str) -> None:
    listed = typer.main.get_command(app.app)
    assert isinstance(listed, click.Group)

    command = listed.get_command(click.Context(listed), name)

    assert command and command.help
    assert app.COMMANDS[name].help == command.help.split("\n")[0]
    assert len(app.COMMANDS[name].help) <= 62, "it would be cut in a terminal of 80 columns"


def test_a_run_on_sqlite_begins_without_pydantic_and_without_mysql(tmp_path: Path) -> None:
    """All that a night at Tencent with services of its own is put together from."""
    script = (
        "import sys\n"
        "from meeting_pipeline.wiring import run as pipelines\n"
        "from meeting_pipeline.adapters.asr import openai_compatible\n"
        "from meeting_pipeline.adapters.db.database import Database\n"
        "from meeting_pipeline.adapters.llm import openai_compatible\n"
        "from meeting_pipeline.adapters.sources.tencent import connect\n"
        "from meeting_pipeline.cli import run\n"
        "Database(f'sqlite:///{sys.argv[1]}').revision()\n"
        "print(*sys.modules)\n"
    )
    began = subprocess.run(
        [sys.executable, "-c", script, tmp_path / "rows.db"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(began.stdout.split())
    assert "sqlalchemy.dialects.sqlite" in loaded
    assert {"pydantic", "alembic", "sqlalchemy.dialects.mysql"} & loaded == set()


def test_a_command_is_loaded_when_it_is_called() -> None:
    ours = {module.__name__ for module in (stats, cleanup, doctor, run)}
    assert ours & loaded_by("stats", "--help") == {stats.__name__}


def test_a_slip_of_the_finger_is_told_what_it_may_have_meant() -> None:
    ended = meeting("statu")

    assert ended.code == exit_codes.USAGE
    assert "status" in ended.err


def test_the_page_of_commands_is_generated_from_them(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs" / "cli.md"
    fresh = tmp_path / "cli.md"
    generate = [sys.executable, "-m", "typer", app.__name__, "utils", "docs"]

    subprocess.run([*generate, "--name", "meeting", "--output", str(fresh)], check=True)

    assert fresh.read_text("utf-8") == page.read_text("utf-8"), "run `make docs`"


def test_without_a_command_it_says_what_to_do_next() -> None:
    ended = meeting()

    assert ended.code == 0
    assert "meeting demo" in ended.out


def test_the_version_is_one_line() -> None:
    assert re.fullmatch(r"meeting \d+\.\d+\.\d+\n", meeting("--version").out)


def test_a_run_over_an_empty_folder_is_a_report_with_zeros(folder: dict[str, str]) -> None:
    ended = meeting("run", "--since", "1970-01-01", "--json", env=folder)

    assert ended.code == 0, ended.err
    report = ended.document
    assert (report["listed"], report["due"], report["exit_code"]) == (0, 0, 0)
    assert set(report["usage"]) == {"audio_seconds", "prompt_tokens", "completion_tokens", "cost"}
    assert report["window"]["start"] == "1970-01-01T00:00:00+08:00"


def test_a_file_that_is_no_media_fails_with_its_reason_and_exit_code_4(
    folder: dict[str, str],
) -> None:
    page = Path(folder["MEETING_FOLDER"]) / "TM-20260105193000-445999969-recording-1.mp4"
    page.write_text("<html>登录</html>" * 100, "utf-8")

    ended = meeting("run", "--since", "2026-01-01", "--json", env={**folder, "SETTLE_S": "0"})

    assert ended.code == 4, ended.err
    [record] = ended.document["records"]
    assert (record["status"], record["error_code"]) == ("failed", "not_media")
    number = record["id"]
    why = meeting("why", number, "--json", env=folder).document
    assert why["stages"][0]["error_code"] == "not_media"
    assert "retries it" in why["next"]
    status = meeting("status", "--failed", "--json", env=folder).document
    assert [one["id"] for one in status["recordings"]] == [number]
    by_record_id = meeting("show", record["record_id"], "--json", env=folder).document
    assert by_record_id["transcript"] is None
    assert meeting("retry", number, env=folder).code == 0
    again = meeting("status", "--due", "--json", env=folder).document
    assert [one["status"] for one in again["recordings"]] == ["pending"]


def test_a_damaged_file_is_called_by_its_own_name_wherever_it_is_told(
    folder: dict[str, str],
) -> None:
    name = "2026-01-05 19.30 李雷的课.mp4"
    (Path(folder["MEETING_FOLDER"]) / name).write_bytes(b"\1\2\3\4" * 5000)

    ended = meeting("run", "--since", "2026-01-01", "--json", env={**folder, "SETTLE_S": "0"})

    [record] = ended.document["records"]
    why = meeting("why", record["id"], "--json", env=folder).document
    told = [record["message"], why["stages"][0]["message"]]
    assert all(name in message and "recording.mp4" not in message for message in told), told


def test_a_dry_run_writes_nothing(folder: dict[str, str]) -> None:
    recording = Path(folder["MEETING_FOLDER"]) / "2026-01-05 19.30.00.m4a"
    recording.write_bytes(b"\0" * 2000)

    ended = meeting(
        "run", "--since", "2026-01-01", "--dry-run", "--json", env={**folder, "SETTLE_S": "0"}
    )

    assert (ended.code, ended.document["new"]) == (0, 1)
    assert meeting("status", "--json", env=folder).document["total"] == 0


@pytest.mark.parametrize(
    ("words", "env", "code", "said"),
    [
        (["run"], {"MEETING_SOURCE": "folder"}, 3, "MEETING_FOLDER"),
        (["run"], {"MEETING_SOURCE": "folder", "MEETING_FOLDER": "/no/such"}, 3, "/no/such"),
        (["run"], {"JOBS": "many"}, 3, "JOBS"),
        (["status"], {"MEETING_TZ": "Mars"}, 3, "MEETING_TZ"),
        (["run", "--since", "gestern"], {}, 2, "gestern"),
        (["run-range", "2026-02-01", "2026-01-01"], {}, 2, "2026"),
        (["status", "--since", "gestern"], {}, 2, "gestern"),
        (["cleanup", "--older-than", "old"], {}, 2, "old"),
        (["db", "dump-sql", "oracle"], {}, 2, "oracle"),
        (["show", "999"], {}, 2, "999"),
        (["retry"], {}, 2, "--dead"),
        (["run", "--limit", "0"], {}, 2, "limit"),
        (["run"], {"DATA_DIR": "/proc/nope"}, 3, "DATA_DIR"),
        (["config", "show"], {"SETTLE_S": "nan"}, 3, "SETTLE_S"),
        (["status"], {"DB_HOST": "127.0.0.1", "DB_PORT": "1", "DB_NAME": "x"}, 5, "database"),
    ],
)
def test_a_users_mistake_is_one_line_with_its_exit_code(
    folder: dict[str, str], words: list[str], env: dict[str, str], code: int, said: str
) -> None:
    without_folder = "MEETING_SOURCE" in env
    ended = meeting(*words, env=env if without_folder else {**folder, **env})

    assert ended.code == code, ended.err
    assert said in ended.err
    assert "Traceback" not in ended.err


def test_with_json_an_error_is_a_document_too(folder: dict[str, str]) -> None:
    ended = meeting("run", "--json", env={**folder, "DB_HOST": "127.0.0.1", "DB_PORT": "1"})

    assert ended.code == ended.document["exit_code"] == 5
    assert ended.document["error"]["code"] in ended.err


def test_debug_adds_the_traceback(folder: dict[str, str]) -> None:
    ended = meeting("show", "999", "--debug", env=folder)

    assert "Traceback" in ended.err


def test_config_show_says_where_values_come_from_and_hides_secrets(
    folder: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("KIMI_API_KEY=sk-canary-4711\nMAX_ATTEMPTS=3\n", "utf-8")
    (tmp_path / ".env").chmod(0o600)

    ended = meeting("config", "show", "--json", env=folder, cwd=tmp_path)

    lines = {line["name"]: (line["value"], line["origin"]) for line in ended.document["settings"]}
    assert lines["KIMI_API_KEY"] == ("********", ".env")
    assert lines["MAX_ATTEMPTS"] == ("3", ".env")
    assert lines["DATA_DIR"][1] == "environment"
    assert "4711" not in ended.out + ended.err


@pytest.mark.parametrize("words", [["status"], ["run"], ["config", "show"], ["stats", "--json"]])
def test_every_command_names_a_misspelt_setting_once(
    folder: dict[str, str], tmp_path: Path, words: list[str]
) -> None:
    write_env_file(tmp_path, "RETENTION_AUDIO_DAY=365\n")

    ended = meeting(*words, env=folder, cwd=tmp_path)

    assert ended.code == 0, ended.err
    assert ended.err.count("RETENTION_AUDIO_DAY ") == 1
    assert "RETENTION_AUDIO_DAYS" in ended.err
    assert "RETENTION_AUDIO_DAY " not in ended.out


@pytest.mark.parametrize("words", [["status"], ["run"], ["cron"], ["config", "show"], ["doctor"]])
def test_a_bad_value_hides_no_misspelt_name_and_is_told_with_its_file(
    folder: dict[str, str], tmp_path: Path, words: list[str]
) -> None:
    write_env_file(tmp_path, "JOBS=many\nRETENTION_AUDIO_DAY=365\n")

    ended = meeting(*words, env=folder, cwd=tmp_path)

    assert ended.code == exit_codes.CONFIG, ended.err
    [unknown, bad] = [line for line in ended.err.splitlines() if "setting: " in line]
    assert unknown.startswith("meeting: unknown_setting: RETENTION_AUDIO_DAY ")
    assert bad.startswith(f"meeting: bad_setting: JOBS (from {tmp_path / '.env'}): ")


def test_doctor_is_red_for_a_misspelt_setting_and_only_tells_of_a_foreign_name(
    folder: dict[str, str], tmp_path: Path
) -> None:
    colours = {}
    for line in ("JOBS=1\n", "HTTP_PROXY=\n", "HTTP_PROXY=\nRETENTION_AUDIO_DAY=365\n"):
        write_env_file(tmp_path, line)
        ended = meeting("doctor", "--json", env=folder, cwd=tmp_path)
        [check] = [one for one in ended.document["checks"] if one["code"] == "settings_unknown"]
        colours[line] = check["ok"]

    assert list(colours.values()) == [True, None, False]
    assert "RETENTION_AUDIO_DAYS" in check["hint"]


def write_env_file(folder: Path, text: str) -> None:
    (folder / ".env").write_text(text, "utf-8")
    (folder / ".env").chmod(0o600)


def test_doctor_checks_and_says_how_to_mend(folder: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("JOBS=1\n", "utf-8")
    (tmp_path / ".env").chmod(0o644)

    ended = meeting("doctor", "--json", env=folder, cwd=tmp_path)

    checks = {check["code"]: check for check in ended.document["checks"]}
    assert ended.code == 3
    assert checks["env_file"]["ok"] is False
    assert "chmod 600" in checks["env_file"]["hint"]
    assert checks["database_schema"]["ok"] is True


def test_the_database_commands_tell_where_the_schema_stands(folder: dict[str, str]) -> None:
    assert meeting("db", "status", env=folder).code == 3
    assert meeting("db", "init", env=folder).code == 0
    assert meeting("db", "upgrade", env=folder).code == 0
    assert meeting("db", "status", "--json", env=folder).document["ok"] is True


def test_a_second_run_leaves_at_once_while_one_is_at_work(folder: dict[str, str]) -> None:
    from datetime import UTC, datetime

    from meeting_pipeline.domain.lock_holder import LockHolder
    from meeting_pipeline.runtime.lock_file import run_lock

    since = datetime(2026, 1, 5, 3, 0, tzinfo=UTC)
    Path(folder["DATA_DIR"]).mkdir()
    with run_lock(Path(folder["DATA_DIR"]) / "run.lock", LockHolder.here("cron", since)):
        ended = meeting("run", env=folder)

    assert ended.code == 75
    assert "2026-01-05T03:00:00+00:00" in ended.err
    assert meeting("run", env=folder).code == 0


def test_cron_lists_old_files_too_and_moves_the_watermark(folder: dict[str, str]) -> None:
    recording = Path(folder["MEETING_FOLDER"]) / "TM-20200105193000-445999969-recording-1.mp4"
    recording.write_text("<html>" * 500, "utf-8")

    ended = meeting("cron", "--json", env={**folder, "SETTLE_S": "0"})

    assert ended.document["listed"] == 1
    assert ended.code == 4


def test_output_into_a_closed_pipe_is_no_error(folder: dict[str, str]) -> None:
    command = f"{sys.executable} -m meeting_pipeline config show | head -1"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)

    assert "Traceback" not in ended.stderr
