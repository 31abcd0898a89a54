"""The pages for the morning name only commands, options, settings, files and codes that exist."""

import ast
import re
import shlex
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from meeting_pipeline.domain.stages import RecordStatus
from meeting_pipeline.settings.config import setting_names
from tests.support.named_commands import unknown_words

ROOT = Path(__file__).parents[2]
PAGES = {
    "en": (ROOT / "docs" / "troubleshooting.md").read_text("utf-8"),
    "zh": (ROOT / "docs" / "troubleshooting.zh-CN.md").read_text("utf-8"),
}
OF_THE_SYSTEM = {"tail", "crontab", "systemctl", "chmod", "timedatectl", "df"}
SAID = {"no recordings yet", "meeting: command not found"}
"""Messages that a symptom quotes."""
OUTSIDE_ENV = {"MEETING_HOME"}
A_PAGE = 60
"""The number of lines that a page may have."""


def named(page: str) -> set[str]:
    """Every command, setting, file and code that a page names."""
    blocks = re.findall(r"^```sh\n(.*?)```$", page, re.M | re.S)
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    prose = re.sub(r"^```sh\n.*?```$", "", page, flags=re.M | re.S)
    return {*lines, *re.findall(r"`([^`\n]+)`", prose)}


def faults(page: str) -> list[str]:
    """Return what a page names that is not there."""
    return [fault for one in sorted(named(page) - SAID) for fault in faults_of(one)]


def faults_of(one: str) -> Iterator[str]:
    first, *words = shlex.split(one)
    if first in ("meeting", ".venv/bin/meeting"):
        yield from unknown_words(words)
    elif first == "./deploy.sh":
        script = (ROOT / "deploy.sh").read_text("utf-8")
        yield from (f"./deploy.sh has no {word}" for word in words if word not in script)
    elif first in OF_THE_SYSTEM:
        yield from (f"no file {word}" for word in words if "/" in word and word not in files())
    elif "/" in first or first.startswith("."):
        yield from [] if first in files() else [f"no file {first}"]
    elif first.isupper():
        yield from [] if first in (*setting_names(), *OUTSIDE_ENV) else [f"no setting {first}"]
    elif first not in codes():
        yield f"no code {first}"


@cache
def codes() -> set[str]:
    """The words of the package that may be codes: of errors, checks and statuses."""
    texts = (path.read_text("utf-8") for path in (ROOT / "meeting_pipeline").rglob("*.py"))
    words = {
        node.value
        for text in texts
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {word for word in words if re.fullmatch(r"[a-z]+(_[a-z]+)*", word)} | {*RecordStatus}


@cache
def files() -> set[str]:
    """The files of an installation, as the page on operations lists them."""
    page = (ROOT / "docs" / "operations.md").read_text("utf-8")
    section = page.partition("## Where things are")[2].partition("\n## ")[0]
    return set(re.findall(r"`([^`]+)`", section))


@pytest.mark.parametrize("language", PAGES)
def test_a_page_names_only_what_exists(language: str) -> None:
    assert faults(PAGES[language]) == []


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ("meeting statu", "no command statu"),
        ("meeting status --broken", "meeting status has no --broken"),
        ("meeting db migrate", "no command migrate"),
        ("./deploy.sh --with-cron", "./deploy.sh has no --with-cron"),
        ("tail logs/cron.log", "no file logs/cron.log"),
        ("RETENTION_AUDIO_DAY", "no setting RETENTION_AUDIO_DAY"),
        ("truncated_medium", "no code truncated_medium"),
    ],
)
def test_what_does_not_exist_is_found(wrong: str, fault: str) -> None:
    assert faults(f"| look at `{wrong}` |") == [fault]


def test_both_languages_name_the_same_things_row_by_row() -> None:
    english, chinese = (
        [named(line) for line in page.splitlines() if line.startswith("|")]
        for page in PAGES.values()
    )
    assert english == chinese


@pytest.mark.parametrize("language", PAGES)
def test_it_stays_one_page(language: str) -> None:
    assert len(PAGES[language].splitlines()) <= A_PAGE
