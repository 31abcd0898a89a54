"""The sandbox's meeting API refuses what the contract refuses, and writes it down."""

import base64
from collections.abc import Iterator
from dataclasses import replace

import pytest
import requests

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
from meeting_pipeline.sandbox.limits import Limits
from meeting_pipeline.sandbox.server import Sandbox
from meeting_pipeline.sandbox.signature import signature
from tests.support.sandbox_client import Clock, SandboxClient

BIG = "13339451618278424869"
SECRET = ("AKIDz8krbsJ5yKBZQpn74WFkmLPx3EXAMPLE", "Gu5t9xGARNpq86cd98joQYCN3EXAMPLE")
VECTORS = (
    (
        "GET",
        "/v1/records?operator_id=admin&operator_id_type=1&start_time=1735689600"
        "&end_time=1738281600&page_size=20&page=1",
        "",
        "OWZmNTRhMGZkZTA3OTg2MzM1Yzg0MGRkNWM4YTliNGNkNWI1Y2VhYzZkMzc0NTgzNjBjNDhlZjM5NWI3MjY5OQ==",
    ),
    (
        "GET",
        "/v1/addresses?meeting_record_id=1367354711193030656"
        "&operator_id=zhang%2Bsan%40corp.com&operator_id_type=1&page_size=50&page=1",
        "",
        "ODFiNDNlOWM4ZWE1OGM4YWQ0MWM1YmNmYmU4YzE1ODVjNzYyMDkwODM0Njk3MjY0NWMxMzZlMTEyMGU5MzFlOA==",
    ),
    (
        "GET",
        "/v1/records/transcripts/search?record_file_id=1&operator_id=a&operator_id_type=1"
        "&text=%E4%BC%9A%E8%AE%AE",
        "",
        "OGQ0MTNlNThkNWY5NzM0MGQ0Mjc2ZDE5Y2Q3Y2I2YmFmOWRkZDY0NzZlNzFjZjY0ZGQxZmM3NDQzYTlhNmUwZg==",
    ),
    (
        "POST",
        "/v1/meetings",
        '{"end_time":"1572175800","instanceid":1,"start_time":"1572172200",'
        '"subject":"测试会议","type":0,"userid":"admin"}',
        "NzBhM2M4ODI4ZDU3MDk0NDI3NGYzZTQ4YTZlMzgwMzJhOTU3OWNkNTg3Nzg3ODBkOTJiZjEwNDFkOTIzODAyYQ==",
    ),
)


def record(place: int, now: float, **fields: object) -> Record:
    started_at = now - 3_600 * (place + 1)
    file = RecordFile(str(int(BIG) + 100 + place), started_at, started_at + 60, audio=b"sound")
    whole = Record(
        str(int(BIG) + place), f"59397{place}", f"4459{place}", "teacher_0", "周会 🙂", started_at
    )
    return replace(whole, files=(file,), **fields)  # type: ignore[arg-type] # any field by name


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def sandbox(clock: Clock) -> Iterator[Sandbox]:
    people = (Person("admin", "管理员", is_admin=True), Person("teacher_0", "王老师"))
    company = Company(
        [*people, Person("student_0", "小明")], [record(n, clock()) for n in range(3)]
    )
    with Sandbox(company, now=clock) as sandbox:
        yield sandbox


@pytest.fixture
def client(sandbox: Sandbox, clock: Clock) -> SandboxClient:
    return SandboxClient(sandbox, clock)


@pytest.mark.parametrize(("method", "uri", "body", "wanted"), VECTORS)
def test_the_signature_is_tencents(method: str, uri: str, body: str, wanted: str) -> None:
    made = signature(
        SECRET[1],
        secret_id=SECRET[0],
        nonce="1234567",
        timestamp="1572168600",
        method=method,
        uri=uri,
        body=body.encode(),
    )
    assert made == wanted


def test_a_right_request_is_answered_and_breaks_nothing(
    client: SandboxClient, sandbox: Sandbox
) -> None:
    page = client.get(client.corp_records()).json()
    assert page["record_meetings"][0]["meeting_record_id"] == BIG
    assert (page["total_count"], page["total_page"]) == (3, 1)
    assert page["record_meetings"][0]["userid"] == "teacher_0"
    own = client.get(client.records()).json()["record_meetings"][0]
    assert own["host_user_id"] == "teacher_0"
    assert own["media_start_time"] == own["record_files"][0]["record_start_time"]
    assert own["media_start_time"] > 10**12
    assert not sandbox.ledger.violations


@pytest.mark.parametrize(
    "name",
    [
        "Content-Type",
        "X-TC-Key",
        "X-TC-Timestamp",
        "X-TC-Nonce",
        "X-TC-Signature",
        "AppId",
        "X-TC-Registered",
    ],
)
def test_a_missing_or_misspelt_header_is_refused(
    client: SandboxClient, sandbox: Sandbox, name: str
) -> None:
    headers = client.signed_headers(client.records())
    value = headers.pop(name)
    assert client.code(client.records(), headers) == 200001
    assert client.code(client.records(), headers | {name.lower(): value}) == 200001
    assert sandbox.ledger.rules_broken() == {"header_missing": 1, "header_spelling": 1}


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("X-TC-Key", "AKIDother", "secret_id"),
        ("AppId", "12345678901", "app_id_header"),
        ("SdkId", "200000001", "sdk_id_header"),
        ("SdkId", "", "sdk_id_header"),
    ],
)
def test_ids_that_do_not_belong_together_are_190303(
    client: SandboxClient, sandbox: Sandbox, name: str, value: str, rule: str
) -> None:
    headers = client.signed_headers(client.records()) | {name: value}
    assert client.code(client.records(), headers) == 190303
    assert sandbox.ledger.rules_broken() == {rule: 1}


def test_a_clock_five_minutes_off_is_190300_and_the_date_header_tells_the_time(
    client: SandboxClient, sandbox: Sandbox, clock: Clock
) -> None:
    target = client.records()
    for skew in (-301, 301):
        assert client.code(target, client.signed_headers(target, stamp=clock() + skew)) == 190300
    answer = client.get(target, client.signed_headers(target, stamp=clock() + 300))
    assert answer.status_code == 200
    assert answer.headers["Date"] == "Mon, 05 Jan 2026 08:00:00 GMT"
    assert sandbox.ledger.rules_broken() == {"clock": 2}


def test_a_signature_over_other_bytes_is_200003(client: SandboxClient, sandbox: Sandbox) -> None:
    headers = client.signed_headers(client.records())
    assert client.code(client.records(page=1), headers) == 200003
    assert client.code(client.records(), headers | {"X-TC-Signature": "n/VKD94H"}) == 200003
    assert sandbox.ledger.rules_broken() == {"signature": 2}


def test_the_same_nonce_and_timestamp_are_190301_for_five_minutes(
    client: SandboxClient, sandbox: Sandbox, clock: Clock
) -> None:
    headers = client.signed_headers(client.records())
    assert client.get(client.records(), headers).status_code == 200
    assert client.code(client.records(), headers) == 190301
    assert sandbox.ledger.rules_broken() == {"replay": 1}
    clock.forward(299)
    assert client.get(client.records()).status_code == 200


def test_an_unsigned_request_does_not_use_up_its_nonce(client: SandboxClient) -> None:
    target = client.records()
    bad = client.signed_headers(target, nonce="77777") | {"X-TC-Signature": "x"}
    assert client.code(target, bad) == 200003
    assert client.get(target, client.signed_headers(target, nonce="77777")).status_code == 200


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"operator_id": None}, "operator_id_missing"),
        ({"operator_id_type": None}, "operator_id_type_missing"),
        ({"operator_id_type": 4}, "operator_id_type"),
        ({"start_time": None}, "start_time_missing"),
        ({"start_time": 1_767_500_000_000}, "time_not_in_seconds"),
        ({"start_time": 1_767_600_001, "end_time": 1_767_600_000}, "window_reversed"),
        ({"start_time": 1_764_921_599, "end_time": 1_767_600_000}, "window_too_long"),
        ({"page_size": 21}, "page_size"),
        ({"page_size": 0}, "page_size"),
        ({"page": 0}, "page"),
        ({"query_record_type": 9}, "query_record_type"),
    ],
)
def test_a_bad_parameter_is_190004(
    client: SandboxClient, sandbox: Sandbox, changes: dict[str, object], rule: str
) -> None:
    assert client.code(client.records(**changes)) == 190004
    assert sandbox.ledger.rules_broken() == {rule: 1}


def test_exactly_31_days_and_unknown_names_are_allowed(client: SandboxClient) -> None:
    target = client.records(start_time=1_764_921_600, end_time=1_767_600_000, extra="x")
    assert client.get(target).status_code == 200


def test_the_company_list_takes_only_user_ids_and_no_meeting_filter(client: SandboxClient) -> None:
    assert client.code(client.corp_records(operator_id_type=2)) == 190004
    assert client.code(client.corp_records(meeting_id="59397")) == 190004


def test_rights_are_9042_and_a_list_shows_only_the_operators_own(client: SandboxClient) -> None:
    assert client.code(client.corp_records(operator_id="teacher_0")) == 9042
    assert client.code(client.records(operator_id="nobody")) == 9042
    assert client.code(client.addresses(BIG, operator_id="student_0")) == 9042
    own = client.get(client.records(operator_id="admin")).json()
    assert own["record_meetings"] == []


def test_a_recording_becomes_ready_with_the_clock(
    client: SandboxClient, sandbox: Sandbox, clock: Clock
) -> None:
    now = clock()
    sandbox.company.add(record(0, now, transcoding_at=now + 60, ready_at=now + 120))
    for state in (1, 2):
        row = client.get(client.records(meeting_id="593970")).json()["record_meetings"][0]
        assert row["state"] == state
        assert "record_files" not in row
        assert client.code(client.addresses(BIG)) == 4044
        clock.forward(60)
    row = client.get(client.records(meeting_id="593970")).json()["record_meetings"][0]
    assert row["state"] == 3
    assert row["record_files"][0]["record_file_id"] == str(int(BIG) + 100)
    assert client.get(client.addresses(BIG)).status_code == 200


def test_records_appear_late_and_are_deleted(
    client: SandboxClient, sandbox: Sandbox, clock: Clock
) -> None:
    sandbox.company.add(record(0, clock(), appears_at=clock() + 10))
    assert client.get(client.corp_records()).json()["total_count"] == 2
    assert client.code(client.addresses(BIG)) == 4049
    clock.forward(10)
    assert client.get(client.corp_records()).json()["total_count"] == 3
    sandbox.company.delete(BIG)
    assert client.get(client.corp_records()).json()["total_count"] == 2
    assert client.code(client.addresses(BIG)) == 4051


def test_rows_shift_between_two_pages(
    client: SandboxClient, sandbox: Sandbox, clock: Clock
) -> None:
    sandbox.company.after(Change(1, add=(record(9, clock() + 36_000),)))
    first = client.get(client.corp_records(page_size=2, page=1)).json()
    second = client.get(client.corp_records(page_size=2, page=2)).json()
    assert (first["total_count"], second["total_count"]) == (3, 4)
    assert first["record_meetings"][1] == second["record_meetings"][0]
    assert client.get(client.corp_records(page_size=2, page=9)).json()["record_meetings"] == []


def test_the_minute_is_counted_per_app_and_for_the_company_list(clock: Clock) -> None:
    limits = Limits(per_minute=4, corp_per_minute=2)
    people = [Person("admin", "管理员", is_admin=True), Person("teacher_0", "王老师")]
    with Sandbox(Company(people), limits=limits, now=clock) as sandbox:
        client = SandboxClient(sandbox, clock)
        assert [client.get(client.corp_records()).status_code for _ in range(2)] == [200, 200]
        assert client.code(client.corp_records()) == 190313
        assert client.get(client.records()).status_code == 200
        assert client.code(client.records()) == 190310
        clock.forward(60)
        assert client.get(client.corp_records()).status_code == 200
        assert sandbox.ledger.rate_refusals == {"corp_records": 1, "records": 1}
        assert not sandbox.ledger.violations


def test_twins_come_only_when_every_kind_is_asked_for(
    client: SandboxClient, sandbox: Sandbox, clock: Clock
) -> None:
    sandbox.company.add(record(5, clock(), kind=RecordKind.TRANSCRIPTION, subject="转写_周会"))
    assert client.get(client.records()).json()["total_count"] == 3
    assert client.get(client.records(query_record_type=0)).json()["total_count"] == 4


def test_participants_are_paged_and_want_the_occurrence(
    client: SandboxClient, sandbox: Sandbox, clock: Clock
) -> None:
    stays = tuple(Stay(f"学生{n}", clock(), clock() + 9, "student_0") for n in range(3))
    sandbox.company.add(record(0, clock(), stays=stays, sub_meeting_id="1700"))
    path = "/v1/meetings/593970/participants"
    assert client.code(client.target(path, {"userid": "admin"})) == 190004
    query = {"userid": "admin", "sub_meeting_id": "1700", "size": 2}
    first = client.get(client.target(path, query)).json()
    assert (first["has_remaining"], first["next_pos"], first["total_count"]) == (True, 2, 3)
    assert base64.b64decode(first["participants"][0]["user_name"]).decode() == "学生0"
    last = client.get(client.target(path, query | {"pos": 2})).json()
    assert (last["has_remaining"], len(last["participants"])) == (False, 1)
    past = client.get(client.target("/v1/history/meetings/teacher_0", {"page": 1})).json()
    assert past["meeting_info_list"][0]["sub_meeting_id"] == "1700"


def test_people_are_listed_without_total_page(client: SandboxClient) -> None:
    page = client.get(client.target("/v1/users/list", {"operator_id": "admin", "page": 1})).json()
    assert [user["username"] for user in page["users"]] == ["管理员", "小明", "王老师"]
    assert "total_page" not in page


def test_endpoints_that_need_an_sts_token_and_invented_ones_are_refused(
    client: SandboxClient, sandbox: Sandbox
) -> None:
    assert client.code(client.target(f"/v1/addresses/{BIG}", {"operator_id": "admin"})) == 9042
    token = requests.post(f"{sandbox.api_url}/v1/oauth/token", json={}, timeout=20)
    assert token.status_code == 404
    assert sandbox.ledger.rules_broken() == {"sts_token": 1, "unknown_path": 1}


def test_a_file_that_may_not_be_downloaded_has_empty_addresses(
    client: SandboxClient, sandbox: Sandbox, clock: Clock
) -> None:
    whole = record(0, clock())
    closed = replace(whole.files[0], allow_download=False)
    sandbox.company.add(replace(whole, files=(closed,)))
    file = client.get(client.addresses(BIG)).json()["record_files"][0]
    assert (file["audio_address"], file["download_address"]) == ("", "")


def test_answers_bend_as_the_knobs_say(client: SandboxClient, sandbox: Sandbox) -> None:
    def page(*faults: Fault) -> requests.Response:
        sandbox.faults.clear()
        sandbox.faults.add(*faults)
        return client.get(client.records())

    assert page(Fault(Kind.HTML_502)).status_code == 502
    assert "网关" in page(Fault(Kind.HTML_200)).content.decode()
    assert page(Fault(Kind.HTTP_429, text="7")).headers["Retry-After"] == "7"
    assert page(Fault(Kind.HTTP_503, amount=3)).headers["Retry-After"] == "3"
    assert "total_page" not in page(Fault(Kind.NO_TOTAL_PAGE)).json()
    assert page(Fault(Kind.WRONG_TOTAL_PAGE, amount=99)).json()["total_page"] == 99
    assert page(Fault(Kind.EMPTY_PAGE)).json()["record_meetings"] == []
    assert len(page(Fault(Kind.DUPLICATE_ROWS)).json()["record_meetings"]) == 4
    assert "trace" in page(Fault(Kind.EXTRA_FIELDS)).json()
    assert set(page(Fault(Kind.NULL_FIELDS)).json()["record_meetings"][0].values()) == {None}
    assert page(Fault(Kind.WRONG_TYPES)).json()["record_meetings"] == "text"
    assert len(page(Fault(Kind.HUGE_BODY, amount=1_000_000)).content) > 900_000
    sized = page(Fault(Kind.SIZE_ZERO)).json()["record_meetings"][0]["record_files"][0]
    assert sized["record_size"] == 0
    row = page(Fault(Kind.SECONDS_FOR_MS)).json()["record_meetings"][0]
    assert row["record_files"][0]["record_start_time"] == row["media_start_time"] < 10**10
    with pytest.raises(requests.exceptions.ConnectionError):
        page(Fault(Kind.RESET))
    with pytest.raises(requests.exceptions.RequestException):
        page(Fault(Kind.TRUNCATED))


def test_errors_bend_as_the_knobs_say(client: SandboxClient, sandbox: Sandbox) -> None:
    sandbox.faults.add(
        Fault(Kind.ERROR_CODE, calls=(1, 2, 3), amount=4051),
        Fault(Kind.LONG_CODES, calls=(2,)),
        Fault(Kind.NO_NEW_ERROR_CODE, calls=(1,)),
        Fault(Kind.ERROR_UNDER_200, calls=(3,)),
    )
    first, second, third = (client.get(client.records()) for _ in range(3))
    assert (first.status_code, third.status_code) == (500, 200)
    assert set(first.json()["error_info"]) == {"error_code", "message"}
    assert second.json()["error_info"]["error_code"] == 108004051
    assert third.json()["error_info"]["error_code"] == 4051
    assert client.get(client.records()).status_code == 200
    assert not sandbox.ledger.rate_refusals
