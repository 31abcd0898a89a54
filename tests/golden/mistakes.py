"""Mistakes that operators make: what was typed, with which settings, at which desk.

A desk has one recording in `recordings` (a folder source), known to the rows and worked on by
nobody yet. What the program answers is in `expected/mistakes/answers.txt`, under the same names.
"""

import shutil
import sqlite3
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Mistake:
    """line: what is typed after `meeting`. at_desk: what is wrong in the folder beforehand.

    services: how the names of those settings begin that lead to the sandbox and are right.
    """

    name: str
    line: str
    settings: Mapping[str, str] = field(default_factory=dict)
    at_desk: Callable[[Path], object] = lambda desk: None
    services: tuple[str, ...] = ()


def _env_for_everybody(desk: Path) -> None:
    (desk / ".env").chmod(0o644)


def _env_of_another_encoding(desk: Path) -> None:
    (desk / ".env").write_bytes("MEETING_FOLDER=录制\n".encode("gb18030"))


def _data_is_a_file(desk: Path) -> None:
    shutil.rmtree(desk / "data")
    (desk / "data").write_text("")


def _data_is_gone(desk: Path) -> None:
    shutil.rmtree(desk / "data")


def _database_is_something_else(desk: Path) -> None:
    (desk / "data" / "meeting.db").write_text("a page of an essay\n" * 500)


def _database_is_newer(desk: Path) -> None:
    with closing(sqlite3.connect(desk / "data" / "meeting.db")) as rows, rows:
        rows.execute("UPDATE alembic_version SET version_num = '9999'")


def _essay(desk: Path) -> None:
    (desk / "essay.txt").write_text("not ours\n")


TENCENT = {"MEETING_SOURCE": "tencent", "MEETING_FOLDER": ""}
KEYS = {
    "TQM_SECRET_ID": "AKIDdoesnotmatter",
    "TQM_SECRET_KEY": "does-not-matter",
    "ENTERPRISE_ID": "200000001",
    "APP_ID": "12345678901",
}
SERVER = {"DB_HOST": "127.0.0.1", "DB_PORT": "9", "DB_USER": "me", "DB_NAME": "meeting"}

IN_SETTINGS = (
    Mistake("a source that is none", "status", {"MEETING_SOURCE": "zoom"}),
    Mistake("a recogniser that is none", "status", {"ASR_BACKEND": "google"}),
    Mistake("a language model that is none", "status --json", {"LLM_BACKEND": "gpt"}),
    Mistake("a downloader that is none", "cron", {"DOWNLOADER": "wget"}),
    Mistake("a scope that is none", "cron", {"TQM_RECORD_SCOPE": "all"}),
    Mistake("a log level that is none", "status", {"LOG_LEVEL": "loud"}),
    Mistake("a list that is broken JSON", "cron", {"TEACHER_WHITELIST": '["li", "wang"'}),
    Mistake("a list of numbers", "cron", {"TEACHER_WHITELIST": "[1, 2]"}),
    Mistake("a secret list that is broken", "cron", {"NOTIFY_URLS": '["json://me:secret@host'}),
    Mistake("a time zone that is none", "stats", {"MEETING_TZ": "Shanghai"}),
    Mistake("no records in flight", "run", {"JOBS": "0"}),
    Mistake("a number in words", "run", {"MAX_ATTEMPTS": "five"}),
    Mistake("a negative number", "run", {"MIN_DURATION_S": "-1"}),
    Mistake("a number that is none", "cleanup", {"RETENTION_AUDIO_DAYS": "nan"}),
    Mistake("a duration that is none", "cron", {"MAX_RUNTIME": "until six"}),
    Mistake("a port that is none", "status", {"DB_PORT": "mysql"}),
    Mistake("a switch that is neither", "run", {"ALLOW_PRIVATE_HOSTS": "maybe"}),
    Mistake("an address without http", "run", {"KIMI_BASE_URL": "api.moonshot.cn"}),
    Mistake("keys that others can read", "status", at_desk=_env_for_everybody),
    Mistake(
        "keys that others can read, to the doctor",
        "doctor --repair --dry-run",
        at_desk=_env_for_everybody,
    ),
    Mistake("settings that are not UTF-8", "status", at_desk=_env_of_another_encoding),
)

MISSING = (
    Mistake("no source at all", "cron", {"MEETING_SOURCE": "", "MEETING_FOLDER": ""}),
    Mistake("a folder that is not there", "run", {"MEETING_FOLDER": "recordigns"}),
    Mistake("recordings among our own files", "run", {"MEETING_FOLDER": "data"}),
    Mistake("no keys for Tencent", "run", TENCENT),
    Mistake("nobody to ask Tencent for", "run", {**TENCENT, **KEYS}),
    Mistake(
        "two people to ask for the company",
        "run",
        {**TENCENT, **KEYS, "TQM_OPERATOR_ID": '["a","b"]'},
    ),
    Mistake("no address of the speech service", "run", {"ASR_BACKEND": "openai"}),
    Mistake("Tencent's transcripts of a folder", "run", {"ASR_BACKEND": "tencent"}),
    Mistake("a language that is none", "run", {"ASR_LANGUAGE": "klingon"}),
    Mistake("no key for the language model", "run", {"LLM_BACKEND": "kimi"}),
    Mistake("no certificate where it is said to be", "status", {**SERVER, "DB_CA": "ca.pem"}),
    Mistake("a database server that is not there", "status", SERVER),
    Mistake(
        "a database server that is not there, to the doctor",
        "doctor",
        {**SERVER, "DB_PASS": "secret-4711"},
    ),
)

IN_FILES = (
    Mistake("a file where the data should be", "run", at_desk=_data_is_a_file),
    Mistake("a database that is something else", "status", at_desk=_database_is_something_else),
    Mistake("a database of a newer version", "status --json", at_desk=_database_is_newer),
    Mistake("a copy of no database", "db backup", at_desk=_data_is_gone),
    Mistake("a copy over something else", "db backup essay.txt", at_desk=_essay),
    Mistake("a copy onto a folder", "db backup recordings"),
    Mistake("a copy of a server's database", "db backup", SERVER),
    Mistake("an export over something else", "export -o essay.txt", at_desk=_essay),
    Mistake("an export onto a folder", "export -o recordings"),
    Mistake("an export into no folder", "export -o exports/all.csv"),
)

IN_WORDS = (
    Mistake("a command with a typo", "stauts"),
    Mistake("an option with a typo", "status --jsno"),
    Mistake("a start in words", "run --since 'last week'"),
    Mistake("a month that is none", "run --since 2025-13-01"),
    Mistake("a start that is after the end", "run --since 2026-02-01 --until 2026-01-01 --json"),
    Mistake("a range without its end", "run-range 2026-01-01"),
    Mistake("a runtime in words", "cron --max-runtime soon"),
    Mistake("a limit of none", "run --limit 0"),
    Mistake("a number of jobs in words", "run --jobs many"),
    Mistake("a negative limit", "status --limit -1"),
    Mistake("a recording that is not there", "show 999"),
    Mistake("a recording that is not there, for a program", "why abc --json"),
    Mistake("nothing to try again", "retry"),
    Mistake("a recording that is not there, to try again", "retry 1 999"),
    Mistake("a phase that is none", "export --phase 入职"),
    Mistake("a format that is none", "export --format pdf"),
    Mistake("two documents at once", "export --format csv --json"),
    Mistake("texts of no age", "cleanup --texts"),
    Mistake("an age in words", "cleanup --older-than old"),
    Mistake("an erasure of nobody", "erase --yes"),
    Mistake("an erasure of somebody unknown", "erase --student stu_nobody --yes"),
    Mistake("an erasure of a teacher", "erase --student teacher_li --yes"),
    Mistake("an erasure without a yes", "erase --student stu_chen"),
    Mistake("a dry run of an examination", "doctor --dry-run"),
    Mistake("SQL for another database", "db dump-sql oracle"),
    Mistake("a group without its command", "db"),
    Mistake("a demo of something else", "demo --source zoom"),
    Mistake("a sandbox of another scope", "sandbox --scope all"),
)

SPEECH, CHAT, ALL = ("ASR_",), ("ASR_", "KIMI_", "LLM_"), ("",)
OF_THE_DAY = "--since 2026-01-10 --until 2026-01-10"
HEARD = {"ASR_BACKEND": "openai"}

WITH_SERVICES = (
    Mistake(
        "a wrong key of the speech service",
        f"run {OF_THE_DAY}",
        {**HEARD, "ASR_API_KEY": "wrong-4711"},
        services=SPEECH,
    ),
    Mistake(
        "a speech model that is none",
        f"run {OF_THE_DAY}",
        {**HEARD, "ASR_MODEL": "whisper-9"},
        services=SPEECH,
    ),
    Mistake(
        "a wrong key of the language model",
        f"run {OF_THE_DAY}",
        {**HEARD, "KIMI_API_KEY": "sk-wrong-4711"},
        services=CHAT,
    ),
    Mistake(
        "a language model the account has not",
        f"run {OF_THE_DAY}",
        {**HEARD, "KIMI_MODEL": "kimi-latest"},
        services=CHAT,
    ),
    Mistake(
        "a wrong key for Tencent", f"fetch {OF_THE_DAY}", {"TQM_SECRET_KEY": "wrong"}, services=ALL
    ),
    Mistake(
        "a wrong key for Tencent and no aria2c, to the doctor",
        "doctor",
        {"TQM_SECRET_KEY": "wrong", "ARIA2C": "/nowhere/aria2c"},
        services=ALL,
    ),
    Mistake("a wrong enterprise", f"fetch {OF_THE_DAY}", {"ENTERPRISE_ID": "1"}, services=ALL),
    Mistake(
        "an operator who is unknown", f"fetch {OF_THE_DAY}", {"TQM_OPERATOR_ID": "x"}, services=ALL
    ),
    Mistake(
        "an operator who may not",
        f"fetch {OF_THE_DAY}",
        {"TQM_OPERATOR_ID": "teacher_li"},
        services=ALL,
    ),
    Mistake("a trial as the night", "cron", services=ALL),
)

EVERY = (*IN_SETTINGS, *MISSING, *IN_FILES, *IN_WORDS, *WITH_SERVICES)
