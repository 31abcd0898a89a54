"""Rows 41 and 42: a disk that is full or not to be written ends the run, and no record's life."""

import errno
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from meeting_pipeline import exit_codes
from meeting_pipeline.domain.stages import Outcome, RecordStatus, RunReport, StageName, StageStatus
from meeting_pipeline.domain.timing import Resource
from meeting_pipeline.domain.views import RecordingFilter
from meeting_pipeline.errors import FatalError, RecordError
from meeting_pipeline.ports.stage_context import StageContext
from meeting_pipeline.run.gates import Gates
from meeting_pipeline.storage.files import disk_trouble
from tests.support.disks import fill, remount, small_disk
from tests.support.fakes import meta
from tests.support.fault_table import ALL, PARTS
from tests.support.nights import Installation
from tests.support.sandbox_installation import Office

METAS = [meta(number) for number in range(3)]
PAGE = 4096
MOST_PAGES = 600
EVERYBODY = RecordingFilter()


def fresh(folder: Path) -> Installation:
    """The same installation as a new process has it: its gates are open."""
    return Installation(folder, METAS, gates=Gates(dict.fromkeys(Resource, 2)))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    with small_disk(tmp_path / "disk") as folder:
        yield folder


def assert_nobody_is_blamed(installation: Installation) -> None:
    """No record has failed, and no file that has a name is cut."""
    rows = installation.rows()
    views = rows.reading.recordings(EVERYBODY)
    rows.close()
    assert {view.status for view in views} <= {RecordStatus.PENDING, RecordStatus.DONE}
    for view in views:
        folder = installation.folder / "recordings" / view.source / view.record_id
        for entry in view.stages.values():
            if entry.artifact:
                assert (folder / entry.artifact.name).stat().st_size == entry.artifact.size_bytes


def waiting_stages(installation: Installation) -> set[StageName]:
    """The stages that were broken off and cost no attempt."""
    rows = installation.rows()
    entries = [
        entry for view in rows.reading.recordings(EVERYBODY) for entry in view.stages.values()
    ]
    rows.close()
    broken_off = [entry for entry in entries if entry.status is StageStatus.WAITING]
    assert {entry.attempts for entry in broken_off} <= {0}
    return {entry.stage for entry in broken_off}


def assert_all_done(report: RunReport, installation: Installation) -> None:
    assert report.exit_code == exit_codes.OK
    rows = installation.rows()
    views = rows.reading.recordings(EVERYBODY)
    assert {view.status for view in views} == {RecordStatus.DONE}
    assert rows.stats.differences() == []
    rows.close()
    assert [name for name in installation.files() if name.endswith(".part")] == []


def attempt(installation: Installation) -> RunReport | FatalError:
    """One run; a disk that is full from the start lets none begin."""
    try:
        return installation.run()
    except FatalError as refusal:
        return refusal


@pytest.mark.timeout(600)
@pytest.mark.parametrize("part", range(PARTS))
def test_row_41_with_any_room_whatever_the_run_ends_or_is_done_and_nobody_is_blamed(
    part: int, disk: Path, tables: Path
) -> None:
    """Rows, files and media on one disk, with more and more room until a run comes through."""
    codes = set()
    for pages in range(part, MOST_PAGES, 2 * PARTS if ALL else 24):
        installation = fresh(disk / str(pages))
        shutil.copytree(tables, installation.folder)
        installation.media_file()
        ballast = fill(disk, leave=pages * PAGE)
        ended = attempt(installation)
        if isinstance(ended, RunReport) and ended.exit_code == exit_codes.OK:
            break
        code = ended.code if isinstance(ended, FatalError) else ended.stopped_by
        codes.add(code)
        if isinstance(ended, RunReport):
            assert ended.exit_code == exit_codes.STOPPED_EARLY, (pages, ended)
            assert ended.count(Outcome.FAILED) == 0, (pages, ended)
        ballast.unlink()
        assert_nobody_is_blamed(installation)
        again = fresh(installation.folder)
        assert_all_done(again.run(), again)
        shutil.rmtree(installation.folder)
    else:
        pytest.fail("no run came through")
    assert "disk_full" in codes
    assert codes <= {"disk_full", "database_gone"}


def test_row_41_no_room_for_files_stops_the_run_at_whatever_stage_it_is(tmp_path: Path) -> None:
    """Only the files lie on the disk that is full, so the rows can tell."""
    stages: set[StageName] = set()
    with small_disk(tmp_path / "recordings") as disk:
        for pages in range(40):
            ballast = fill(disk, leave=pages * PAGE)
            report = fresh(tmp_path).run()
            if report.exit_code == exit_codes.OK:
                break
            assert (report.exit_code, report.stopped_by) == (5, "disk_full")
            assert report.count(Outcome.FAILED) == 0
            stages |= waiting_stages(fresh(tmp_path))
            ballast.unlink()
            assert_nobody_is_blamed(fresh(tmp_path))
        assert_all_done(report, fresh(tmp_path))
    assert len(stages) > 2


@pytest.mark.parametrize("downloader", ["http", "aria2"])
def test_row_41_a_download_that_leaves_no_room_for_others_is_not_begun(
    office: Office, downloader: str
) -> None:
    """A gigabyte stays free for the rows and everybody else, so eight megabytes are too few."""
    small = replace(office, changes={**office.changes, "DOWNLOADER": downloader})
    with small_disk(office.folder):
        report = small.night()
        assert (report.exit_code, report.stopped_by) == (5, "disk_full")
        assert report.count(Outcome.DEFERRED) == 1
        assert small.only().status is RecordStatus.PENDING
        assert small.only().stages[StageName.DOWNLOAD].attempts == 0
        assert small.files() == []


def test_row_42_a_disk_that_takes_no_more_files_is_full(tmp_path: Path) -> None:
    with small_disk(tmp_path / "recordings", inodes=6):
        report = fresh(tmp_path).run()
        assert (report.exit_code, report.stopped_by) == (5, "disk_full")
        assert report.count(Outcome.FAILED) == 0


def test_row_42_a_disk_that_becomes_unwritable_ends_the_run_in_one_line(tmp_path: Path) -> None:
    with small_disk(tmp_path / "recordings") as disk:

        def turn(context: StageContext) -> None:
            remount(disk, "ro")

        installation = fresh(tmp_path)
        installation.transcriber.trouble = turn
        report = installation.run()
        assert (report.exit_code, report.stopped_by) == (5, "disk_unusable")
        assert report.count(Outcome.DEFERRED) == 3
        [first, *_] = report.records
        assert "Read-only file system" in (first.message or "")
        assert "\n" not in (first.message or "")

        report = fresh(tmp_path).run()
        assert (report.exit_code, report.stopped_by) == (5, "disk_unusable")

        remount(disk, "rw")
        assert_nobody_is_blamed(installation)
        again = fresh(tmp_path)
        assert_all_done(again.run(), again)


def test_row_42_one_folder_that_is_not_ours_stops_nobody_else(tmp_path: Path) -> None:
    foreign = PermissionError(errno.EACCES, "Permission denied", str(tmp_path / "a.part"))
    with pytest.raises(RecordError) as refused, disk_trouble(tmp_path):
        raise foreign
    assert refused.value.code == "folder_refused"
    with pytest.raises(FatalError) as ended, disk_trouble(tmp_path / "not there"):
        raise foreign
    assert ended.value.code == "disk_unusable"


@pytest.mark.parametrize("bug", [FileNotFoundError(errno.ENOENT, "x"), ConnectionResetError()])
def test_what_is_no_trouble_of_the_disk_stays_what_it_is(tmp_path: Path, bug: OSError) -> None:
    with pytest.raises(type(bug)), disk_trouble(tmp_path):
        raise bug
