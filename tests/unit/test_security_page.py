"""The page about security and the tests agree."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINES = {*range(1, 10), 12}
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")


def table() -> dict[int, list[str]]:
    """The files that each line of the table names as its proof."""
    rows = re.findall(r"^\| (\d+) \|.*\|(.*)\|$", PAGE, re.M)
    assert len({number for number, _ in rows}) == len(rows)
    return {int(number): re.findall(r"`(tests/\S+\.py)`", cell) for number, cell in rows}


def bearing(line: int) -> set[str]:
    """The files with a test that bears the number of that line."""
    named = re.compile(rf"def test_\w*security_{line:02d}_")
    files = (path for path in (ROOT / "tests").rglob("test_*.py"))
    return {str(path.relative_to(ROOT)) for path in files if named.search(path.read_text("utf-8"))}


def test_every_line_is_promised_once_and_says_where_it_is_proven() -> None:
    assert set(table()) == LINES
    assert all(table().values())


def test_every_line_has_tests_that_bear_its_number_in_the_files_that_it_names() -> None:
    for line, files in table().items():
        named = {file for file in files if Path(file).name.startswith("test_")}
        assert bearing(line) == named, f"line {line}"


def test_every_file_that_is_named_is_there() -> None:
    named = {file for files in table().values() for file in files}
    assert [file for file in named if not (ROOT / file).exists()] == []
