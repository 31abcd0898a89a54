"""No command is forgotten: each of `docs/cli.md` was typed, with `--json` where it has that."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
EXPECTED = Path(__file__).parent / "expected"
TYPED = re.compile(r"^\$ (?:[A-Z_]+=(?:'[^']*'|\S*) )*meeting (.+)$", re.MULTILINE)
SECTION = re.compile(r"^##+ `meeting ([^`]+)`\n(.*?)(?=^##+ `|\Z)", re.MULTILINE | re.DOTALL)


def documented() -> dict[str, str]:
    """Every command that does something, and what its page says."""
    pages = dict(SECTION.findall((ROOT / "docs" / "cli.md").read_text("utf-8")))
    return {name: page for name, page in pages.items() if "COMMAND [ARGS]" not in page}


def typed() -> list[str]:
    texts = [path.read_text("utf-8") for path in EXPECTED.rglob("*.txt")]
    return [line for text in texts for line in TYPED.findall(text)]


@pytest.mark.parametrize("command", documented())
def test_a_command_is_held_by_golden_files(command: str) -> None:
    lines = [line for line in typed() if f"{line} ".startswith(f"{command} ")]
    assert lines
    if "--json" in documented()[command]:
        assert any("--json" in line.split() for line in lines)
