"""The participants of a meeting, or of one occurrence of a recurring one (Tencent doc 42701)."""

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from urllib.parse import quote

from meeting_pipeline.adapters.sources.tencent.api_types import (
    PastMeeting,
    PastMeetingPage,
    Visit,
    VisitPage,
)
from meeting_pipeline.adapters.sources.tencent.client import TencentClient
from meeting_pipeline.adapters.sources.tencent.mapping import participant_of, touches
from meeting_pipeline.domain.model import Participant, RecordMeta
from meeting_pipeline.errors import FatalError, MeetingError, RecordError, SkipRecord

_VISITS = 100
_MEETINGS = 20
_MOST_PAGES = 500  # Tencent returns at most 50,000 visits
_AROUND = timedelta(days=1)
_OCCURRENCE = timedelta(hours=12)
_DAYS_KEPT = 256

_log = logging.getLogger(__name__)


class People:
    """Asks Tencent for participants."""

    def __init__(self, client: TencentClient, now: Callable[[], datetime]) -> None:
        """Create the object.

        Args:
            client: Makes the calls.
            now: Returns Tencent's time, aware; no query reaches into the future.
        """
        self._client = client
        self._now = now
        self._asking = threading.Lock()
        self._meetings_around = lru_cache(maxsize=_DAYS_KEPT)(self._ask_for_meetings)

    def of(self, meta: RecordMeta, askers: Sequence[str]) -> tuple[Participant, ...] | None:
        """Return every stay that overlaps the recording, or None if Tencent does not tell.

        Args:
            meta: The recording.
            askers: User ids to ask on behalf of, in this order, until one is permitted.
        """
        for asker in askers:
            try:
                return self._ask(meta, asker)
            except (SkipRecord, RecordError, FatalError) as refusal:
                _only_a_refusal(refusal)
                _log.info("%s: no participants as user %s: %s", meta.key, asker, refusal)
        return None

    def _ask(self, meta: RecordMeta, asker: str) -> tuple[Participant, ...] | None:
        if meta.meeting_id is None:
            return None
        occurrences = [
            one for one in self._history(meta, asker) if one.meeting_id == meta.meeting_id
        ]
        occurrence = _nearest(occurrences, meta.start_ts)
        if occurrences and occurrence is None:
            return None
        sub_meeting_id = occurrence.sub_meeting_id if occurrence else None
        visits = self._visits(meta, asker, sub_meeting_id)
        stays = (participant_of(visit) for visit in dict.fromkeys(visits))
        return tuple(stay for stay in stays if stay.person and touches(stay, meta))

    def _history(self, meta: RecordMeta, asker: str) -> tuple[PastMeeting, ...]:
        """Return the meetings that the owner was in on the days around the recording."""
        day = meta.start_ts.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        owner = meta.teacher_id or asker
        try:
            with self._asking:
                return self._meetings_around(owner, day)
        except (SkipRecord, RecordError, FatalError) as refusal:
            _only_a_refusal(refusal)
            _log.info("no history of meetings of %s: %s", owner, refusal)
            return ()

    def _ask_for_meetings(self, userid: str, day: datetime) -> tuple[PastMeeting, ...]:
        found: list[PastMeeting] = []
        for page in range(1, _MOST_PAGES + 1):
            query = {
                "page_size": _MEETINGS,
                "page": page,
                **self._span(day, day + timedelta(days=1)),
            }
            path = f"/v1/history/meetings/{quote(userid, safe='')}"
            answer = self._client.get(path, query, PastMeetingPage)
            found += answer.meeting_info_list
            if not answer.meeting_info_list or page >= (answer.total_page or page):
                break
        return tuple(found)

    def _visits(self, meta: RecordMeta, asker: str, sub_meeting_id: str | None) -> Iterator[Visit]:
        pos = 0
        for _ in range(_MOST_PAGES):
            query: dict[str, str | int] = {
                "userid": asker,
                "pos": pos,
                "size": _VISITS,
                **self._span(meta.start_ts, meta.end_ts or meta.start_ts),
            }
            if sub_meeting_id:
                query["sub_meeting_id"] = sub_meeting_id
            path = f"/v1/meetings/{quote(meta.meeting_id or '', safe='')}/participants"
            answer = self._client.get(path, query, VisitPage)
            yield from answer.participants
            if not answer.participants or answer.has_remaining is False:
                return
            following = pos + len(answer.participants)
            if answer.has_remaining is None and following >= (answer.total_count or 0):
                return
            pos = max(answer.next_pos or following, pos + 1)

    def _span(self, start: datetime, end: datetime) -> dict[str, int]:
        """Return a time span that includes the days around the given one.

        It is not documented which time of a visit or meeting has to be in the span. The span stays
        below the 31 days that are allowed.
        """
        since = int((start - _AROUND).timestamp())
        until = int(min(end + _AROUND, max(self._now(), start)).timestamp())
        return {"start_time": since, "end_time": min(until, since + 30 * 86_400)}


def _only_a_refusal(error: MeetingError) -> None:
    """Raise the error again if it would stop every other call, too."""
    if isinstance(error, FatalError) and error.code not in ("operator_refused", "api_not_granted"):
        raise error


def _nearest(occurrences: Sequence[PastMeeting], start: datetime) -> PastMeeting | None:
    """Return the occurrence nearest to the start, at most half a day from it, or None."""
    far = [(_distance(one, start), place) for place, one in enumerate(occurrences)]
    if not far or min(far)[0] > _OCCURRENCE:
        return None
    return occurrences[min(far)[1]]


def _distance(meeting: PastMeeting, moment: datetime) -> timedelta:
    start = meeting.start_time or moment
    end = max(meeting.end_time or start, start)
    return max(start - moment, moment - end, timedelta(0))
