"""The endpoints of the meeting API. Each checks parameters, then rights, then the resource."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from .company import Company, Record, RecordFile
from .faults import Kind, Strike
from .media import MediaHost
from .parameters import Query
from .tencent_errors import ApiError
from .tencent_rows import (
    address_row,
    history_row,
    meetings_of,
    record_row,
    stay_row,
    user_row,
)
from .wire import Json

MAX_PAGE = 10**9
FOR_EVER = (0, 10**10)
T = TypeVar("T")


@dataclass(frozen=True)
class Site:
    """The data of the endpoints; `now` returns Unix seconds."""

    company: Company
    media: MediaHost
    now: Callable[[], float]

    def member(self, userid: str) -> None:
        """Raise 9042 for an operator who is not one of the company's people."""
        if userid not in self.company.people:
            raise ApiError(9042)

    def admin(self, userid: str) -> None:
        """Raise 9042 for an operator who may not see the whole company."""
        if not self.company.is_admin(userid):
            raise ApiError(9042)


def records(site: Site, query: Query, strike: Strike, _: str) -> Json:
    """Answer GET /v1/records: only the records that the operator created."""
    operator, window = query.operator(), query.span()
    kind = query.choice("query_record_type", "1", "012345")
    query.choice("media_set_type", "0", "012")
    code = query.values.get("meeting_code", "")
    if code and not code.isdigit():
        raise ApiError(190004, "meeting_code", code)
    size, page = query.number("page_size", 10, 1, 20), query.number("page", 1, 1, MAX_PAGE)
    site.member(operator)
    meeting = query.values.get("meeting_id", "")
    rows = [
        record
        for record in _listed(site, window, kind)
        if record.owner == operator
        and meeting in ("", record.meeting_id)
        and code in ("", record.meeting_code)
    ]
    return _record_page(site, rows, page, size, strike, corp=False)


def corp_records(site: Site, query: Query, strike: Strike, _: str) -> Json:
    """Answer GET /v1/corp/records: the whole enterprise, for an administrator."""
    operator, window = query.operator("1"), query.span()
    kind = query.choice("query_record_type", "1", "01245")
    size, page = query.number("page_size", 10, 1, 20), query.number("page", 1, 1, MAX_PAGE)
    for name in ("meeting_id", "meeting_code"):
        if name in query.values:
            raise ApiError(190004, f"corp_{name}", name)
    site.admin(operator)
    return _record_page(site, _listed(site, window, kind), page, size, strike, corp=True)


def addresses(site: Site, query: Query, strike: Strike, _: str) -> Json:
    """Answer GET /v1/addresses: fresh links of every file of one record."""
    operator, record_id = query.operator(), query.text("meeting_record_id")
    size, page = query.number("page_size", 50, 1, 50), query.number("page", 1, 1, MAX_PAGE)
    site.member(operator)
    record = site.company.record(record_id)
    if record is None or record.appears_at > site.now():
        raise ApiError(4049)
    if record.gone(site.now()):
        raise ApiError(4051)
    if record.owner != operator:
        site.admin(operator)
    if record.state(site.now()) != 3:  # noqa: PLR2004 - "done"
        raise ApiError(4044)
    files = [
        address_row(file, _links(site, record, file), strike)
        for file in _page(record.files, page, size)
    ]
    return {
        **_paging(len(record.files), len(files), page, size),
        "meeting_record_id": record.meeting_record_id,
        "meeting_id": record.meeting_id,
        "meeting_code": record.meeting_code,
        "subject": record.subject,
        "record_files": files,
    }


def participants(site: Site, query: Query, _: Strike, meeting_id: str) -> Json:
    """Answer GET /v1/meetings/{meeting_id}/participants: visits, not people."""
    person = query.values.get("userid") or query.operator()
    pos, size = query.number("pos", 0, 0, 50_000), query.number("size", 20, 1, 100)
    query.optional_span()
    occurrences = [one for one in site.company.records() if one.meeting_id == meeting_id]
    wanted = query.values.get("sub_meeting_id", "")
    if any(one.sub_meeting_id for one in occurrences) and not wanted:
        raise ApiError(190004, "sub_meeting_id_missing")
    site.member(person)
    found = [one for one in occurrences if wanted in ("", one.sub_meeting_id)]
    if not found:
        raise ApiError(9003)
    if found[0].owner != person:
        site.admin(person)
    stays = found[0].stays
    rows = [stay_row(stay, place) for place, stay in enumerate(stays)][pos : pos + size]
    return {
        "meeting_id": meeting_id,
        "meeting_code": found[0].meeting_code,
        "subject": found[0].subject,
        "schedule_start_time": str(int(found[0].started_at)),
        "schedule_end_time": str(int(found[0].ended_at)),
        "participants": rows,
        "total_count": len(stays),
        "has_remaining": pos + size < len(stays),
        "next_pos": pos + len(rows),
    }


def users(site: Site, query: Query, _: Strike, __: str) -> Json:
    """Answer GET /v1/users/list, which has no total_page."""
    operator = query.operator()
    size, page = query.number("page_size", 20, 1, 20), query.number("page", 1, 1, MAX_PAGE)
    site.admin(operator)
    people = sorted(site.company.people.values(), key=lambda person: person.userid)
    rows = [user_row(person) for person in _page(people, page, size)]
    paging = _paging(len(people), len(rows), page, size)
    del paging["total_page"]
    return {**paging, "page_size": size, "users": rows}


def history(site: Site, query: Query, _: Strike, userid: str) -> Json:
    """Answer GET /v1/history/meetings/{userid}: the source of past sub_meeting_ids."""
    size, page = query.number("page_size", 20, 1, 20), query.number("page", 1, 1, MAX_PAGE)
    start, end = query.optional_span() or FOR_EVER
    site.member(userid)
    meetings = [one for one in meetings_of(site.company, userid) if start <= one.started_at <= end]
    rows = [history_row(one) for one in _page(meetings, page, size)]
    return {**_paging(len(meetings), len(rows), page, size), "meeting_info_list": rows}


def needs_sts_token(_: Site, query: Query, __: Strike, ___: str) -> Json:
    """Refuse two endpoints whose token only a webhook delivers; no token is valid here."""
    query.operator()
    raise ApiError(9042, "sts_token")


def smart_minutes(_: Site, query: Query, __: Strike, ___: str) -> Json:
    """Answer GET /v1/smart/minutes/{record_file_id}: this company has no smart recording."""
    query.operator("12")
    raise ApiError(500182)


def _listed(site: Site, window: tuple[int, int], kind: str) -> list[Record]:
    now = site.now()
    return [
        record
        for record in site.company.records()
        if record.listed(now)
        and kind in ("0", record.kind.value)
        and window[0] <= record.started_at <= window[1]
    ]


def _record_page(
    site: Site, rows: list[Record], page: int, size: int, strike: Strike, *, corp: bool
) -> Json:
    shown = _page(rows, 1 if Kind.FULL_PAGE_FOR_EVER in strike else page, size)
    if Kind.EMPTY_PAGE in strike:
        shown = []
    if Kind.DUPLICATE_ROWS in strike:
        shown = [*shown, *shown[-1:]]
    made = [record_row(record, site.now(), corp=corp, strike=strike) for record in shown]
    return {**_paging(len(rows), len(made), page, size), "record_meetings": made}


def _page(rows: Sequence[T], page: int, size: int) -> Sequence[T]:
    return rows[(page - 1) * size : page * size]


def _paging(total: int, shown: int, page: int, size: int) -> Json:
    return {
        "total_count": total,
        "current_size": shown,
        "current_page": page,
        "total_page": -(-total // size),
    }


def _links(site: Site, record: Record, file: RecordFile) -> dict[str, str]:
    if not file.allow_download:
        return {}
    contents = {"mp4": file.video, "m4a": file.audio, "txt": file.transcript.encode()}
    folder = f"{record.meeting_record_id}/{file.record_file_id}"
    name = f"TM-{record.meeting_code}-recording-1"
    return {
        suffix: site.media.link(f"{folder}/{name}.{suffix}", content)
        for suffix, content in contents.items()
        if content
    }


Endpoint = Callable[[Site, Query, Strike, str], Json]
ROUTES: tuple[tuple[str, str, Endpoint], ...] = (
    ("records", r"/v1/records", records),
    ("corp_records", r"/v1/corp/records", corp_records),
    ("addresses", r"/v1/addresses", addresses),
    ("address", r"/v1/addresses/([^/]+)", needs_sts_token),
    ("transcript_details", r"/v1/records/transcripts/details", needs_sts_token),
    ("participants", r"/v1/meetings/([^/]+)/participants", participants),
    ("users", r"/v1/users/list", users),
    ("history", r"/v1/history/meetings/([^/]+)", history),
    ("smart_minutes", r"/v1/smart/minutes/([^/]+)", smart_minutes),
)
