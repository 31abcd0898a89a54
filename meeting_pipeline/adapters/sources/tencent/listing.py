"""The lists of recordings, read to their end while rows come, go and repeat (51189, 53224)."""

import logging
import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from meeting_pipeline.adapters.http.rate_limit import RateLimit
from meeting_pipeline.adapters.sources.tencent.answers import (
    BadField,
    ListedRecord,
    RecordPage,
    read,
)
from meeting_pipeline.adapters.sources.tencent.client import Query, TencentClient
from meeting_pipeline.adapters.sources.tencent.mapping import BEFORE_TENCENT_MEETING
from meeting_pipeline.domain.window import Window
from meeting_pipeline.errors import RetryableError

_PAGE_SIZE = 20
_LONGEST = timedelta(days=30)  # 31 is allowed, but whether that includes both ends is not said
_PASSES = 3
_IDLE_PAGES = 3
_MOST_PAGES = 5_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RecordList:
    """One of the two lists as one operator sees it.

    path: "/v1/corp/records" or "/v1/records". limit: its own calls per minute, None where only the
    application's count.
    """

    client: TencentClient
    path: str
    operator: str
    operator_type: int
    limit: RateLimit | None = None

    def records(
        self, window: Window
    ) -> Generator[Sequence[ListedRecord], None, RetryableError | None]:
        """Everything listed in a window of at most 30 days, page by page as Tencent answers.

        Read again, up to three times, when a pass was disturbed: rows that moved to another page
        meanwhile are found by the next one; what a pass has that the ones before had not, or had
        differently, is yielded. Returns why the list is not complete, or None.
        """
        known: dict[str, ListedRecord] = {}
        for attempt in range(_PASSES):
            seen = _Pass(f"GET {self.path}")
            for records in self._pages(window, seen):
                yield [one for one in records if known.get(one.meeting_record_id) != one]
            brought = seen.records.keys() - known.keys()
            known |= seen.records
            if seen.is_whole and (attempt == 0 or not brought):
                return None
            _log.info("%s %s: rows move while it is read, reading it again", *self._where(window))
        _log.warning("%s %s: rows kept moving in %d readings", *self._where(window), _PASSES)
        return seen.trouble or self._shortage(seen, len(known))

    def first_page(self, window: Window) -> list[ListedRecord]:
        """What one call says; raises what `TencentClient.get` raises."""
        seen = _Pass(f"GET {self.path}")
        seen.take(1, self._page(window, 1))
        if seen.trouble:
            raise seen.trouble
        return list(seen.records.values())

    def ask(self) -> None:
        """Make the smallest call, for what any answer tells; raises as `TencentClient.get` does."""
        end = max(self.client.now(), BEFORE_TENCENT_MEETING)
        self._page(Window(end - timedelta(seconds=1), end), 1)

    def _pages(self, window: Window, seen: "_Pass") -> Iterator[Sequence[ListedRecord]]:
        for page in range(1, _MOST_PAGES + 1):
            goes_on = seen.take(page, self._page(window, page))
            yield seen.page
            if not goes_on:
                return
        _log.warning("%s %s: %d pages and no end", *self._where(window), _MOST_PAGES)
        seen.trouble = RetryableError("endless_list", f"GET {self.path}: the list has no end")

    def _page(self, window: Window, page: int) -> RecordPage:
        query: Query = {
            "operator_id": self.operator,
            "operator_id_type": self.operator_type,
            "start_time": int(window.start.timestamp()),
            "end_time": int(window.end.timestamp()),
            "page_size": _PAGE_SIZE,
            "page": page,
        }
        return self.client.get(self.path, query, RecordPage, self.limit)

    def _where(self, window: Window) -> tuple[str, str]:
        return f"GET {self.path}", f"from {window.start:%Y-%m-%d} to {window.end:%Y-%m-%d}"

    def _shortage(self, seen: "_Pass", known: int) -> RetryableError | None:
        if seen.total <= max(known, seen.files):
            return None
        return RetryableError(
            "listing_incomplete",
            f"GET {self.path}: {seen.total} recordings were announced, {known} came",
        )


@dataclass
class _Pass:
    """One reading of all pages. what: the call; bad: the rows that made no sense, each once: a
    server that sends one for ever brings nothing new.

    page: the records of the last one.
    """

    what: str
    records: dict[str, ListedRecord] = field(default_factory=dict)
    page: list[ListedRecord] = field(default_factory=list)
    bad: set[str] = field(default_factory=set)
    idle_pages: int = 0
    totals: set[int] = field(default_factory=set)
    total: int = 0
    trouble: RetryableError | None = None

    @property
    def files(self) -> int:
        """How many files the records have: what a total counts is not documented."""
        return sum(len(record.record_files) for record in self.records.values())

    @property
    def is_whole(self) -> bool:
        """Whether nothing can have slipped through: the total stood still and was reached."""
        return (
            self.trouble is None
            and len(self.totals) <= 1
            and self.total <= max(self._rows(), self.files)
        )

    def take(self, page: int, answer: RecordPage) -> bool:
        """Keep the rows of a page; returns whether there may be another page."""
        before = self._rows()
        self.page = []
        for row in answer.record_meetings:
            self._keep(row)
        self.idle_pages = 0 if self._rows() > before else self.idle_pages + 1
        if answer.total_count is not None:
            self.total = answer.total_count
            self.totals.add(answer.total_count)
        return self._goes_on(page, answer)

    def _keep(self, row: object) -> None:
        try:
            record = read(ListedRecord, row)
        except BadField as bad:
            self.bad.add(repr(row))
            message = f"{self.what}: a row of record_meetings cannot be used: {bad}"
            self.trouble = RetryableError("bad_answer", message)
        else:
            self.records[record.meeting_record_id] = record
            self.page.append(record)

    def _goes_on(self, page: int, answer: RecordPage) -> bool:
        """Go by what came, not by what is announced: either may be missing or wrong."""
        is_full = len(answer.record_meetings) >= _PAGE_SIZE
        if self.idle_pages >= _IDLE_PAGES:
            return False
        if answer.total_count is None:
            return page < (answer.total_page or 0) or (is_full and answer.total_page is None)
        if self.idle_pages and (self._rows() >= self.total or page > (answer.total_page or page)):
            return False
        is_beyond = is_full and self._rows() > self.total
        return self._rows() < self.total or page < (answer.total_page or 0) or is_beyond

    def _rows(self) -> int:
        return len(self.records) + len(self.bad)


def pieces(window: Window, now: datetime) -> Iterator[Window]:
    """What of a window can be asked for: whole seconds, 30 days at a time, nothing in the future.

    The end stands still while the list is read, so that arrivals do not move its rows.
    """
    start = max(window.start, BEFORE_TENCENT_MEETING)
    end = min(_whole_second(window.end, math.ceil), _whole_second(now, math.floor))
    yield from Window(_whole_second(start, math.floor), end).split(_LONGEST)


def _whole_second(moment: datetime, rounded: Callable[[float], int]) -> datetime:
    return datetime.fromtimestamp(rounded(moment.timestamp()), moment.tzinfo)
