"""Whatever Tencent answers, a page is read or refused in our words; never a traceback."""

import copy
import json
import random
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting_pipeline.adapters.sources.tencent import connect
from meeting_pipeline.adapters.sources.tencent.api_types import (
    AddressPage,
    BadField,
    ListedRecord,
    VisitPage,
    read,
)
from meeting_pipeline.adapters.sources.tencent.mapping import metas_of, public_url
from meeting_pipeline.adapters.sources.tencent.source import TencentSource
from meeting_pipeline.domain.model import RecordKey, RecordMeta
from meeting_pipeline.domain.window import Window
from meeting_pipeline.errors import ConfigError, MeetingError
from tests.support.clocks import FakeTime
from tests.support.scripted_server import ScriptedServer, json_reply

NOW = datetime(2026, 2, 1, tzinfo=UTC)
START = NOW - timedelta(days=3)
START_MS = int(START.timestamp() * 1000)
PAGE: dict[str, Any] = {
    "total_count": 1,
    "current_size": 1,
    "current_page": 1,
    "total_page": 1,
    "record_meetings": [
        {
            "meeting_record_id": "1367354711193030656",
            "meeting_id": "13339451618278424869",
            "meeting_code": "445999969",
            "host_user_id": "admin",
            "media_start_time": START_MS,
            "subject": "周会 🚀",
            "state": 3,
            "record_type": 0,
            "record_files": [
                {
                    "record_file_id": "1367354711193030657",
                    "record_start_time": START_MS + 5000,
                    "record_end_time": START_MS + 3_605_000,
                    "record_size": 205_818_547,
                    "sharing_state": 0,
                    "sharing_url": "https://meeting.tencent.com/v2/cloud-record/share?id=x&from=3",
                    "allow_download": True,
                }
            ],
        }
    ],
}
ADDRESSES: dict[str, Any] = {
    "total_count": 1,
    "record_files": [
        {
            "record_file_id": "1367354711193030657",
            "view_address": "https://meeting.tencent.com/v2/cloud-record/share?id=x",
            "download_address": "https://a.myqcloud.com/x.mp4?token=t",
            "audio_address": "https://a.myqcloud.com/x.m4a?token=t",
            "meeting_summary": [
                {"download_address": "https://a/x.txt?token=t", "file_type": "txt"}
            ],
        }
    ],
}
VISITS: dict[str, Any] = {
    "total_count": 1,
    "has_remaining": False,
    "participants": [{"userid": "", "user_name": "5byg5LiJ", "join_time": "1769644800"}],
}
HISTORY: dict[str, Any] = {"total_page": 1, "meeting_info_list": [{"meeting_id": "1"}]}
META = RecordMeta(
    RecordKey("tencent", "1367354711193030657"),
    START,
    meeting_record_id="1",
    meeting_id="1",
    teacher_id="admin",
)
ANSWERS = {"corp/records": PAGE, "addresses": ADDRESSES, "participants": VISITS, "history": HISTORY}
NONSENSE: list[Any] = [
    None, "", "文字", "0", "-1", 0, -1, 1, 3, 10**11, 10**30, -(10**30), 1.5, 1e400, float("nan"),
    True, False, [], {}, [None], {"a": 1}, [[]], "9" * 5000, "\ud83d", "\0", "../../etc",
]  # fmt: skip


class Mutated:
    """Answers every endpoint, one of them with one or two fields gone or made nonsense."""

    server: ScriptedServer

    def __init__(self) -> None:
        self.passing = FakeTime()
        self.chance = random.Random(0)
        self.answers: dict[str, Any] = {}
        self.endpoint = ""

    def mutate(self, seed: int) -> None:
        self.chance.seed(seed)
        self.passing.now += 600
        self.answers = copy.deepcopy(ANSWERS)
        self.endpoint = self.chance.choice(list(ANSWERS))
        for _ in range(self.chance.randint(1, 2)):
            self._spoil(self.answers[self.endpoint])

    def _spoil(self, value: Any) -> None:
        places = [(value, key) for key in value]
        for inner, key in places:
            below = inner[key]
            if isinstance(below, dict | list):
                keys = below if isinstance(below, dict) else range(len(below))
                places += [(below, one) for one in keys]
        inner, key = self.chance.choice(places)
        if isinstance(inner, dict) and self.chance.random() < 0.2:
            del inner[key]
        else:
            # a copy: spoilt once more, the list itself could end up within itself, without an end
            inner[key] = copy.deepcopy(self.chance.choice(NONSENSE))

    def answer(self, connection: socket.socket) -> None:
        name = self.server.heads[-1]
        which = next(key for key in self.answers if key in name)
        connection.sendall(json_reply(self.answers[which]))


def a_source(url: str, folder: Path, passing: FakeTime) -> TencentSource:
    return connect.connect(
        connect.credentials("AKID", "key", "200000001", "12345678901", ""),
        base_url=url,
        scope="corp",
        operators=["admin"],
        operator_type=1,
        per_minute=10**6,
        corp_per_minute=10**6,
        history=folder,
        stop=passing,
        now=lambda: NOW,
        clock=passing.clock,
    )


@pytest.fixture(scope="module")
def mutated() -> Iterator[Mutated]:
    answers = Mutated()
    with ScriptedServer(answers.answer) as answers.server:
        yield answers


@pytest.fixture(scope="module")
def fuzzed(mutated: Mutated, tmp_path_factory: pytest.TempPathFactory) -> TencentSource:
    return a_source(mutated.server.url, tmp_path_factory.mktemp("rates"), mutated.passing)


@pytest.mark.slow
@settings(max_examples=400, deadline=None)  # each is asked for several times
@given(seed=st.integers(0, 2**32))
def test_row_12_a_thousand_mutated_pages_are_no_traceback(
    seed: int, mutated: Mutated, fuzzed: TencentSource
) -> None:
    mutated.mutate(seed)
    try:
        if mutated.endpoint == "corp/records":
            list(fuzzed.list_records(Window(NOW - timedelta(days=7), NOW)))
        elif mutated.endpoint == "addresses":
            fuzzed.locate(META)
        else:
            fuzzed.participants(META)
    except MeetingError as error:
        assert error.code in {"bad_answer", "listing_incomplete", "gone", "no_download"}
        if error.code == "bad_answer":
            assert "GET /v1/" in error.message


def test_row_12_a_bad_row_that_comes_for_ever_ends_the_reading(
    mutated: Mutated, fuzzed: TencentSource
) -> None:
    mutated.answers = ANSWERS | {
        "corp/records": {"total_count": 10**11, "record_meetings": [{"meeting_record_id": []}]}
    }
    before = len(mutated.server.heads)
    with pytest.raises(MeetingError, match="meeting_record_id: is not text"):
        list(fuzzed.list_records(Window(NOW - timedelta(days=7), NOW)))
    assert len(mutated.server.heads) - before < 20


def test_the_first_field_that_makes_no_sense_is_named() -> None:
    files = [{"record_file_id": "1"}, {"record_file_id": "2", "meeting_summary": [{}, 3]}]
    with pytest.raises(BadField, match=r"^record_files\.1\.meeting_summary\.1: is not an object$"):
        read(AddressPage, {"record_files": files})
    with pytest.raises(BadField, match=r"^record_files\.0\.record_file_id: is not an id$"):
        read(AddressPage, {"record_files": [{}]})
    with pytest.raises(BadField, match=r"^the answer: is not an object$"):
        read(AddressPage, [])


@pytest.mark.parametrize("said", [{}, {"has_remaining": False, "next_pos": 0}, {"total_count": 1}])
def test_a_page_without_rows_is_believed_only_where_a_count_says_so(said: dict[str, Any]) -> None:
    with pytest.raises(BadField, match=r"^participants: is not a list$"):
        read(VisitPage, said)
    assert read(VisitPage, said | {"total_count": "0", "participants": None}).participants == []
    assert read(VisitPage, said | {"current_size": 0}).participants == []


def row(**changed: Any) -> ListedRecord:
    return read(ListedRecord, {**PAGE["record_meetings"][0], **changed})


def file(**changed: Any) -> list[dict[str, Any]]:
    return [{**PAGE["record_meetings"][0]["record_files"][0], **changed}]


def meta(record: ListedRecord) -> RecordMeta:
    return next(metas_of([record], "owner", NOW))


def test_a_row_becomes_what_we_know() -> None:
    known = meta(row())
    assert known.key.record_id == "1367354711193030657"
    assert known.start_ts == START + timedelta(seconds=5)
    assert known.end_ts == START + timedelta(seconds=3605)
    assert (known.size_bytes, known.teacher_id) == (205_818_547, "admin")
    assert known.play_url == "https://meeting.tencent.com/v2/cloud-record/share?id=x&from=3"


def test_ids_are_text_even_where_a_server_sends_numbers() -> None:
    page = json.loads('{"meeting_record_id": 13339451618278424869, "meeting_id": 1, "state": 1}')
    assert read(ListedRecord, page).meeting_record_id == "13339451618278424869"


@pytest.mark.parametrize("bad", [0, 1_000, -5, 10**15, "", None])
def test_row_21_a_time_that_cannot_be_is_a_row_with_that_reason(bad: object) -> None:
    known = meta(row(media_start_time=bad, record_files=file(record_start_time=bad)))
    assert known.skip_reason == "bad_time"
    assert known.start_ts.tzinfo is UTC and known.end_ts is None


def test_row_21_one_credible_time_is_enough() -> None:
    assert meta(row(record_files=file(record_start_time=0))).start_ts == START
    assert meta(row(media_start_time=0)).start_ts == START + timedelta(seconds=5)
    assert meta(row(record_files=file(record_end_time=5))).end_ts is None


@pytest.mark.parametrize("size", [0, None, "", "0"])
def test_a_size_of_zero_is_no_size(size: object) -> None:
    assert meta(row(record_files=file(record_size=size))).size_bytes is None


def test_who_may_not_download_is_skipped_with_the_reason() -> None:
    assert meta(row(record_files=file(allow_download=False))).skip_reason == "no_download"


def test_the_owner_is_named_by_either_list_or_known_from_the_operator() -> None:
    assert meta(row(host_user_id=None, userid="li")).teacher_id == "li"
    assert meta(row(host_user_id=None)).teacher_id == "owner"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://m.qq.com/share?id=x&token=s&pwd=1#f", "https://m.qq.com/share?id=x"),
        ("https://user:pass@m.qq.com/", None),
        ("javascript:alert(1)", None),
        ("", None),
        ("http://[", None),
    ],
)
def test_a_page_for_people_opens_no_doors(url: str, shown: str | None) -> None:
    assert public_url(url) == shown


@pytest.mark.parametrize(
    ("ids", "headers"),
    [
        (("200000001", "12345678901", ""), ("200000001", "12345678901")),
        (("200000001", "12345678901", "12345678902"), ("200000001", "12345678902")),
        (("200000001", "", ""), ("200000001", "")),
        (("", "200000001", "12345678901"), ("200000001", "12345678901")),
        (("", "200000001", ""), ("200000001", "")),
    ],
)
def test_ids_find_their_headers(ids: tuple[str, str, str], headers: tuple[str, str]) -> None:
    found = connect.credentials("AKID", "key", *ids)
    assert (found.enterprise_id, found.application_id) == headers


def test_what_is_missing_is_named() -> None:
    with pytest.raises(ConfigError) as error:
        connect.credentials("", "key", "", "", "")
    assert "TQM_SECRET_ID" in error.value.message and "ENTERPRISE_ID" in error.value.message
    assert "TQM_SECRET_KEY" not in error.value.message


@pytest.mark.parametrize("operators", [[], ["one", "two"]])
def test_a_company_is_listed_on_behalf_of_one_operator(
    operators: list[str], tmp_path: Path
) -> None:
    with pytest.raises(ConfigError) as error:
        connect.connect(
            connect.credentials("AKID", "key", "200000001", "", ""),
            base_url="https://api.meeting.qq.com",
            scope="corp",
            operators=operators,
            operator_type=1,
            per_minute=1,
            corp_per_minute=1,
            history=tmp_path,
            stop=threading.Event(),
            now=lambda: NOW,
        )
    assert "TQM_OPERATOR_ID" in error.value.message
