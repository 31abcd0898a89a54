"""The Tencent source against the sandbox, a strict Tencent Meeting on loopback."""

import base64
import logging
import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import urlopen

import pytest

from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.domain.window import Window
from meeting_pipeline.errors import FatalError, MeetingError, RetryableError, SkipRecord
from meeting_pipeline.sandbox.company import (
    Change,
    Company,
    Person,
    Record,
    RecordFile,
    RecordKind,
    Stay,
)
from meeting_pipeline.sandbox.faults import Fault, Kind
from meeting_pipeline.sandbox.limits import ROOMY, Limits
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.clocks import FakeTime
from tests.support.tencent import tencent_source

NOW = datetime.now(UTC).replace(microsecond=0)
START = NOW - timedelta(days=6)
WEEK = Window(NOW - timedelta(days=7), NOW)
BIG = 13_339_451_618_278_424_869
PEOPLE = (
    Person("admin", "管理员", is_admin=True),
    Person("li", "李老师"),
    Person("wang", "王老师"),
)


def record(number: int, **more: object) -> Record:
    """A record with one file, begun so many hours after START."""
    began = (START + timedelta(hours=number)).timestamp()
    file = RecordFile(
        str(BIG + number),
        began,
        began + 600,
        video=f"视频{number}".encode() * 50,
        audio=f"声音{number}".encode() * 50,
        transcript="李老师(00:00:01): 我们看一下简历",
    )
    usual = Record(
        meeting_record_id=str(BIG + 1_000_000 + number),
        meeting_id=str(BIG + 2_000_000 + number),
        meeting_code="445999969",
        owner="li",
        subject=f"第{number}次 “简历优化” 🚀",
        started_at=began,
        files=(file,),
    )
    return replace(usual, **more)  # type: ignore[arg-type]


def names(count: int) -> set[str]:
    return {str(BIG + number) for number in range(count)}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    company = Company(PEOPLE, [record(number) for number in range(45)])
    with Sandbox(company, limits=ROOMY) as running:
        yield running


@pytest.fixture
def broke_rules(sandbox: Sandbox) -> Iterator[None]:
    """At the end of a test no rule of the contract has been broken."""
    yield
    assert sandbox.ledger.violations == []
    assert sandbox.ledger.rate_refusals == {}


def listed(sandbox: Sandbox, tmp_path: Path, window: Window = WEEK) -> list[RecordMeta]:
    return list(tencent_source(sandbox, tmp_path).list_records(window))


def _not_every_fifth(calls: int) -> set[int]:
    return {number for number in range(1, calls + 1) if number % 5}


def ids(metas: list[RecordMeta]) -> set[str]:
    found = {meta.key.record_id for meta in metas}
    assert len(found) == len(metas), "a key came twice"
    return found


def refused(sandbox: Sandbox, tmp_path: Path, **other: str) -> MeetingError:
    source = tencent_source(sandbox, tmp_path, passing=FakeTime(), ids=other)
    with pytest.raises(MeetingError) as error:
        list(source.list_records(WEEK))
    return error.value


@pytest.mark.usefixtures("broke_rules")
def test_everything_is_listed_once_with_what_tencent_knows(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    metas = listed(sandbox, tmp_path)
    assert ids(metas) == names(45)
    first = next(meta for meta in metas if meta.key.record_id == str(BIG))
    assert first.start_ts == START
    assert first.end_ts == START + timedelta(minutes=10)
    assert first.duration_s == 600
    assert first.subject == "第0次 “简历优化” 🚀"
    assert first.meeting_id == str(BIG + 2_000_000)
    assert first.meeting_record_id == str(BIG + 1_000_000)
    assert (first.teacher_id, first.meeting_code) == ("li", "445999969")
    assert first.size_bytes == len("视频0".encode() * 50)
    assert first.is_final and first.skip_reason is None and first.participants is None
    assert sandbox.ledger.calls["corp_records"] == 3


@pytest.mark.usefixtures("broke_rules")
def test_each_operator_lists_his_own_in_user_scope(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.company.add(record(50, owner="wang"), record(51, owner="admin"))
    source = tencent_source(sandbox, tmp_path, scope="user", operators=("li", "wang"))
    metas = list(source.list_records(WEEK))
    assert ids(metas) == names(45) | {str(BIG + 50)}
    assert {meta.teacher_id for meta in metas} == {"li", "wang"}
    of_wang = next(meta for meta in metas if meta.teacher_id == "wang")
    assert source.locate(of_wang).suffix == "m4a"


def test_row_23_an_operator_without_rights_costs_only_his_own(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    source = tencent_source(sandbox, tmp_path, scope="user", operators=("gone", "li"))
    metas = []
    with pytest.raises(RetryableError) as error:
        for meta in source.list_records(WEEK):
            metas.append(meta)
    assert ids(metas) == names(45)
    assert error.value.code == "operator_refused" and "gone" in error.value.message


@pytest.mark.parametrize(
    ("other", "code", "names_it"),
    [
        ({"secret_id": "AKIDwrong"}, "wrong_credentials", "TQM_SECRET_ID"),
        ({"secret_key": "wrong"}, "bad_signature", "TQM_SECRET_KEY"),
        ({"enterprise_id": "12345678901", "app_id": "200000001"}, "wrong_credentials", "swapped"),
        ({"app_id": ""}, "wrong_credentials", "APP_ID"),
    ],
)
def test_row_01_wrong_credentials_end_it_at_the_first_call(
    sandbox: Sandbox, tmp_path: Path, other: dict[str, str], code: str, names_it: str
) -> None:
    error = refused(sandbox, tmp_path, **other)
    assert isinstance(error, FatalError)
    assert error.code == code
    assert names_it in error.hint
    assert sandbox.ledger.calls["corp_records"] == 1
    assert "sandboxSecretKey" not in f"{error.message}{error.hint}"


@pytest.mark.parametrize("minutes", [-6, 6, 60 * 24])
def test_row_03_a_wrong_clock_is_corrected_once_and_reported(
    sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture, minutes: int
) -> None:
    off = timedelta(minutes=minutes)
    source = tencent_source(sandbox, tmp_path, now=lambda: datetime.now(UTC) + off)
    assert ids(list(source.list_records(WEEK))) == names(45)
    assert sandbox.ledger.errors["corp_records 190300"] == 1
    assert "clock" in caplog.text


@pytest.mark.parametrize("refused", [False, True])
@pytest.mark.parametrize("days", [-200, 200])
def test_row_03_the_time_is_that_of_tencents_answers_and_asked_for_once(
    sandbox: Sandbox, tmp_path: Path, days: int, refused: bool
) -> None:
    """Also where the operator may list nothing."""
    off, operators = timedelta(days=days), ["li" if refused else "admin"]
    source = tencent_source(
        sandbox, tmp_path, operators=operators, now=lambda: datetime.now(UTC) + off
    )
    for _ in range(2):
        assert abs(source.now() - datetime.now(UTC)) < timedelta(minutes=1)
    assert sandbox.ledger.calls["corp_records"] == 2  # the first time with the wrong clock


def test_row_03_what_keeps_the_time_from_being_told_is_what_the_listing_says(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.faults.add(Fault(Kind.ERROR_CODE, "corp_records", amount=190311))
    source = tencent_source(sandbox, tmp_path)
    assert abs(source.now() - datetime.now(UTC)) < timedelta(minutes=1)
    with pytest.raises(FatalError) as refusal:
        list(source.list_records(WEEK))
    assert refusal.value.code == "daily_limit"
    assert sandbox.ledger.calls["corp_records"] == 1


@pytest.mark.parametrize(
    "window", [Window(NOW, START), Window(START, START), Window(NOW + timedelta(days=1), NOW)]
)
def test_row_03_a_window_without_time_is_no_empty_list(
    sandbox: Sandbox, tmp_path: Path, window: Window
) -> None:
    with pytest.raises(RetryableError) as error:
        list(tencent_source(sandbox, tmp_path).list_records(window))
    assert error.value.code == "empty_window"


def test_row_03_a_clock_that_cannot_be_corrected_is_fatal(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.add(Fault(Kind.ERROR_CODE, "corp_records", amount=190300))
    error = refused(sandbox, tmp_path)
    assert isinstance(error, FatalError) and error.code == "clock_skew"
    assert sandbox.ledger.calls["corp_records"] == 2


@pytest.mark.usefixtures("broke_rules")
def test_row_04_a_thousand_retries_are_never_replays(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.add(
        Fault(Kind.ERROR_CODE, "addresses", calls=_not_every_fifth(1250), amount=190301)
    )
    source = tencent_source(sandbox, tmp_path, passing=FakeTime())
    metas = list(source.list_records(WEEK))
    for meta in (metas * 6)[:250]:
        source.locate(meta)
    assert sandbox.ledger.calls["addresses"] == 1250


@pytest.mark.parametrize(("code", "waited_by_others"), [(190310, 60), (190313, 0)])
def test_row_05_rate_limit_refusals_cool_down_for_a_minute_whom_they_concern(
    sandbox: Sandbox, tmp_path: Path, code: int, waited_by_others: float
) -> None:
    source = tencent_source(sandbox, tmp_path, passing=(passing := FakeTime()))
    meta = next(source.list_records(WEEK))
    sandbox.faults.add(Fault(Kind.ERROR_CODE, "corp_records", calls=(1,), amount=code))
    started = passing.now
    assert ids(list(source.list_records(WEEK))) == names(45)
    assert passing.now - started == pytest.approx(60, abs=1)
    sandbox.faults.add(Fault(Kind.ERROR_CODE, "corp_records", calls=(1, 2, 3, 4, 5), amount=code))
    with pytest.raises(RetryableError) as error:
        list(source.list_records(WEEK))
    assert error.value.code == "rate_limited"
    before = passing.now
    source.locate(meta)
    assert passing.now - before == pytest.approx(waited_by_others, abs=1)


def test_row_06_the_daily_limit_stops_the_run(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.add(Fault(Kind.ERROR_CODE, "corp_records", calls=(2,), amount=190311))
    error = refused(sandbox, tmp_path)
    assert isinstance(error, FatalError) and error.code == "daily_limit"
    assert sandbox.ledger.calls["corp_records"] == 2


@pytest.mark.parametrize(
    "form", [(), (Kind.ERROR_UNDER_200,), (Kind.LONG_CODES, Kind.NO_NEW_ERROR_CODE)]
)
@pytest.mark.parametrize(
    ("code", "kind", "ours", "calls"),
    [
        (9042, FatalError, "no_permission", 1),
        (500014, FatalError, "operator_refused", 1),
        (500063, FatalError, "api_not_granted", 1),
        (500125, FatalError, "ip_not_allowed", 1),
        (200001, FatalError, "header_missing", 1),
        (190004, FatalError, "bad_request", 1),
        (190303, FatalError, "wrong_credentials", 1),
        (41, RetryableError, "service_failed", 5),
        (777, RetryableError, "unknown_refusal", 1),
    ],
)
def test_row_10_codes_decide_and_not_the_status(
    sandbox: Sandbox,
    tmp_path: Path,
    code: int,
    kind: type[MeetingError],
    ours: str,
    calls: int,
    form: tuple[Kind, ...],
) -> None:
    sandbox.faults.add(
        Fault(Kind.ERROR_CODE, "corp_records", amount=code),
        *(Fault(one, "corp_records") for one in form),
    )
    error = refused(sandbox, tmp_path)
    assert (type(error), error.code) == (kind, ours)
    assert sandbox.ledger.calls["corp_records"] == calls
    assert str(code) in error.message


@pytest.mark.parametrize(
    ("kind", "amount"),
    [
        (Kind.HTML_200, 0),
        (Kind.EMPTY_200, 0),
        (Kind.NULL_FIELDS, 0),
        (Kind.WRONG_TYPES, 0),
        (Kind.HUGE_BODY, 40 << 20),
        (Kind.SHORT_NO_LENGTH, 0),
    ],
)
def test_row_12_nonsense_names_the_endpoint_and_is_no_listing(
    sandbox: Sandbox, tmp_path: Path, kind: Kind, amount: float
) -> None:
    sandbox.faults.add(Fault(kind, "corp_records", amount=amount))
    error = refused(sandbox, tmp_path)
    assert (type(error), error.code) == (RetryableError, "bad_answer")
    assert "GET /v1/corp/records" in error.message


@pytest.mark.usefixtures("broke_rules")
@pytest.mark.parametrize(
    "kind",
    [Kind.HTML_200, Kind.HTML_502, Kind.NULL_FIELDS, Kind.WRONG_TYPES, Kind.RESET, Kind.TRUNCATED],
)
def test_row_12_nonsense_that_happens_once_costs_nothing(
    sandbox: Sandbox, tmp_path: Path, kind: Kind
) -> None:
    sandbox.faults.add(Fault(kind, "corp_records", calls=(2,)))
    source = tencent_source(sandbox, tmp_path, passing=FakeTime())
    assert ids(list(source.list_records(WEEK))) == names(45)


@pytest.mark.usefixtures("broke_rules")
@pytest.mark.parametrize("page", [1, 2, 3])
def test_row_13_arrivals_while_listing_lose_and_double_nothing(
    sandbox: Sandbox, tmp_path: Path, page: int
) -> None:
    new = tuple(record(number) for number in range(100, 103))
    sandbox.company.after(Change(page, add=new))
    metas = listed(sandbox, tmp_path)
    assert ids(metas) >= names(45)


@pytest.mark.usefixtures("broke_rules")
@pytest.mark.parametrize("page", [1, 2])
def test_row_14_deletions_while_listing_lose_nothing_else(
    sandbox: Sandbox, tmp_path: Path, page: int
) -> None:
    newest = [str(BIG + 1_000_000 + number) for number in (44, 43, 42)]
    sandbox.company.after(Change(page, delete=tuple(newest)))
    assert ids(listed(sandbox, tmp_path)) >= names(42)


@pytest.mark.usefixtures("broke_rules")
def test_row_15_a_long_window_is_asked_for_in_pieces(sandbox: Sandbox, tmp_path: Path) -> None:
    window = Window(NOW - timedelta(days=400), NOW + timedelta(days=30))
    sandbox.company.add(*(record(-24 * days) for days in range(0, 390, 10)))
    assert len(ids(listed(sandbox, tmp_path, window))) == 45 + 38


@pytest.mark.usefixtures("broke_rules")
def test_row_15_a_window_from_the_beginning_of_time_is_no_violation(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    window = Window(datetime(1969, 1, 1, tzinfo=UTC), NOW)
    assert ids(listed(sandbox, tmp_path, window)) == names(45)


@pytest.mark.parametrize(
    "faults",
    [
        [Fault(Kind.NO_TOTAL_PAGE, "corp_records")],
        [Fault(Kind.WRONG_TOTAL_PAGE, "corp_records", amount=1)],
        [Fault(Kind.WRONG_TOTAL_PAGE, "corp_records", amount=999)],
        [Fault(Kind.EMPTY_PAGE, "corp_records", calls=(2,))],
        [Fault(Kind.DUPLICATE_ROWS, "corp_records")],
        [Fault(Kind.FULL_PAGE_FOR_EVER, "corp_records", calls=(2, 3))],
        [Fault(Kind.EXTRA_FIELDS, "corp_records")],
    ],
    ids=lambda faults: f"{faults[0].kind}-{faults[0].amount:g}",
)
@pytest.mark.usefixtures("broke_rules")
def test_row_16_wrong_pages_end_and_lose_nothing(
    sandbox: Sandbox, tmp_path: Path, faults: list[Fault]
) -> None:
    sandbox.faults.add(*faults)
    assert ids(listed(sandbox, tmp_path)) == names(45)
    assert sandbox.ledger.calls["corp_records"] <= 12


@pytest.mark.parametrize("kind", [Kind.FULL_PAGE_FOR_EVER, Kind.EMPTY_PAGE])
def test_row_16_pages_that_never_come_end_in_an_incomplete_listing(
    sandbox: Sandbox, tmp_path: Path, kind: Kind
) -> None:
    sandbox.faults.add(Fault(kind, "corp_records", calls=range(2, 10_000)))
    error = refused(sandbox, tmp_path)
    assert (type(error), error.code) == (RetryableError, "listing_incomplete")
    assert sandbox.ledger.calls["corp_records"] <= 20


@pytest.mark.usefixtures("broke_rules")
def test_row_18_several_files_and_occurrences_are_recordings_of_their_own(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    usual = record(60)
    second = replace(usual.files[0], record_file_id="7", started_at=usual.started_at + 700)
    sandbox.company.add(replace(usual, files=(*usual.files, second)))
    sandbox.company.add(record(61, meeting_id=usual.meeting_id))
    metas = listed(sandbox, tmp_path)
    same_meeting = {meta.key.record_id for meta in metas if meta.meeting_id == usual.meeting_id}
    assert same_meeting == {str(BIG + 60), str(BIG + 61), "7"}


@pytest.mark.usefixtures("broke_rules")
def test_row_19_what_is_not_finished_waits_and_holds_the_watermark(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    later = (NOW + timedelta(days=1)).timestamp()
    sandbox.company.add(record(47, ready_at=later), record(46, transcoding_at=later))
    source = tencent_source(sandbox, tmp_path)
    assert ids(list(source.list_records(WEEK))) == names(45)
    assert source.waiting == 2
    assert source.oldest_waiting == START + timedelta(hours=46)
    sandbox.company.add(record(46), record(47))
    assert ids(list(source.list_records(WEEK))) == names(45) | {str(BIG + 46), str(BIG + 47)}
    assert not source.waiting and not source.oldest_waiting


@pytest.mark.usefixtures("broke_rules")
def test_row_21_times_in_seconds_are_understood(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.add(Fault(Kind.SECONDS_FOR_MS, "corp_records"))
    metas = listed(sandbox, tmp_path)
    assert min(meta.start_ts for meta in metas) == START


@pytest.mark.usefixtures("broke_rules")
def test_a_twin_of_text_is_listed_as_such_and_not_processed(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    usual = record(3)
    text = RecordFile("77", usual.started_at, 0.0)
    twin = replace(usual, meeting_record_id="78", subject=f"转写_{usual.subject}", files=(text,))
    sandbox.company.add(twin, replace(twin, meeting_record_id="79", kind=RecordKind.TRANSCRIPTION))
    skipped = {
        meta.key.record_id: meta.skip_reason
        for meta in listed(sandbox, tmp_path)
        if meta.skip_reason
    }
    assert skipped == {"77": "text_only"}


@pytest.mark.usefixtures("broke_rules")
def test_links_come_once_per_record_and_again_when_asked_again(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    usual = record(60)
    second = replace(usual.files[0], record_file_id="7", audio=None)
    sandbox.company.add(replace(usual, files=(*usual.files, second)))
    source = tencent_source(sandbox, tmp_path)
    metas = {meta.key.record_id: meta for meta in source.list_records(WEEK)}
    one, other = metas[str(BIG + 60)], metas["7"]
    first, video = source.locate(one), source.locate(other)
    native = source.native_transcript(one)
    assert sandbox.ledger.calls["addresses"] == 1
    assert (first.suffix, video.suffix, first.size_bytes) == ("m4a", "mp4", None)
    assert urlopen(first.url).read() == usual.files[0].audio
    assert native and native.suffix == "txt"
    assert urlopen(native.url).read().decode() == usual.files[0].transcript
    sandbox.media.expire_links()
    again = source.locate(one)
    assert sandbox.ledger.calls["addresses"] == 2
    assert urlopen(again.url).read() == usual.files[0].audio
    source.locate(other)
    assert sandbox.ledger.calls["addresses"] == 2


@pytest.mark.usefixtures("broke_rules")
def test_what_may_be_stored_has_no_credential(sandbox: Sandbox, tmp_path: Path) -> None:
    source = tencent_source(sandbox, tmp_path)
    meta = next(source.list_records(WEEK))
    link = source.locate(meta)
    assert "token=" in link.url
    assert link.download_url == link.url.partition("?")[0]
    assert link.play_url == (
        f"https://meeting.tencent.com/v2/cloud-record/share?id={meta.key.record_id}"
    )


@pytest.mark.usefixtures("broke_rules")
def test_row_24_what_is_gone_closed_or_unfinished_says_so(sandbox: Sandbox, tmp_path: Path) -> None:
    later = (NOW + timedelta(days=1)).timestamp()
    closed = record(61, files=(replace(record(61).files[0], allow_download=False),))
    sandbox.company.add(record(60), closed, record(62))
    source = tencent_source(sandbox, tmp_path)
    metas = {meta.key.record_id: meta for meta in source.list_records(WEEK)}
    deleted, closed_meta, unfinished = (metas[str(BIG + number)] for number in (60, 61, 62))
    sandbox.company.delete(record(60).meeting_record_id)
    sandbox.company.add(record(62, ready_at=later))
    with pytest.raises(SkipRecord) as gone:
        source.locate(deleted)
    with pytest.raises(SkipRecord) as not_allowed:
        source.locate(closed_meta)
    with pytest.raises(RetryableError) as not_finished:
        source.locate(unfinished)
    codes = [error.value.code for error in (gone, not_allowed, not_finished)]
    assert codes == ["gone", "no_download", "not_finished"]
    assert (not_finished.value.retry_after_s, not_finished.value.within_run) == (1800, False)


def test_a_video_is_taken_where_there_is_no_sound(sandbox: Sandbox, tmp_path: Path) -> None:
    sandbox.faults.add(Fault(Kind.NO_AUDIO_ADDRESS, "addresses"))
    source = tencent_source(sandbox, tmp_path)
    assert source.locate(next(source.list_records(WEEK))).suffix == "mp4"


def test_many_threads_ask_once_for_the_files_of_one_record(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    usual = record(60)
    files = tuple(replace(usual.files[0], record_file_id=str(n)) for n in range(1, 9))
    sandbox.company.add(replace(usual, files=files))
    source = tencent_source(sandbox, tmp_path)
    metas = [meta for meta in source.list_records(WEEK) if len(meta.key.record_id) == 1]
    threads = [threading.Thread(target=source.locate, args=[meta]) for meta in metas]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sandbox.ledger.calls["addresses"] == 1


def stays(start: datetime, count: int = 1) -> tuple[Stay, ...]:
    began = start.timestamp()
    return (
        Stay("李老师", began - 60, began + 700, "li"),
        Stay("学生甲", began, began + 100, "s1"),
        Stay("学生甲", began + 200, began + 600, "s1"),
        *(Stay(f"家长{number} 🙂", began + 5, began + 50) for number in range(count)),
        Stay("早退的人", began - 500, began - 100, "early"),
        Stay("迟到的人", began + 650, began + 700, "late"),
    )


@pytest.mark.usefixtures("broke_rules")
@pytest.mark.parametrize("guests", [1, 150])
def test_participants_are_every_stay_that_touches_the_recording(
    sandbox: Sandbox, tmp_path: Path, guests: int
) -> None:
    sandbox.company.add(record(3, stays=stays(START + timedelta(hours=3), guests)))
    source = tencent_source(sandbox, tmp_path)
    meta = next(one for one in source.list_records(WEEK) if one.key.record_id == str(BIG + 3))
    people = source.participants(meta)
    assert people is not None
    assert [one.name for one in people[:3]] == ["李老师", "学生甲", "学生甲"]
    assert people[2].joined_at == meta.start_ts + timedelta(seconds=200)
    assert {one.name for one in people[3:]} == {f"家长{number} 🙂" for number in range(guests)}
    assert {one.person_id for one in people} == {"li", "s1", None}


@pytest.mark.usefixtures("broke_rules")
def test_row_18_an_occurrence_of_a_recurring_meeting_has_its_own_people(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    for number in range(40):
        at = START + timedelta(hours=number)
        sandbox.company.add(
            record(
                number,
                meeting_id="5939741786564101932",
                sub_meeting_id=str(number + 1),
                stays=(Stay(f"学生{number}", at.timestamp(), at.timestamp() + 60, f"s{number}"),),
            )
        )
    source = tencent_source(sandbox, tmp_path)
    for meta in list(source.list_records(WEEK))[5:40:7]:
        number = int(meta.key.record_id) - BIG
        people = source.participants(meta)
        assert people and [one.person_id for one in people] == [f"s{number}"]


@pytest.mark.parametrize("code", [9042, 9003, 500063, 190004])
def test_row_23_people_nobody_may_know_are_unknown(
    sandbox: Sandbox, tmp_path: Path, code: int
) -> None:
    sandbox.faults.add(Fault(Kind.ERROR_CODE, "participants", amount=code))
    source = tencent_source(sandbox, tmp_path)
    assert source.participants(next(source.list_records(WEEK))) is None


def test_our_own_rate_is_never_refused_over_many_runs(tmp_path: Path) -> None:
    passing = FakeTime(NOW.timestamp())
    company = Company(PEOPLE, [record(number) for number in range(140)])
    with Sandbox(company, limits=Limits(per_minute=30), now=passing.clock) as sandbox:
        for _ in range(4):  # a new process each: only the history files are left of the last one
            source = tencent_source(
                sandbox,
                tmp_path,
                passing=passing,
                now=lambda: datetime.fromtimestamp(passing.now, UTC),
            )
            metas = list(source.list_records(WEEK))
            for meta in metas:
                source.locate(meta)
        assert sandbox.ledger.calls["corp_records"] == 4 * 7
        assert sandbox.ledger.calls["addresses"] == 4 * len(metas)
        assert sandbox.ledger.rate_refusals == {}
        assert sandbox.ledger.violations == []
    assert passing.now - NOW.timestamp() < 4 * 60 * (7 / 10 + len(metas) / 30 + 1)


def test_nothing_secret_is_logged(
    sandbox: Sandbox, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    sandbox.faults.add(Fault(Kind.HTML_502, calls=range(1, 40, 3)))
    source = tencent_source(sandbox, tmp_path, passing=FakeTime())
    meta = next(source.list_records(WEEK))
    source.locate(meta)
    source.participants(meta)
    for secret in ("sandboxSecretKey", "token=", "X-TC-", "operator_id="):
        assert secret not in caplog.text
    kept = "".join(path.read_text() for path in tmp_path.rglob("*.jsonl"))
    assert len(kept.splitlines()) > 3 and "sandbox" not in kept


def test_names_that_are_no_base64_stay_as_they_are() -> None:
    from meeting_pipeline.adapters.sources.tencent.api_types import Visit, read
    from meeting_pipeline.adapters.sources.tencent.mapping import participant_of

    encoded = base64.b64encode("张三 🙂".encode()).decode()
    visits = [read(Visit, {"user_name": name}) for name in (encoded, "张三", "Tom!", "")]
    names_ = [participant_of(visit).name for visit in visits]
    assert names_ == ["张三 🙂", "张三", "Tom!", ""]
