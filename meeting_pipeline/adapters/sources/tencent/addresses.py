"""Links to media and transcripts, cached for as long as they are valid (Tencent doc 51174)."""

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from meeting_pipeline.adapters.sources.tencent.api_types import Address, AddressPage
from meeting_pipeline.adapters.sources.tencent.client import Query, TencentClient
from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.errors import SkipRecord

MEDIA, TRANSCRIPT = "media", "transcript"
"""The uses of a link."""

_PAGE_SIZE = 50
_MOST_PAGES = 100
_MOST_RECORDS = 500


@dataclass(frozen=True)
class _Asked:
    """The links in one answer of Tencent.

    Attributes:
        at: When it was asked for, in seconds of the clock.
        unused: The links that were not handed out yet, by file and use.
    """

    at: float
    unused: dict[tuple[str, str], Address]


class Addresses:
    """The links of records, each handed out once for each use.

    An answer holds the links of all files of a record, and they are kept for its other files. A
    second request for the same file and use means that the link did not work, so Tencent is asked
    again.
    """

    def __init__(
        self, client: TencentClient, lifetime_s: float, clock: Callable[[], float]
    ) -> None:
        """Create an empty cache.

        Args:
            client: Makes the calls.
            lifetime_s: For how many seconds an answer is used, well below the lifetime of links.
            clock: Returns seconds.
        """
        self._client = client
        self._lifetime_s = lifetime_s
        self._clock = clock
        self._asked: OrderedDict[str, _Asked] = OrderedDict()
        self._guard = threading.Lock()
        self._asking: defaultdict[str, threading.Lock] = defaultdict(threading.Lock)

    def of(self, meta: RecordMeta, operator: str, operator_type: int, use: str) -> Address:
        """Return the links of a file that were not handed out for this use yet.

        Args:
            meta: The recording, which is a file of a record at Tencent.
            operator: The id of the user on whose behalf Tencent is asked.
            operator_type: The kind of that id.
            use: MEDIA or TRANSCRIPT.

        Raises:
            SkipRecord: The record does not have the file, or not any more ("gone").
            MeetingError: The call failed; see `TencentClient.get`.
        """
        record_id, wanted = meta.meeting_record_id, (meta.key.record_id, use)
        if record_id is None:
            raise SkipRecord("gone", f"{meta.key}: its record id at Tencent is not known")
        with self._guard:
            asking = self._asking[record_id]
        with asking:
            address = self._unused(record_id, wanted)
            if address is None:
                self._ask(record_id, operator, operator_type)
                address = self._unused(record_id, wanted)
        if address is None:
            raise SkipRecord("gone", f"{meta.key}: Tencent's record {record_id} has no such file")
        return address

    def _unused(self, record_id: str, wanted: tuple[str, str]) -> Address | None:
        with self._guard:
            asked = self._asked.get(record_id)
            if asked is None or self._clock() - asked.at >= self._lifetime_s:
                return None
            return asked.unused.pop(wanted, None)

    def _ask(self, record_id: str, operator: str, operator_type: int) -> None:
        at = self._clock()
        found: dict[str, Address] = {}
        for page in range(1, _MOST_PAGES + 1):
            query: Query = {
                "meeting_record_id": record_id,
                "operator_id": operator,
                "operator_id_type": operator_type,
                "page_size": _PAGE_SIZE,
                "page": page,
            }
            answer = self._client.get("/v1/addresses", query, AddressPage)
            known = len(found)
            found |= {address.record_file_id: address for address in answer.record_files}
            if len(found) == known or not _has_more(page, len(found), answer):
                break
        self._keep(record_id, _Asked(at, _for_each_use(found)))

    def _keep(self, record_id: str, asked: _Asked) -> None:
        with self._guard:
            self._asked[record_id] = asked
            self._asked.move_to_end(record_id)
            while len(self._asked) > _MOST_RECORDS:
                oldest, _ = self._asked.popitem(last=False)
                self._asking.pop(oldest, None)


def _has_more(page: int, known: int, answer: AddressPage) -> bool:
    is_full = len(answer.record_files) >= _PAGE_SIZE
    return is_full or known < (answer.total_count or 0) or page < (answer.total_page or 0)


def _for_each_use(found: dict[str, Address]) -> dict[tuple[str, str], Address]:
    return {(name, use): found[name] for name in found for use in (MEDIA, TRANSCRIPT)}
