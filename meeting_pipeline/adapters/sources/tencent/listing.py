"""The lists of recordings, read completely while their rows move (Tencent docs 51189, 53224).

Tencent lists by pages of a list that changes while it is read: rows are added, removed and
repeated. A list is therefore read again until two passes agree.
"""

import logging
import math
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from meeting_pipeline.adapters.http.rate_limit import RateLimit
from meeting_pipeline.adapters.sources.tencent.api_types import (
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
_LONGEST = timedelta(days=30)  # 31 are allowed, but it is not documented whether both ends count
_PASSES = 3
_IDLE_PAGES = 3
_MOST_PAGES = 5_000

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RecordList:
    """One of the two lists as one operator sees it.

    Attributes:
        client: Makes the calls.
        path: "/v1/corp/records" or "/v1/records".
        operator: The id of the user on whose behalf the list is read.
        operator_type: The kind of that id.
        limit: The rate limit of this list, or None if only the application's applies.
    """

    client: TencentClient
    path: str
    operator: str
    operator_type: int
    limit: RateLimit | None = None

    def records(
        self, window: Window
    ) -> Generator[Sequence[ListedRecord], None, RetryableError | None]:
        """Yield the records of a window page by page, and return why they are not complete.

        The list is read again, up to three times, if rows moved during a pass: the next pass finds
        the rows that moved to another page. A later pass yields only what is new or different.

        Args:
            window: The time to list, at most 30 days.

        Returns:
            None if the list is complete, else the error that says why not.

        Raises:
            MeetingError: A call failed; see `TencentClient.get`.
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
            _log.info("%s %s: rows moved while it was read, reading again", *self._where(window))
        _log.warning("%s %s: rows moved in each of %d passes", *self._where(window), _PASSES)
        return seen.trouble or self._shortage(seen, len(known))

    def first_page(self, window: Window) -> list[ListedRecord]:
        """Return the records of the first page.

        Args:
            window: The time to list, at most 30 days.

        Raises:
            MeetingError: The call failed; see `TencentClient.get`.
        """
        seen = _Pass(f"GET {self.path}")
        seen.add_page(1, self._page(window, 1))
        if seen.trouble:
            raise seen.trouble
        return list(seen.records.values())

    def ask(self) -> None:
        """Make the smallest possible call, for what every answer tells, such as Tencent's time.

        Raises:
            MeetingError: The call failed; see `TencentClient.get`.
        """
        end = max(self.client.now(), BEFORE_TENCENT_MEETING)
        self._page(Window(end - timedelta(seconds=1), end), 1)

    def _pages(self, window: Window, seen: "_Pass") -> Iterator[Sequence[ListedRecord]]:
        for page in range(1, _MOST_PAGES + 1):
            has_more = seen.add_page(page, self._page(window, page))
            yield seen.page
            if not has_more:
                return
        _log.warning("%s %s: no end after %d pages", *self._where(window), _MOST_PAGES)
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
            f"GET {self.path}: {seen.total} recordings were announced, {known} were listed",
        )


@dataclass
class _Pass:
    """One pass over all pages of a list.

    Attributes:
        what: The call, for messages.
        records: The records by their id.
        page: The records of the last page.
        bad: The rows that cannot be used, each once: a row that is repeated for ever is not new.
        idle_pages: How many pages in a row had nothing new.
        totals: All totals that were announced.
        total: The last total that was announced.
        trouble: Why the pass is not complete, or None.
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
        """Return how many files the records have; Tencent may count files instead of records."""
        return sum(len(record.record_files) for record in self.records.values())

    @property
    def is_whole(self) -> bool:
        """Return whether no row can be missing: the total did not change and was reached."""
        return (
            self.trouble is None
            and len(self.totals) <= 1
            and self.total <= max(self._rows(), self.files)
        )

    def add_page(self, page: int, answer: RecordPage) -> bool:
        """Add the rows of a page, and return whether there may be another page."""
        before = self._rows()
        self.page = []
        for row in answer.record_meetings:
            self._keep(row)
        self.idle_pages = 0 if self._rows() > before else self.idle_pages + 1
        if answer.total_count is not None:
            self.total = answer.total_count
            self.totals.add(answer.total_count)
        return self._has_more(page, answer)

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

    def _has_more(self, page: int, answer: RecordPage) -> bool:
        """Decide by the rows and by the announced numbers, because each may be missing or wrong."""
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
    """Yield the parts of a window that can be asked for: whole seconds, 30 days each, all past.

    The end is fixed before the list is read, so that new recordings do not move its rows.

    Args:
        window: The window.
        now: Tencent's time, aware.
    """
    start = max(window.start, BEFORE_TENCENT_MEETING)
    end = min(_whole_second(window.end, math.ceil), _whole_second(now, math.floor))
    yield from Window(_whole_second(start, math.floor), end).split(_LONGEST)


def _whole_second(moment: datetime, rounded: Callable[[float], int]) -> datetime:
    return datetime.fromtimestamp(rounded(moment.timestamp()), moment.tzinfo)
