"""An export as a file: whole or not there, and nothing else is ever replaced by it."""

import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting_pipeline.domain.enums import ExportFormat
from meeting_pipeline.errors import FatalError, UsageError
from meeting_pipeline.reporting import csv
from meeting_pipeline.reporting.exports import Export, save
from tests.support.crash import killed_at
from tests.support.disks import fill, small_disk
from tests.support.exported import SHANGHAI, document, exported

NOW = datetime(2026, 2, 1, tzinfo=UTC)


def pieces(form: ExportFormat, *texts: str) -> Iterator[str]:
    return Export(form, SHANGHAI).pieces((exported(text) for text in texts), NOW)


@pytest.mark.parametrize("form", ExportFormat)
def test_a_file_is_for_its_owner_only_and_replaces_any_export(
    form: ExportFormat, tmp_path: Path
) -> None:
    target = tmp_path / "录制"
    for older in ExportFormat:
        save(pieces(older, "旧"), target)
        size_bytes = save(pieces(form, "新"), target)
        assert target.read_bytes().decode() == "".join(pieces(form, "新"))
        assert size_bytes == target.stat().st_size
    assert target.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["录制"]


@pytest.mark.parametrize("form", ExportFormat)
def test_without_recordings_it_is_replaced_like_any_other(
    form: ExportFormat, tmp_path: Path
) -> None:
    target = tmp_path / "empty"
    for texts in ((), ("好",), ()):
        save(pieces(form, *texts), target)
    assert target.read_bytes().decode() == "".join(pieces(form))


def test_security_12_nothing_but_an_older_export_is_replaced(tmp_path: Path) -> None:
    kept = tmp_path / ".env"
    kept.write_text("KIMI_API_KEY=sk-canary\n", "utf-8")
    (tmp_path / "link").symlink_to(kept)
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    os.mkfifo(tmp_path / "pipe")
    refused = {
        tmp_path / "link": "not_a_file",
        tmp_path / "dangling": "not_a_file",
        tmp_path / "pipe": "not_a_file",
        tmp_path: "not_a_file",
        Path("/dev/null"): "not_a_file",
        kept: "not_an_export",
        tmp_path / "nowhere" / "x.csv": "no_such_folder",
        kept / "x.csv": "no_such_folder",
    }
    before = sorted(tmp_path.iterdir())
    for target, code in refused.items():
        with pytest.raises(UsageError) as refusal:
            save(pieces(ExportFormat.CSV, "好"), target)
        assert refusal.value.code == code
    assert sorted(tmp_path.iterdir()) == before
    assert kept.read_text("utf-8") == "KIMI_API_KEY=sk-canary\n"


def test_a_foreign_part_file_beside_it_is_kept(tmp_path: Path) -> None:
    kept = tmp_path / "x.csv.part"
    kept.write_bytes(b"mine")
    save(pieces(ExportFormat.CSV, "好"), tmp_path / "x.csv")
    assert kept.read_bytes() == b"mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.csv", "x.csv.part"]


def test_killed_at_any_step_the_older_export_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "x.csv"
    save(pieces(ExportFormat.CSV, "旧"), target)
    before, step = target.read_bytes(), 1
    while killed_at(step, lambda: save(pieces(ExportFormat.CSV, "新"), target)):
        assert target.read_bytes() == before
        step += 1
    assert step > 2
    assert target.read_bytes().decode() == "".join(pieces(ExportFormat.CSV, "新"))


def test_row_41_on_a_full_disk_the_older_export_stays(tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "1m") as disk:
        target = disk / "x.html"
        save(pieces(ExportFormat.HTML, "旧"), target)
        before = target.read_bytes()
        fill(disk, leave=16 << 10)
        with pytest.raises(FatalError) as refusal:
            save(pieces(ExportFormat.HTML, *["好" * 5000] * 4), target)
        assert refusal.value.code == "disk_full"
        assert target.read_bytes() == before
        assert list(disk.glob(".meeting-*")) == []


def test_what_ends_half_way_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> Iterator[str]:
        yield "\ufeffid,source,"
        raise FatalError("database_gone", "no answer")

    with pytest.raises(FatalError):
        save(broken(), tmp_path / "x.csv")
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_made_it_is_said() -> None:
    with pytest.raises(FatalError) as refusal:
        save(pieces(ExportFormat.CSV), Path("/proc/export.csv"))
    assert refusal.value.code == "export_failed"


@settings(max_examples=100, deadline=None)
@given(st.lists(st.text(), max_size=3))
def test_security_12_json_is_one_document_or_a_recording_a_line(texts: list[str]) -> None:
    wanted = [document(exported(text), transcripts=False) for text in texts]
    whole = "".join(pieces(ExportFormat.JSON, *texts))
    lines = "".join(pieces(ExportFormat.JSON_LINES, *texts))
    assert json.loads(whole) == {"recordings": wanted}
    assert [json.loads(line) for line in lines.splitlines()] == wanted


@pytest.mark.parametrize(
    "foreign",
    [
        '{"recordings": [',
        '{"recordings": [\n{"id": "7", "artist": "Bach"}\n]}\n',
        '{"recordings": [\n]}\nand a diary\n',
        '{"id": "7", "artist": "Bach"}\n',
        '{"id": "',
        "\ufeffid,source,price\r\n1,shop,3\r\n",
        csv.HEADERS[0].decode().rstrip() + ",my notes\r\n",
        "<!doctype html>\n<html>a page</html>\n",
        "[" * 5000,
    ],
)
def test_a_file_that_only_begins_like_an_export_is_kept(foreign: str, tmp_path: Path) -> None:
    target = tmp_path / "x.json"
    target.write_bytes(foreign.encode())
    with pytest.raises(UsageError) as refusal:
        save(pieces(ExportFormat.JSON, "好"), target)
    assert refusal.value.code == "not_an_export"
    assert target.read_bytes() == foreign.encode()
    assert [path.name for path in tmp_path.iterdir()] == ["x.json"]


def begun(form: ExportFormat) -> str:
    return "".join(pieces(form, "好", "不错"))


@pytest.mark.parametrize(
    "foreign",
    [
        begun(ExportFormat.JSON_LINES) + '{"foreign": 1}\n',
        begun(ExportFormat.JSON_LINES) + "\n",
        begun(ExportFormat.JSON_LINES).replace('"id": "', '"id": "x'),
        begun(ExportFormat.JSON).replace("]}\n", '{"foreign": 1}\n]}\n'),
        begun(ExportFormat.JSON).replace("]}\n", ""),
        begun(ExportFormat.JSON) + "and a diary\n",
        begun(ExportFormat.HTML)[:200] + "FOREIGN",
        begun(ExportFormat.HTML)[:200] + "FOREIGN</body>\n</html>\n",
        begun(ExportFormat.HTML) + "and a diary\n",
        begun(ExportFormat.HTML).replace("<footer>", "<p>my notes</p>\n<footer>"),
        begun(ExportFormat.HTML).replace("<article>", "<p>my notes</p>\n<article>", 1),
        csv.HEADERS[0].decode() + "my,notes\r\n",
        csv.HEADERS[1].decode() + "my,notes\r\n",
        csv.HEADERS[0].decode() + "\r\n",
        csv.HEADERS[0].decode() + ",".join("n" * len(csv.COLUMNS)) + "\r\n",
        begun(ExportFormat.CSV) + "my notes\r\n",
        begun(ExportFormat.CSV) + '"never closed',
    ],
)
def test_an_export_that_does_not_end_as_one_is_kept(foreign: str, tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_bytes(foreign.encode())
    with pytest.raises(UsageError) as refusal:
        save(pieces(ExportFormat.JSON, "好"), target)
    assert refusal.value.code == "not_an_export"
    assert target.read_bytes() == foreign.encode()


@pytest.mark.parametrize("form", ExportFormat)
def test_an_export_of_long_and_strange_texts_is_replaced(
    form: ExportFormat, tmp_path: Path
) -> None:
    texts = ("好" * 200_000, "</article>\n<footer>\n", '"a","b"\r\n\n]}\n\u2028\x85', "=1;\n+2")
    target = tmp_path / "x"
    save(pieces(form, *texts), target)
    save(pieces(form, "新"), target)
    assert target.read_bytes().decode() == "".join(pieces(form, "新"))


def test_two_exports_to_one_name_are_both_whole(tmp_path: Path) -> None:
    target = tmp_path / "x.csv"

    def interrupted() -> Iterator[str]:
        first, *rest = pieces(ExportFormat.CSV, "一", "二")
        yield first
        save(pieces(ExportFormat.CSV, "三"), target)
        assert target.read_bytes().decode() == "".join(pieces(ExportFormat.CSV, "三"))
        yield from rest

    save(interrupted(), target)
    assert target.read_bytes().decode() == "".join(pieces(ExportFormat.CSV, "一", "二"))
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]


def test_a_file_that_appears_while_the_export_is_written_is_kept(tmp_path: Path) -> None:
    target = tmp_path / "x.csv"

    def slow() -> Iterator[str]:
        yield from pieces(ExportFormat.CSV, "好")
        target.write_bytes(b"a diary")

    with pytest.raises(UsageError):
        save(slow(), target)
    assert target.read_bytes() == b"a diary"
    assert [path.name for path in tmp_path.iterdir()] == ["x.csv"]


def test_what_a_killed_export_left_is_removed_by_the_next(tmp_path: Path) -> None:
    step = 1
    while killed_at(step, lambda: save(pieces(ExportFormat.CSV, "好"), tmp_path / "x.csv")):
        save(pieces(ExportFormat.CSV, "好"), tmp_path / "y.csv")
        assert {path.name for path in tmp_path.iterdir()} <= {"x.csv", "y.csv"}
        step += 1
    assert step > 2
