"""The page about faults and the tests agree on the rows of the fault matrix."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROWS = set(range(1, 85))
CANNOT_HAPPEN = {2, 56}


def page() -> str:
    return (ROOT / "docs" / "faults.md").read_text("utf-8")


def numbers(cell: str) -> Iterator[int]:
    """ "1, 3–5" → 1, 3, 4, 5."""
    for first, last in re.findall(r"(\d+)(?:–(\d+))?", cell):
        yield from range(int(first), int(last or first) + 1)


def rows_of(part: str) -> list[int]:
    return [row for cell in re.findall(r"^\| ([\d, –]+) \|", part, re.M) for row in numbers(cell)]


def test_every_row_is_explained_once() -> None:
    explained, _, _ = page().partition("## The tests")
    assert sorted(rows_of(explained)) == sorted(ROWS)


def test_every_row_has_a_test_that_bears_its_number() -> None:
    tests = "".join(path.read_text("utf-8") for path in (ROOT / "tests").rglob("test_*.py"))
    named = {int(row) for row in re.findall(r"row_(\d\d)_", tests)}
    assert ROWS - named == CANNOT_HAPPEN


def test_every_row_is_in_the_list_of_tests_whose_files_are_there() -> None:
    _, _, listed = page().partition("## The tests")
    assert set(rows_of(listed)) == ROWS
    assert [
        one for one in re.findall(r"`(tests/\S+\.py)`", listed) if not (ROOT / one).exists()
    ] == []
