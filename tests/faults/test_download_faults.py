"""Rows of the fault matrix about downloads: no wrong byte becomes audio, none is paid for."""

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from meeting_pipeline.adapters.downloads.aria2 import LARGE_BYTES
from meeting_pipeline.domain.model import RecordKey
from meeting_pipeline.domain.stages import RecordStatus, StageName
from meeting_pipeline.sandbox.faults import Fault, Kind
from meeting_pipeline.sandbox.server import Sandbox
from meeting_pipeline.storage.files import RecordFolder
from tests.support.sandbox_installation import Office
from tests.support.short_recordings import BURSTS, large, lesson, record_id, tone

FAILED = 4
OF_LESSON = {(0, place): 1 for place in BURSTS}


@pytest.fixture(params=["http", "aria2"])
def either(office: Office, request: pytest.FixtureRequest) -> Office:
    """The installation with the one and with the other downloader."""
    return replace(office, changes={**office.changes, "DOWNLOADER": request.param})


def assert_done_once(office: Office) -> None:
    """Done from exactly the bytes of the lesson."""
    assert office.only().status is RecordStatus.DONE
    assert office.sandbox.ledger.bursts == OF_LESSON


def assert_refused(office: Office, code: str) -> None:
    """Failed for this reason, nothing paid, nothing left; and done once the fault is gone."""
    assert office.night().exit_code == FAILED
    assert office.first_error() == (code, 1)
    assert not office.sandbox.ledger.uploads and not office.sandbox.ledger.chats
    assert [name for name in office.files() if name.startswith("audio")] == []
    office.sandbox.faults.clear()
    office.make_due()
    assert office.night().exit_code == 0
    assert_done_once(office)


def test_row_26_a_link_that_is_refused_at_the_start_is_replaced(
    either: Office, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault(Kind.FORBIDDEN, "media", calls=(1,)))
    assert either.night().exit_code == 0
    assert sandbox.ledger.calls["addresses"] == 2
    assert_done_once(either)


def test_row_26_links_that_are_always_refused_fail_the_record_and_nothing_else(
    office: Office, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault(Kind.FORBIDDEN, "media"))
    assert_refused(office, "link_expired")


@dataclass(frozen=True)
class Dying:
    """The first request that dies, after so many megabytes.

    lost: of the file, under way where a connection is given up.
    """

    downloader: str
    connections: int
    first_call: int
    megabytes: int
    lost: float


DYING = {
    "one connection": Dying("http", 1, first_call=1, megabytes=4, lost=0.02),
    # after our probe and the one of aria2
    "aria2": Dying("aria2", 2, first_call=3, megabytes=4, lost=0.1),
}


@pytest.mark.parametrize("way", [*DYING])
def test_row_27_a_link_that_dies_half_way_costs_no_byte_twice(
    way: str, office: Office, sandbox: Sandbox, sounds: Path
) -> None:
    dying = DYING[way]
    changes = {"DOWNLOADER": dying.downloader, "DOWNLOAD_CONNECTIONS": str(dying.connections)}
    alone = replace(office, changes={**office.changes, **changes})
    sandbox.company.add(lesson(0, large(tone(sounds), LARGE_BYTES)))
    sandbox.faults.add(
        Fault(Kind.THROTTLE, "media", amount=8 << 20),
        Fault(Kind.EXPIRES_AFTER, "media", calls=(dying.first_call,), amount=dying.megabytes << 20),
    )
    assert alone.night().exit_code == 0
    assert sandbox.ledger.calls["addresses"] >= 2
    assert max(sandbox.ledger.times_fetched().values()) <= 1 + dying.lost
    assert_done_once(alone)


def test_row_28_an_object_that_is_replaced_between_attempts_is_never_mixed(
    either: Office, sandbox: Sandbox, sounds: Path
) -> None:
    other = large(tone(sounds, 1), LARGE_BYTES)
    sandbox.company.add(lesson(0, large(tone(sounds), LARGE_BYTES)))
    sandbox.faults.add(
        Fault(Kind.TRUNCATED, "media", calls=(1, 2)),
        Fault(Kind.CHANGED, "media", calls=range(3, 100), content=other),
    )
    assert either.night().exit_code == 0
    assert sandbox.ledger.bursts == {(1, place): 1 for place in BURSTS}


def test_row_29_a_body_that_breaks_off_anywhere_is_gone_on_with(
    either: Office, sandbox: Sandbox, sounds: Path
) -> None:
    tenths = (1, 5, 9)
    for tenth in tenths:
        sound = large(tone(sounds, tenth), LARGE_BYTES)
        cut = len(sound) * tenth // 10
        sandbox.company.add(lesson(tenth, sound))
        name = record_id(tenth)
        sandbox.faults.add(Fault(Kind.TRUNCATED, "media", name, calls=(1, 2), amount=cut))
    assert either.night().exit_code == 0
    expected = {(number, place): 1 for number in (0, *tenths) for place in BURSTS}
    assert sandbox.ledger.bursts == expected


def test_row_30_half_a_file_without_a_length_is_no_recording(
    office: Office, sandbox: Sandbox
) -> None:
    sandbox.faults.add(Fault(Kind.SHORT_NO_LENGTH, "media"))
    assert_refused(office, "truncated_media")


def test_row_31_a_page_with_status_200_is_no_recording(office: Office, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(Kind.HTML_200, "media"))
    assert_refused(office, "not_media")


def test_row_32_no_bytes_are_no_recording(office: Office, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(Kind.EMPTY_200, "media"))
    assert_refused(office, "empty_file")


@pytest.mark.parametrize("kind", [Kind.HOLE, Kind.HTML_INSIDE])
def test_row_33_wrong_bytes_of_the_right_size_are_no_recording(
    office: Office, sandbox: Sandbox, kind: Kind
) -> None:
    sandbox.faults.add(Fault(kind, "media"))
    assert_refused(office, "corrupt_media")


@pytest.mark.parametrize("kind", [Kind.SIZE_ZERO, Kind.SIZE_WRONG])
def test_row_34_a_size_in_the_list_that_is_wrong_refuses_no_whole_file(
    office: Office, sandbox: Sandbox, kind: Kind
) -> None:
    sandbox.faults.add(Fault(kind, "corp_records"))
    assert office.night().exit_code == 0
    assert_done_once(office)


def test_row_35_a_host_that_pauses_is_waited_for(office: Office, sandbox: Sandbox) -> None:
    sandbox.faults.add(Fault(Kind.STALL, "media", calls=(1, 2), amount=0.5))
    assert office.night().exit_code == 0
    assert_done_once(office)


def test_row_36_a_slow_download_holds_up_no_other(
    office: Office, sandbox: Sandbox, sounds: Path
) -> None:
    slow = lesson(0, large(tone(sounds), 15_000))
    sandbox.company.add(slow, *(lesson(number, tone(sounds, number)) for number in (1, 2)))
    sandbox.faults.add(Fault(Kind.THROTTLE, "media", record_id(0), amount=10_000))
    assert office.night().exit_code == 0
    ended = {name: row.stages[StageName.DOWNLOAD] for name, row in office.rows().items()}
    last = max(ended, key=lambda name: str(ended[name].finished_at))
    assert (last, len(ended)) == (record_id(0), 3)


@pytest.mark.parametrize("left", ["part", "part and control file", "whole name"])
def test_row_37_what_a_killed_run_left_without_proof_is_thrown_away(
    either: Office, sounds: Path, left: str
) -> None:
    folder = RecordFolder(either.folder / "recordings", RecordKey("tencent", record_id(0)))
    wrong = tone(sounds, 1).read_bytes()
    part = folder.part("recording.m4a")
    (folder.file("recording.m4a") if left == "whole name" else part).write_bytes(wrong)
    if "control" in left:
        part.with_name(f"{part.name}.aria2").write_bytes(b"\0\1" + bytes(40))
    assert either.night().exit_code == 0
    assert_done_once(either)
    assert [name for name in either.files() if ".part" in name] == []


@pytest.mark.parametrize("program", ["/nonexistent/aria2c", "/bin/false"])
def test_row_38_and_row_39_without_a_working_aria2c_the_night_is_the_same(
    office: Office, program: str
) -> None:
    broken = replace(office, changes={**office.changes, "DOWNLOADER": "aria2", "ARIA2C": program})
    assert broken.night().exit_code == 0
    assert_done_once(broken)


@pytest.mark.parametrize(
    "target",
    ["http://169.254.169.254/latest/meta-data", "file:///etc/passwd", "https://8.8.8.8/a.m4a"],
)
def test_row_40_a_redirect_to_elsewhere_is_not_followed(
    office: Office, sandbox: Sandbox, target: str
) -> None:
    sandbox.faults.add(Fault(Kind.REDIRECT, "media", text=target))
    assert_refused(office, "forbidden_host")
