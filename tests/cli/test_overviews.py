"""`meeting status` and `meeting stats` say how much there is, and why there is nothing."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.domain.lock_holder import LockHolder
from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.runtime.lock_file import run_lock
from tests.support.command import meeting
from tests.support.rows import ALL_TIME, SETTINGS, TEACHER, meta, minutes, stay

NOW = datetime(2026, 2, 1, tzinfo=UTC)


@pytest.fixture
def office(tmp_path: Path) -> dict[str, str]:
    return {"DATA_DIR": str(tmp_path / "data"), "MEETING_FOLDER": str(tmp_path)}


@contextmanager
def rows_of(office: dict[str, str], *teachers: str) -> Iterator[Database]:
    rows = Database(f"sqlite:///{office['DATA_DIR']}/meeting.db", teachers, lambda: NOW)
    rows.make_ready()
    yield rows
    rows.close()


def listed(office: dict[str, str], *metas: RecordMeta, done: bool = True) -> None:
    """Recordings that were listed, and of which there are texts."""
    with rows_of(office, TEACHER) as rows:
        rows.recordings.upsert(metas)
        for number in range(1, len(metas) + 1) if done else ():
            rows.recordings.save(number, minutes())
            rows.recordings.finish(number, SETTINGS)
        rows.stats.refresh()


@pytest.mark.parametrize(
    ("words", "total", "shown"),
    [
        ([], 52, 50),
        (["--limit", "0"], 52, 52),
        (["--limit", "52"], 52, 52),
        (["--limit", "3", "--student", "李雷"], 51, 3),
        (["--limit", "1", "--since", "2026-02-24"], 3, 1),
        (["--due"], 0, 0),
        (["--failed", "--due", "--limit", "1"], 0, 0),
    ],
)
def test_status_tells_how_many_there_are_and_whether_some_are_not_shown(
    office: dict[str, str], words: list[str], total: int, shown: int
) -> None:
    metas = [meta(number) for number in range(1, 52)]
    listed(office, *metas, meta(52, participants=(stay("韩梅梅"),)))

    document = meeting("status", "--json", *words, env=office).document

    assert (document["total"], len(document["recordings"])) == (total, shown)
    assert document["truncated"] is (total > shown)
    said = meeting("status", *words, env=office).out
    assert (f"{shown} / {total} (--limit 0" in said) is (total > shown)


def test_status_counts_what_is_failed_and_due_once(office: dict[str, str]) -> None:
    listed(office, *[meta(number) for number in range(1, 4)], done=False)
    document = meeting("status", "--json", "--due", "--failed", "--limit", "1", env=office).document
    assert (document["total"], document["truncated"]) == (3, True)


def test_a_run_at_work_is_running_and_a_killed_one_is_not(office: dict[str, str]) -> None:
    with rows_of(office) as rows:
        rows.runs.start("cron", ALL_TIME)

    with run_lock(Path(office["DATA_DIR"]) / "run.lock", LockHolder.here("cron", NOW)):
        at_work = meeting("status", env=office).out
    killed = meeting("status", env=office).out

    assert "running since 2026-02-01T08:00:00+08:00" in at_work
    assert "was killed, begun 2026-02-01T08:00:00+08:00" in killed
    assert "None" not in at_work + killed


def nothing(office: dict[str, str]) -> None:
    """No recording was listed."""


def not_done(office: dict[str, str]) -> None:
    listed(office, meta(1), done=False)


def not_on_the_list(office: dict[str, str]) -> None:
    listed(office, replace(meta(1), skip_reason="teacher_not_listed"), done=False)


def nobody_known(office: dict[str, str]) -> None:
    listed(office, meta(1, participants=None))


def only_teachers(office: dict[str, str]) -> None:
    listed(office, meta(1, participants=(stay(TEACHER),)))


@pytest.mark.parametrize(
    ("setup", "said"),
    [
        (nothing, "no recordings yet"),
        (not_done, "1 段录制 recordings, 都没有完成 none is done"),
        (not_on_the_list, "teacher_not_listed 1"),
        (nobody_known, "the source tells no participants"),
        (
            only_teachers,
            "everyone who attended is a teacher: 主持人和 hosts, TEACHER_WHITELIST (1)",
        ),
    ],
)
def test_stats_without_students_say_why(
    office: dict[str, str], setup: Callable[[dict[str, str]], None], said: str
) -> None:
    setup(office)
    settings = {**office, "TEACHER_WHITELIST": f'["{TEACHER}"]'}

    assert said in meeting("stats", env=settings).out
    document = meeting("stats", "--json", env=settings).document
    assert document["students"] == []
    assert said in document["why_empty"]


def test_stats_find_a_student_by_id_and_by_name(office: dict[str, str]) -> None:
    listed(office, meta(1), meta(2, participants=(stay("李蕾"),)))

    for student in ("id_李雷", "李雷"):
        document = meeting("stats", "--student", student, "--json", env=office).document
        assert [one["student_id"] for one in document["students"]] == ["id_李雷"]
        assert "why_empty" not in document


@pytest.mark.parametrize("wrong", ["李磊", "李雷雷", "id_李", "ID_李雷"])
def test_a_student_that_is_not_there_is_told_the_names_that_are_near(
    office: dict[str, str], wrong: str
) -> None:
    listed(office, meta(1), meta(2, participants=(stay("司马光"),)))

    ended = meeting("stats", "--student", wrong, env=office)

    assert f"没有学员 no student {wrong}" in ended.out
    assert "id_李雷 李雷" in ended.out
    assert "司马光" not in ended.out.split("near to it:")[1].split(",")[0]


def test_a_student_like_no_other_is_told_where_all_are(office: dict[str, str]) -> None:
    listed(office, meta(1))
    document = meeting("stats", "--student", "Xerxes", "--json", env=office).document
    assert document["why_empty"].endswith("→ meeting stats 列出全部 lists all of them")


def test_a_student_whose_recordings_are_not_done_is_told_so(office: dict[str, str]) -> None:
    listed(office, meta(1), done=False)
    ended = meeting("stats", "--student", "李雷", env=office)
    assert "meeting status --student 李雷" in ended.out
