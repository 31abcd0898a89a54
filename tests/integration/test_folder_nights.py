"""Nights over a folder in which one file is bad: it has a row that says so, and the rest is done.

Real decoders, files and sockets; the sandbox is the speech service.
"""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from meeting_pipeline import exit_codes
from meeting_pipeline.domain.stages import RecordStatus
from meeting_pipeline.files import sha256_of
from meeting_pipeline.sandbox.limits import ROOMY
from meeting_pipeline.sandbox.server import Sandbox
from tests.support import undecodable
from tests.support.lessons import SHORT_IS_FINE, company, tone
from tests.support.offices import Office


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
    for name in undecodable.NAMES:
        undecodable.undecodable(site.folder / name)

    report = site.office.night()

    assert report.exit_code == exit_codes.RECORDS_FAILED
    assert (report.listed, report.listing_complete) == (5, True)
    done = {"a 2026-01-05.m4a": RecordStatus.DONE, "z 2026-01-06.m4a": RecordStatus.DONE}
    failed = dict.fromkeys(undecodable.NAMES, RecordStatus.FAILED)
    assert site.statuses() == done | failed
    failures = [record for record in report.records if record.error_code]
    assert {record.error_code for record in failures} == {"unsupported_codec"}
    assert all("convert the recording" in (record.message or "") for record in failures)
    for name in undecodable.NAMES:
        assert f"{name!r}: no decoder for its sound here" in caplog.text


def test_whatever_lies_in_the_folder_what_can_be_heard_is_done(site: Site) -> None:
    site.put("a 2026-01-05.m4a", 1)
    site.put("z 2026-01-06.m4a", 2)
    gbk = site.put("gbk.m4a", 4)
    gbk.rename(site.folder / os.fsdecode("张三".encode("gbk") + b"\n.m4a"))
    (site.folder / "noise.mp4").write_bytes(os.urandom(4_000))
    os.mkfifo(site.folder / "a 2026-01-05.json")
    os.mkfifo(site.folder / "pipe.m4a")
    with (site.folder / "z 2026-01-06.json").open("wb") as stream:
        stream.truncate(3 << 30)

    report = site.office.night()

    assert report.exit_code == exit_codes.RECORDS_FAILED
    assert (report.listed, report.listing_complete, report.waiting) == (4, True, 0)
    statuses = site.statuses()
    done = [name for name, status in statuses.items() if status is RecordStatus.DONE]
    assert {"a 2026-01-05.m4a", "z 2026-01-06.m4a"} <= set(done)
    assert statuses["noise.mp4"] is RecordStatus.FAILED
