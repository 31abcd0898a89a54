"""Every command and option of `meeting` that a document names exists."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.named_commands import unknown_words

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("README*.md"), *sorted((ROOT / "docs").glob("*.md"))]


def commands(page: str) -> Iterator[str]:
    """Yield the command lines in a page's blocks and prose, without optional brackets."""
    blocks = re.findall(r"^```sh\n(.*?)```$", page, re.M | re.S)
    prose = re.sub(r"^```.*?```$", "", page, flags=re.M | re.S)
    lines = [line.partition("#")[0] for block in blocks for line in block.splitlines()]
    for line in [*lines, *re.findall(r"`([^`\n]+)`", prose)]:
        words = re.sub(r"[\[\]]", " ", line)
        if found := re.fullmatch(r"\s*(?:\.venv/bin/)?meeting\s+([a-z-].*)", words):
            yield found[1].partition(" > ")[0]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_names_only_commands_and_options_that_exist(path: Path) -> None:
    page = path.read_text("utf-8")
    assert [fault for one in commands(page) for fault in unknown_words(shlex.split(one))] == []


def test_both_readmes_name_the_same_commands() -> None:
    english, chinese = (
        list(commands((ROOT / name).read_text("utf-8")))
        for name in ("README.md", "README.zh-CN.md")
    )
    assert english == chinese
