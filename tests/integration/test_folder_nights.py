"""Nights over a folder in which one file is bad: it has a row that says so, and the rest is done.

Real decoders, files and sockets; the sandbox is the speech service.
"""

import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from meeting_pipeline import exit_codes
from meeting_pipeline.domain.stages import RecordStatus
from meeting_pipeline.sandbox.limits import ROOMY
from meeting_pipeline.sandbox.server import Sandbox
from meeting_pipeline.storage.files import sha256_of
from tests.support import undecodable_media
from tests.support.command import meeting
from tests.support.generated_media import Take, pipe
from tests.support.sandbox_installation import Office
from tests.support.short_recordings import SHORT_IS_FINE, company, tone

ODD_NAME = os.fsdecode("张三".encode("gbk") + b"\n.m4a")


@dataclass(frozen=True)
class Site:
    """A folder of recordings and an installation that reads it."""

    folder: Path
    office: Office

    def put(self, name: str, number: int) -> Path:
        """A lesson whose sound is that of no other number."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        return tone(self.folder.parent, number).rename(path)

    def statuses(self) -> Mapping[str, RecordStatus]:
        """How each file fared, by its name below the folder."""
        rows = self.office.rows()
        files = [path for path in self.folder.rglob("*") if path.suffix != ".json"]
        named = {path.name: rows.get(sha256_of(path)) for path in files if path.is_file()}
        return {name: row.status for name, row in named.items() if row}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    folder = tmp_path / "录制"
    folder.mkdir()
    ours = {
        "MEETING_SOURCE": "folder",
        "MEETING_FOLDER": str(folder),
        "SETTLE_S": "0",
        "LLM_BACKEND": "extractive",
        "NOTIFY_URLS": "",
        **SHORT_IS_FINE,
    }
    with Sandbox(company(), limits=ROOMY) as sandbox:
        yield Site(folder, Office(sandbox, tmp_path / "data", changes=ours))


@pytest.mark.parametrize("program", ["pyav", "ffmpeg"])
def test_a_codec_that_nobody_can_decode_costs_its_own_recording_and_no_other(
    program: str, site: Site, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    if program == "pyav":
        monkeypatch.setenv("PATH", "")
    site.put("a 2026-01-05.m4a", 1)
    site.put("z 2026-01-06.m4a", 2)
    for name in undecodable_media.NAMES:
        undecodable_media.undecodable(site.folder / name)

    report = site.office.night()

    assert report.exit_code == exit_codes.RECORDS_FAILED
    assert (report.listed, report.listing_complete) == (5, True)
    done = {"a 2026-01-05.m4a": RecordStatus.DONE, "z 2026-01-06.m4a": RecordStatus.DONE}
    failed = dict.fromkeys(undecodable_media.NAMES, RecordStatus.FAILED)
    assert site.statuses() == done | failed
    failures = [record for record in report.records if record.error_code]
    assert {record.error_code for record in failures} == {"unsupported_codec"}
    assert all("convert the recording" in (record.message or "") for record in failures)
    for name in undecodable_media.NAMES:
        assert f"{name!r}: there is no decoder for its audio" in caplog.text


def test_whatever_lies_in_the_folder_what_can_be_heard_is_done(site: Site) -> None:
    site.put("a 2026-01-05.m4a", 1)
    site.put("z 2026-01-06.m4a", 2)
    ahead = site.put("ahead.m4a", 3)
    tomorrow = (datetime.now(UTC) + timedelta(days=1)).timestamp()
    os.utime(ahead, (tomorrow, tomorrow))
    site.put(ODD_NAME, 4)
    (site.folder / "noise.mp4").write_bytes(os.urandom(4_000))
    os.mkfifo(site.folder / "a 2026-01-05.json")
    os.mkfifo(site.folder / "pipe.m4a")
    with (site.folder / "z 2026-01-06.json").open("wb") as stream:
        stream.truncate(3 << 30)

    report = site.office.night()

    assert report.exit_code == exit_codes.RECORDS_FAILED
    assert (report.listed, report.listing_complete, report.waiting) == (5, True, 0)
    good = ("a 2026-01-05.m4a", "z 2026-01-06.m4a", "ahead.m4a", ODD_NAME)
    failed = {"noise.mp4": RecordStatus.FAILED}
    assert site.statuses() == dict.fromkeys(good, RecordStatus.DONE) | failed


def test_a_file_dated_in_the_future_is_done_by_every_verb_and_the_operator_is_told(
    site: Site,
) -> None:
    ahead = site.put("ahead.m4a", 1)
    later = datetime.now(UTC) + timedelta(days=2000)
    os.utime(ahead, (later.timestamp(), later.timestamp()))
    words = ("--since", "7d", "--json")

    planned = meeting("run", *words, "--dry-run", env=site.office.environment)
    assert planned.document["new"] == 1
    ended = meeting("run", *words, "--limit", "1", env=site.office.environment)

    assert ended.code == exit_codes.OK, ended.err
    assert "'ahead.m4a': its file time is in the future" in ended.err
    assert [record["status"] for record in ended.document["records"]] == ["done"]
    start = site.office.only().start_ts
    assert datetime.now(UTC) - timedelta(hours=1) < start < datetime.now(UTC)
    assert site.office.night().due == 0
    assert site.office.only().start_ts == start


WITHOUT_LENGTH = {
    "live.webm": Take(codec="libopus", muxer="webm", seconds=65, changes=(("live", "1"),)),
    "pieces.mp4": Take(
        muxer="mp4",
        seconds=65,
        changes=(("movflags", "frag_keyframe+empty_moov+default_base_moof"),),
    ),
    "plain.mp3": Take(codec="mp3", muxer="mp3", seconds=65, changes=(("write_xing", "0"),)),
}


@pytest.mark.parametrize("name", WITHOUT_LENGTH)
def test_a_container_without_a_length_gives_the_same_numbers_as_one_with_a_length(
    site: Site, name: str
) -> None:
    office = replace(site.office, changes={**site.office.changes, "TEACHER_WHITELIST": ""})
    pipe(site.folder / name, WITHOUT_LENGTH[name])
    note = {"start": "2026-01-05 19:30", "participants": [{"userid": "stu1", "name": "王同学"}]}
    (site.folder / name).with_suffix(".json").write_text(json.dumps(note), "utf-8")

    assert office.night().exit_code == exit_codes.OK

    row = office.only()
    assert row.status is RecordStatus.DONE, row
    assert row.duration_s == pytest.approx(65, abs=1)
    assert row.end_ts == row.start_ts + timedelta(seconds=row.duration_s or 0)
    shown = meeting("show", "1", "--json", env=office.environment).document
    assert [one["seconds"] for one in shown["attendance"]] == [row.duration_s]
    stats = meeting("stats", "--json", env=office.environment).document
    assert [one["total_duration"] for one in stats["students"]] == [1]
    again = office.night()
    assert (again.due, office.only()) == (0, row)


def test_what_a_sidecar_says_in_vain_is_in_every_report_of_its_recording(site: Site) -> None:
    site.put("课 2026-01-05.m4a", 1)
    (site.folder / "课 2026-01-05.json").write_text('{"subject": "数学", "end": "25:00"}')
    note = "课 2026-01-05.json: end is not a time: '25:00'"
    window = ("--since", "2026-01-01")

    planned = meeting("run", *window, "--dry-run", "--json", env=site.office.environment)
    ended = meeting("run", *window, "--json", env=site.office.environment)
    told = meeting("run", *window, env=site.office.environment)

    record_id = site.office.only().record_id
    for document in (planned.document, ended.document):
        assert document["notes"] == [
            {"source": "folder", "record_id": record_id, "subject": "数学", "notes": [note]}
        ]
    assert f"数学: {note}" in told.out
    for verb in ("show", "why"):
        assert note in meeting(verb, record_id, env=site.office.environment).out
        shown = meeting(verb, record_id, "--json", env=site.office.environment)
        assert shown.document["notes"] == [note]
    status = meeting("status", "--json", env=site.office.environment)
    assert [one["notes"] for one in status.document["recordings"]] == [[note]]


def test_what_is_not_listed_is_counted_by_reason_in_every_report(site: Site) -> None:
    site.put("课 2026-01-05.m4a", 1)
    site.put("#recycle/删掉的课.m4a", 2)
    for name in ("讲义.pdf", "讲义.pptx", "别的课.mp4.crdownload"):
        (site.folder / name).write_bytes(b"")
    window = ("--since", "2026-01-01")

    planned = meeting("run", *window, "--dry-run", "--json", env=site.office.environment)
    ended = meeting("run", *window, "--json", env=site.office.environment)

    for document in (planned.document, ended.document):
        assert document["listed"] == 1
        assert document["left_out"] == {"other_kind": 2, "unfinished": 1, "housekeeping": 1}
        [sentences] = [one["notes"] for one in document["notes"] if one["record_id"] is None]
        assert len(sentences) == 3
