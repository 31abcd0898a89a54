"""The texts of the project use the standard words of docs/glossary.md, and none that it retired."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RETIRED = {
    r"\banew\b": "again, or a precise verb",
    r"\bmend(s|ed|ing)?\b": "repair, correct, fix",
    r"\b(some|no)body\b|\bwhoever\b": "the user, the caller, no process …",
    r"\b(go|goes|going|gone|went) on with\b": "resume, continue",
    r"\bgoes on\b": "continues, resumes",
    r"\bso many\b": "that many, or the number",
    r"\bstands\b": "is",
    r"\bhow-manieth\b": "N-th",
    r"\bwhich is none\b": "say what is missing",
    r"(?<!there )\b(is|are) no (JSON|file|audio|number|date|list|text|object|secret)\b": "is not …",
    "(?<!提)取音": "提取音频",
    "自然键": "唯一标识",
}
"""Regular expressions of retired words, each with what to write instead."""
SUFFIXES = {".py", ".toml", ".sql", ".mako", ".md", ".txt", ".json"}


@pytest.mark.parametrize("words", RETIRED)
def test_no_text_uses_a_retired_word(words: str) -> None:
    pattern = re.compile(words, re.IGNORECASE)
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()}"
        for path in texts()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]
    assert not found, f"write {RETIRED[words]} instead:\n" + "\n".join(found)


def texts() -> Iterator[Path]:
    """Yield the files of the package, of the benchmarks and the documents that people read."""
    for folder in ("meeting_pipeline", "bench", "docs", "sql"):
        for path in (ROOT / folder).rglob("*"):
            if path.suffix in SUFFIXES and path.is_file():
                yield path
    for pattern in ("*.md", ".env.example", "pyproject.toml", "cron_incremental.py"):
        yield from ROOT.glob(pattern)
