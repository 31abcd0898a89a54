"""Nights over a folder of recordings, and everything that can be asked and done afterwards.

The recordings are the packaged samples and a few files that are none. They are heard by a speech
service on loopback and summarized without a language model. One file of `expected/folder_night`
holds every call of one command, in the order in which they were typed.
"""

import shutil
from pathlib import Path

import pytest

from meeting_pipeline import __version__
from meeting_pipeline.sandbox.company import Company
from meeting_pipeline.sandbox.limits import ROOMY
from meeting_pipeline.sandbox.samples import FOLDER as SAMPLES
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.golden_files import GoldenFiles
from tests.support.operator_terminal import Operator
from tests.support.steady_text import Steady

pytestmark = pytest.mark.timeout(900)  # seconds on a busy machine; 20 on an idle one

ALL = "--since 2026-01-01 --until 2026-01-31"


def test_a_folder_night_stays_as_it_is(golden: GoldenFiles, tmp_path: Path) -> None:
    with Sandbox(Company([]), limits=ROOMY) as services:
        operator = at_a_desk(tmp_path, services)
        begins(operator)
        works_by_hand(operator)
        leaves_it_to_the_night(operator)
        looks_at_the_results(operator)
        corrects_a_phase(operator)
        tries_again(operator)
        repairs(operator)
        removes(operator)
    golden.hold("folder_night", operator.texts())


def at_a_desk(folder: Path, services: Sandbox) -> Operator:
    port = services.ai_url.split(":")[2].split("/")[0]
    names = {
        str(folder): "<here>",
        f":{port}": ":model",
        f"meeting {__version__}": "meeting #",
    }
    operator = Operator(folder, Steady(names, core_gates=("cpu", "llm")))
    shutil.copytree(SAMPLES, folder / "recordings")
    (folder / "recordings" / "TM-20260113100000-445999975-recording-1.mp4").write_text("<html>")
    speech = {name: text for name, text in services.environment().items() if name[:3] == "ASR"}
    operator.has_settings(
        {
            "MEETING_SOURCE": "folder",
            "MEETING_FOLDER": "recordings",
            "SETTLE_S": "0",
            "JOBS": "1",
            "ASR_BACKEND": "openai",
            "LLM_BACKEND": "extractive",
            **speech,
        }
    )
    return operator


def begins(operator: Operator) -> None:
    operator.types("", into="meeting")
    operator.types("--version", into="meeting")
    operator.types("config show", MEETING_TZ="Europe/Berlin")
    operator.types("config show --json")
    operator.types("db status")
    operator.types("db init")
    operator.types("db init")
    operator.types("db upgrade")
    operator.types("db status --json")
    operator.types("db dump-sql sqlite", into="db_dump-sql")
    operator.types("doctor")
    operator.types("status")
    operator.types("status --json")
    operator.types("stats")
    operator.types("doctor --repair --dry-run")
    operator.types("notify")
    operator.types("notify --test")
    operator.types("notify --test --json", NOTIFY_URLS="nosuch://token")


def works_by_hand(operator: Operator) -> None:
    operator.types("fetch --since 2026-01-05 --until 2026-01-07 --dry-run")
    operator.types("fetch --since 2026-01-05 --until 2026-01-07 --json")
    operator.types(f"run {ALL} --dry-run")
    operator.types(f"run {ALL} --dry-run --json")
    operator.types("download --since 2026-01-05 --until 2026-01-05 --json")
    operator.types("transcribe --since 2026-01-05 --until 2026-01-05 --json")
    operator.types("status --due")
    operator.types("why 1")
    operator.types("summarize --since 2026-01-05 --until 2026-01-07 --limit 1 --json")
    operator.types("run-range 2026-01-05 2026-01-05 --json")
    operator.types("run --since 2026-01-10 --until 2026-01-10")


def leaves_it_to_the_night(operator: Operator) -> None:
    operator.types("cron --json")
    operator.types("cron")
    operator.notes_files("files_after_the_night.txt")
    for name in ("transcript.json", "summary.json", "summary.md"):
        [first, *_] = sorted((operator.desk / "data" / "recordings").rglob(name))
        operator.notes(name, first.read_text("utf-8"))
    operator.notes_rows("rows_after_the_night")


def looks_at_the_results(operator: Operator) -> None:
    operator.types("status --json")
    operator.types("status")
    operator.types("status --failed --json")
    operator.types("status --student 陈静 --since 2026-01-08 --limit 1")
    for number in ("1", "5"):
        operator.types(f"show {number} --json")
        operator.types(f"show {number}")
        operator.types(f"why {number} --json")
        operator.types(f"why {number}")
    operator.types("stats --json")
    operator.types("stats --student stu_wang --verify")
    operator.types("stats --rebuild --verify --json")
    operator.types("export --json")
    operator.types("export --student 陈静 --transcripts")
    operator.types("export --format html --phase 简历优化")
    operator.types("export --format jsonl --since 2026-01-09 --until 2026-01-10")
    operator.types("export --output out.csv --json")
    operator.types("export --output out.html")


def corrects_a_phase(operator: Operator) -> None:
    operator.types("summaries 1 --json")
    operator.types("summaries 1 --use 1")
    operator.types("phase 1 面试模拟", LOGNAME="wang")
    operator.types("summaries 1")
    operator.types("phase 1 --clear --json", LOGNAME="wang")


def tries_again(operator: Operator) -> None:
    operator.types("retry 1 5")
    operator.types("retry 5 --json")
    operator.types("retry --dead --json")
    operator.types("cron", into="cron_with_log_as_json", LOG_FORMAT="json")


def repairs(operator: Operator) -> None:
    recordings = operator.desk / "data" / "recordings"
    min(recordings.rglob("summary.json")).unlink()
    recordings.chmod(0o755)
    (recordings / "folder" / "unknown").mkdir()
    operator.types("doctor --json")
    operator.types("doctor --repair --dry-run")
    operator.types("doctor --repair --json")
    operator.types("doctor --repair")
    operator.types("db backup")
    operator.types("db backup --json copy.db")


def removes(operator: Operator) -> None:
    operator.types("cleanup --dry-run --json")
    operator.types("cleanup --dry-run --older-than 0m")
    operator.types("cleanup --audio --older-than 0m --json")
    operator.types("cleanup --texts --older-than 2026-01-06")
    operator.types("why 1", into="why")
    operator.types("erase --student stu_wang --dry-run")
    operator.types("erase --student stu_wang --dry-run --json")
    operator.types("erase --student stu_wang --yes --json")
    operator.types("erase --student stu_chen --yes")
    operator.types("cron --json", into="cron_after_the_erasure")
    operator.notes_files("files_at_the_end.txt")
    operator.notes_rows("rows_at_the_end")
