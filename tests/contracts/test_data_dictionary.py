"""The data dictionary, in both languages, describes what a database has, and its queries answer.

When tables or columns change, the failure says which row or section to add to which page.
"""

import re
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Enum, inspect, text

from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.adapters.db.engine import create_engine
from meeting_pipeline.adapters.db.run_lock import DatabaseRunLock
from meeting_pipeline.adapters.db.schema import metadata
from meeting_pipeline.domain.enums import Phase
from meeting_pipeline.domain.lock_holder import LockHolder
from meeting_pipeline.domain.model import Usage
from meeting_pipeline.domain.stages import RecordStatus, StageName, StageStatus
from meeting_pipeline.ports.rows import StageFailure
from tests.support.rows import MONDAY, SETTINGS, meta, minutes, stay

DOCS = Path(__file__).parents[2] / "docs"
ENGLISH, CHINESE = "data-dictionary.md", "data-dictionary.zh-CN.md"
HEADERS = {ENGLISH: "| column | unit | meaning |", CHINESE: "| 列 | 单位 | 含义 |"}
LOCK = "run_lock"  # of MySQL and MariaDB alone, and made by the first run
COLUMNS = [column for table in metadata.sorted_tables for column in table.c]

Columns = dict[str, list[str]]
"""The columns of each table, in their order."""

each_page = pytest.mark.parametrize("page", HEADERS)


def described(page: str) -> dict[str, dict[str, str]]:
    """What a page says of each column of each table."""
    content = (DOCS / page).read_text("utf-8")
    sections = re.findall(r"^## (\w+)$(.*?)(?=^## |\Z)", content, re.M | re.S)
    return {
        name: dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", section, re.M))
        for name, section in sections
        if HEADERS[page] in section
    }


def queries(page: str) -> list[str]:
    return re.findall(r"^```sql\n(.*?)```$", (DOCS / page).read_text("utf-8"), re.M | re.S)


def tables_of(database_url: str, *, with_lock: bool) -> Columns:
    """The tables of a real database; `with_lock`: after a run has taken the lock."""
    if with_lock:
        lock = DatabaseRunLock(database_url, LockHolder.here("cron", MONDAY))
        assert lock.take()
        lock.close()
    engine = create_engine(database_url)
    seen = inspect(engine)
    there = {
        name: [column["name"] for column in seen.get_columns(name)]
        for name in seen.get_table_names()
    }
    engine.dispose()
    return there


def corrections(page: str, said: Columns, there: Columns) -> list[str]:
    """Say what to add to a page, or to remove from it, and where."""
    found = [f"docs/{page}: remove the section `## {name}`" for name in said if name not in there]
    for table, columns in there.items():
        if table not in said:
            rows = "\n".join(map(row_for, columns))
            found.append(
                f"docs/{page}: add this section before the queries, with one sentence on what a "
                f"row is:\n\n## {table}\n\n{HEADERS[page]}\n|---|---|---|\n{rows}\n"
            )
            continue
        where = f"docs/{page}, section `## {table}`"
        for before, column in zip(["", *columns], columns, strict=False):
            if column not in said[table]:
                place = f"below the row of `{before}`" if before else "as the first row"
                found.append(f"{where}: add this row {place}:\n{row_for(column)}")
        gone = [column for column in said[table] if column not in columns]
        found += [f"{where}: remove the row of `{column}`" for column in gone]
    return found


def row_for(column: str) -> str:
    return f"| `{column}` | UNIT | MEANING |"


@each_page
def test_a_page_has_the_tables_and_columns_of_a_database_and_no_others(
    page: str, database_url: str, engine_name: str
) -> None:
    said = {name: list(columns) for name, columns in described(page).items()}
    has_lock = engine_name == "mariadb"
    if not has_lock:
        said.pop(LOCK)

    wrong = corrections(page, said, tables_of(database_url, with_lock=has_lock))

    assert not wrong, "\n".join(wrong)


@each_page
def test_a_page_names_every_value_of_a_column_with_a_fixed_choice(page: str) -> None:
    said = described(page)
    missing = [
        f"docs/{page}, section `## {column.table.name}`: name the value `{value}` "
        f"in the row of `{column.name}`"
        for column in COLUMNS
        if isinstance(column.type, Enum)
        for value in column.type.enums
        if f"`{value}`" not in said.get(column.table.name, {}).get(column.name, "")
    ]
    assert not missing, "\n".join(missing)


@each_page
def test_a_page_says_what_null_means_where_a_column_can_be_null_and_nowhere_else(page: str) -> None:
    said = described(page)
    wrong = [
        f"docs/{page}, section `## {column.table.name}`: the row of `{column.name}` must "
        + ("say what NULL means" if column.nullable else "not mention NULL: the column has none")
        for column in COLUMNS
        if ("NULL" in said.get(column.table.name, {}).get(column.name, "")) != column.nullable
    ]
    assert not wrong, "\n".join(wrong)


def test_both_languages_have_the_same_tables_in_the_same_order_and_the_same_queries() -> None:
    english, chinese = (
        [(name, list(columns)) for name, columns in described(page).items()] for page in HEADERS
    )
    assert english == chinese
    assert queries(ENGLISH) == queries(CHINESE)


def test_a_missing_column_is_named_with_the_row_to_add_and_its_place() -> None:
    said: Columns = {"runs": ["id", "cost"], "old": ["id"]}
    there: Columns = {"runs": ["id", "command"], "users": ["id"]}
    assert corrections(ENGLISH, said, there) == [
        "docs/data-dictionary.md: remove the section `## old`",
        "docs/data-dictionary.md, section `## runs`: add this row below the row of `id`:\n"
        "| `command` | UNIT | MEANING |",
        "docs/data-dictionary.md, section `## runs`: remove the row of `cost`",
        "docs/data-dictionary.md: add this section before the queries, with one sentence on what "
        "a row is:\n\n## users\n\n| column | unit | meaning |\n|---|---|---|\n"
        "| `id` | UNIT | MEANING |\n",
    ]


def test_the_five_queries_answer_on_every_engine(database: Database) -> None:
    start = meta(1).start_ts
    both = tuple(stay(name, start=start) for name in ("王老师", "李雷", "韩梅梅"))
    database.recordings.upsert([meta(1, participants=both), meta(2), meta(3), meta(4)])
    first, second, third, fourth = (
        database.reading.find(str(meta(number).key)) or 0 for number in (1, 2, 3, 4)
    )
    database.recordings.save(first, minutes(text="先把项目经历写具体。"))
    database.recordings.save(second, minutes(Phase.OFFER, text="谈薪资。"))
    for number in (first, second):
        database.recordings.finish(number, SETTINGS)
    silent = StageFailure(StageName.EXTRACT, StageStatus.SKIPPED, "silent", "…", made_with=SETTINGS)
    cut = StageFailure(StageName.DOWNLOAD, StageStatus.FAILED, "cut_short", "…", MONDAY)
    database.recordings.set_back(third, silent, RecordStatus.SKIPPED)
    database.recordings.set_back(fourth, cut, RecordStatus.FAILED)
    database.recordings.spent(first, None, Usage("a", "asr", "base", audio_seconds=5400.0))
    database.recordings.spent(first, None, Usage("b", "llm", "kimi", 0.0, 900, 80))
    database.recordings.spent(second, None, Usage("c", "llm", "kimi", 0.0, 100, 20))

    lessons, phases, unfinished, said, used = (
        answered(database, query) for query in queries(ENGLISH)
    )

    assert {(row[0], row[3], row[4]) for row in lessons} == {
        (first, "李雷", "简历优化"),
        (first, "韩梅梅", "简历优化"),
    }
    assert {(who, phase, count, int(length)) for who, phase, count, length in phases} == {
        ("id_李雷", "Offer后续", 1, 60),
        ("id_李雷", "简历优化", 1, 60),
        ("id_韩梅梅", "简历优化", 1, 60),
    }
    assert [row[2:5] for row in unfinished] == [
        ("skipped", "extract", "silent"),
        ("failed", "download", "cut_short"),
    ]
    assert [(row[0], float(row[2]), row[3], row[4]) for row in said] == [
        (first, 2.345, None, "先把项目经历写具体。")
    ]
    assert [(row[0], row[1], row[2], float(row[3]), int(row[4]), int(row[5])) for row in used] == [
        ("asr", "base", 1, 1.5, 0, 0),
        ("llm", "kimi", 2, 0.0, 1000, 100),
    ]


def answered(database: Database, query: str) -> list[tuple[Any, ...]]:
    with database.engine.connect() as connection:
        return [tuple(row) for row in connection.execute(text(query))]
