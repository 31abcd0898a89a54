"""`meeting export` as people and scripts meet it."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.domain.enums import Phase
from tests.support.command import meeting
from tests.support.exported import page, sheet
from tests.support.rows import SETTINGS, TEACHER, meta, minutes


@pytest.fixture
def office(tmp_path: Path) -> dict[str, str]:
    """The settings of an installation with three lessons; of the second there are texts."""
    data = tmp_path / "data"
    now = datetime(2026, 2, 1, tzinfo=UTC)
    rows = Database(f"sqlite:///{data / 'meeting.db'}", [TEACHER], lambda: now)
    rows.make_ready()
    rows.recordings.upsert([meta(1), meta(2), meta(3, participants=None)])
    rows.recordings.save(2, minutes(Phase.OFFER, text="=cmd|' /C calc'!A0"))
    rows.recordings.finish(2, SETTINGS)
    rows.close()
    return {"DATA_DIR": str(data), "MEETING_FOLDER": str(tmp_path)}


@pytest.fixture
def target(tmp_path: Path) -> Path:
    return tmp_path / "录制.csv"


def test_a_sheet_for_excel_with_every_recording(office: dict[str, str], target: Path) -> None:
    ended = meeting("export", "--output", str(target), env=office)

    assert ended.code == 0, ended.err
    assert "已导出 exported 3 recordings" in ended.out
    rows = sheet(target.read_bytes().decode())
    assert [row["id"] for row in rows] == ["3", "2", "1"]
    assert [row["phase"] for row in rows] == ["", "Offer后续", ""]
    assert [row["participants_known"] for row in rows] == ["false", "true", "true"]
    assert "两人改了简历。" in rows[1]["summary"]
    assert (rows[1]["teachers"], rows[1]["students"]) == ("王老师", "李雷")
    assert target.stat().st_mode & 0o777 == 0o600


def test_standard_output_has_the_same_bytes(office: dict[str, str], target: Path) -> None:
    meeting("export", "-o", str(target), "--transcripts", env=office)

    printed = meeting("export", "--transcripts", env=office)

    # the pipe was read as text, in which an end of line is one sign
    assert printed.out == target.read_bytes().decode().replace("\r\n", "\n")
    assert (printed.code, printed.err) == (0, "")


def test_the_format_follows_from_the_name_or_is_said(office: dict[str, str], target: Path) -> None:
    for form in ("html", "json", "jsonl"):
        named = target.with_suffix(f".{form}")
        assert meeting("export", "-o", str(named), env=office).code == 0
        said = meeting("export", "--format", form, "-o", str(target), env=office)
        assert said.code == 0, said.err
        assert len(target.read_text("utf-8")) == len(named.read_text("utf-8"))
    shown = page([target.with_suffix(".html").read_text("utf-8")])
    assert len(shown.shown_in("h2")) == 3
    lines = target.with_suffix(".jsonl").read_text("utf-8").splitlines()
    document = json.loads(target.with_suffix(".json").read_text("utf-8"))
    assert document["recordings"] == [json.loads(line) for line in lines]


def test_a_file_whose_ending_is_refused_is_not_written(
    office: dict[str, str], target: Path
) -> None:
    sheet_file = target.with_suffix(".xlsx")
    assert meeting("export", "-o", str(sheet_file), env=office).code == 2
    assert not sheet_file.exists()
    assert meeting("export", "-o", str(target.with_suffix("")), env=office).code == 0


def test_with_json_there_is_exactly_one_document(office: dict[str, str], target: Path) -> None:
    printed = meeting("export", "--json", env=office)
    assert printed.document["recordings"][0]["record_id"] == meta(3).key.record_id
    assert printed.document["recordings"][1]["start_ts"] == "2026-01-07T19:30:00+08:00"

    report = meeting("export", "--json", "-o", str(target), env=office).document
    wanted = {"file": str(target), "format": "csv", "recordings": 3}
    assert report == {**wanted, "size_bytes": target.stat().st_size}

    both = meeting("export", "--json", "--format", "csv", env=office)
    assert (both.code, both.document["error"]["code"]) == (2, "two_documents")


def test_texts_are_in_it_only_when_they_are_asked_for(office: dict[str, str]) -> None:
    for form in ("csv", "html", "json", "jsonl"):
        assert "calc" not in meeting("export", "--format", form, env=office).out
        assert "calc" in meeting("export", "--format", form, "--transcripts", env=office).out


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        (["--phase", "Offer后续"], ["2"]),
        (["--phase", "其他"], []),
        (["--student", "李雷"], ["2", "1"]),
        (["--student", "id_李雷", "--since", "2026-01-07"], ["2"]),
        (["--since", "2026-01-07"], ["3", "2"]),
        (["--until", "2026-01-07"], ["2", "1"]),
        (["--since", "2026-01-07", "--until", "2026-01-07"], ["2"]),
        (["--since", "2026-01-10"], []),
    ],
)
def test_filters_narrow_it_down(
    office: dict[str, str], words: list[str], wanted: list[str]
) -> None:
    ended = meeting("export", "--json", *words, env=office)
    assert [one["id"] for one in ended.document["recordings"]] == wanted


def test_nothing_to_export_is_a_document_without_recordings(
    office: dict[str, str], tmp_path: Path
) -> None:
    for form, printed in (("json", '{"recordings": [\n]}\n'), ("jsonl", "")):
        ended = meeting("export", "--format", form, "--student", "没有这个人", env=office)
        assert (ended.code, ended.out) == (0, printed)
    nothing = meeting("export", env={**office, "DATA_DIR": str(tmp_path / "new")})
    assert (nothing.code, sheet(nothing.out)) == (0, [])


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["-o", "/proc/export.csv"], 5, "export_failed"),
        (["-o", "/dev/null"], 2, "not_a_file"),
        (["-o", "/no/such/folder/x.csv"], 2, "no_such_folder"),
        (["--phase", "入职"], 2, "--phase"),
        (["--format", "xls"], 2, "--format"),
        (["--since", "gestern"], 2, "gestern"),
        (["--since", "2026-02-01", "--until", "2026-01-01"], 2, "bad_time"),
        (["-o", "一月.xlsx"], 2, ".csv"),
        (["-o", "一月.XLS"], 2, ".html"),
        (["-o", "report.pdf", "--json"], 2, "unknown_format"),
        (["-o", "一月.docx", "--transcripts"], 2, ".json"),
    ],
)
def test_a_mistake_is_one_line_with_its_exit_code(
    office: dict[str, str], words: list[str], code: int, said: str
) -> None:
    ended = meeting("export", *words, env=office)
    assert ended.code == code, ended.err
    assert said in ended.err
    assert "Traceback" not in ended.err


def test_what_is_there_and_no_export_stays(office: dict[str, str]) -> None:
    database = Path(office["DATA_DIR"]) / "meeting.db"
    before = database.read_bytes()
    ended = meeting("export", "-o", str(database), "--json", env=office)
    assert (ended.code, ended.document["error"]["code"]) == (2, "not_an_export")
    assert database.read_bytes() == before


def test_it_works_while_a_run_is_at_work(office: dict[str, str]) -> None:
    from meeting_pipeline.domain.lock_holder import LockHolder
    from meeting_pipeline.runtime.lock_file import run_lock

    holder = LockHolder.here("cron", datetime(2026, 1, 5, 3, 0, tzinfo=UTC))
    with run_lock(Path(office["DATA_DIR"]) / "run.lock", holder):
        assert meeting("export", env=office).code == 0


def test_the_help_says_whose_the_file_is() -> None:
    said = " ".join(meeting("export", "--help").out.split())
    assert "csv for Excel, html for people" in said
    assert "`meeting erase` and `meeting cleanup` do not reach it" in said


@pytest.mark.parametrize("form", ["csv", "html", "json", "jsonl"])
@pytest.mark.parametrize("ending", [".xlsx", ".XLS", ".ods", ".pdf", ".zip"])
def test_a_name_for_another_program_is_refused_whatever_the_format(
    office: dict[str, str], target: Path, form: str, ending: str
) -> None:
    named = target.with_suffix(ending)
    ended = meeting("export", "--format", form, "-o", str(named), env=office)
    assert ended.code == 2
    assert f"不能导出 {ending.lower()} 文件" in ended.err
    assert ".csv" in ended.err
    assert not named.exists()


def test_text_of_a_named_format_may_have_any_other_ending(
    office: dict[str, str], target: Path
) -> None:
    named = target.with_suffix(".txt")
    assert meeting("export", "--format", "csv", "-o", str(named), env=office).code == 0
    assert named.exists()
