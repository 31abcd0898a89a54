"""Cloud recordings of Tencent Meeting as a RecordingSource."""

import logging
from collections.abc import Callable, Generator, Iterator, Sequence
from datetime import datetime

from meeting_pipeline.adapters.sources.tencent import examination
from meeting_pipeline.adapters.sources.tencent.addresses import MEDIA, TRANSCRIPT, Addresses
from meeting_pipeline.adapters.sources.tencent.answers import ListedRecord
from meeting_pipeline.adapters.sources.tencent.listing import RecordList, pieces
from meeting_pipeline.adapters.sources.tencent.mapping import (
    SOURCE,
    begin_of,
    is_final,
    media_link,
    metas_of,
    transcript_link,
)
from meeting_pipeline.adapters.sources.tencent.people import People
from meeting_pipeline.domain.checks import Check
from meeting_pipeline.domain.model import Participant, RecordMeta
from meeting_pipeline.domain.window import Window, no_time_in
from meeting_pipeline.errors import (
    FatalError,
    MeetingError,
    RecordError,
    RetryableError,
    SkipRecord,
)
from meeting_pipeline.ports.sources import MediaLink

_USER_ID = 1
_ABOUT_THE_OPERATOR = ("no_permission", "operator_refused")

_log = logging.getLogger(__name__)


class TencentSource:
    """What one list, or the lists of several operators, tell of; see RecordingSource.

    lists: one per operator. waiting, oldest_waiting: how many records the last listing saw that
    Tencent still records or transcodes, and when the first of them began (None without any). They
    have no files yet and so no key: who remembers how far the source is known must not pass
    `oldest_waiting`, so that they are listed again.
    """

    name = SOURCE

    def __init__(
        self,
        lists: Sequence[RecordList],
        addresses: Addresses,
        people: People,
    ) -> None:
        self.waiting = 0
        self.oldest_waiting: datetime | None = None
        self._lists = tuple(lists)
        self._addresses = addresses
        self._people = people
        self._client = lists[0].client
        self._has_asked = False
        self._unanswered: MeetingError | None = None

    def now(self) -> datetime:
        """See ServiceClock; the first time it takes one small call."""
        if self._client.skew_seen_s is None and not self._has_asked:
            self._ask()
        return self._client.now()

    def list_records(self, window: Window) -> Iterator[RecordMeta]:
        """See RecordingSource; what came before trouble is yielded before it is raised."""
        self.waiting, self.oldest_waiting = 0, None
        return self._listed(window)

    def participants(self, meta: RecordMeta) -> tuple[Participant, ...] | None:
        """See RecordingSource; only stays that touch the recording."""
        used = self._list_for(meta)
        operator = used.operator if used.operator_type == _USER_ID else None
        return self._people.of(meta, list(filter(None, dict.fromkeys((meta.teacher_id, operator)))))

    def locate(self, meta: RecordMeta) -> MediaLink:
        """See RecordingSource; the sound where Tencent has it, else the video.

        Each call for the same recording has a new link. Raises SkipRecord("no_download"), ("gone")
        or ("no_permission"), RetryableError("not_finished").
        """
        used = self._list_for(meta)
        return media_link(self._addresses.of(meta, used.operator, used.operator_type, MEDIA))

    def native_transcript(self, meta: RecordMeta) -> MediaLink | None:
        """Where Tencent's own transcript is ("txt"), None without one; raises as `locate` does."""
        used = self._list_for(meta)
        address = self._addresses.of(meta, used.operator, used.operator_type, TRANSCRIPT)
        return transcript_link(address)

    def examine(self) -> list[Check]:
        """What works at Tencent: two calls at most, three with a wrong clock."""
        return examination.examine(self._lists, self._client.now())

    def close(self) -> None:
        """Break off what runs; raises Stopped there and in every later call."""
        self._client.close()

    def _list_for(self, meta: RecordMeta) -> RecordList:
        """The list whose operator may see it: the owner's own, or that of the only operator."""
        own = (one for one in self._lists if one.operator == meta.teacher_id)
        return next(own, self._lists[0])

    def _ask(self) -> None:
        """Learn the time from an answer; what any other call would meet, too, is kept for it."""
        self._has_asked = True
        try:
            self._lists[0].ask()
        except MeetingError as trouble:
            is_for_this_call = isinstance(trouble, SkipRecord | RecordError)
            if is_for_this_call or trouble.code in _ABOUT_THE_OPERATOR:
                _log.info("Tencent's answer tells its time, but nothing else: %s", trouble)
            else:
                self._unanswered = trouble

    def _listed(self, window: Window) -> Iterator[RecordMeta]:
        if self._unanswered is not None:
            raise self._unanswered
        reading = _Reading(window, self._client.now)
        for piece in pieces(window, reading.now()):
            for one in self._lists:
                yield from reading.read(one, piece)
        self.waiting = len(reading.waiting)
        self.oldest_waiting = min(filter(None, reading.waiting.values()), default=None)
        if reading.waiting:
            _log.info("not finished at Tencent, listed later: %s", ", ".join(reading.waiting))
        reading.raise_trouble(len(self._lists))
        if window.start >= min(window.end, self._client.now()):
            raise no_time_in(window)


class _Reading:
    """One listing. waiting: begin of each record that is not final, by its id.

    now: Tencent's clock, which is known when its first answer is here.
    """

    def __init__(self, window: Window, now: Callable[[], datetime]) -> None:
        self.now = now
        self.waiting: dict[str, datetime | None] = {}
        self._end = window.end
        self._listed: set[str] = set()
        self._refused: dict[str, MeetingError] = {}
        self._trouble: RetryableError | None = None

    def read(self, one: RecordList, piece: Window) -> Iterator[RecordMeta]:
        """What one operator's list has in a piece of the window, and was not listed before."""
        if one.operator in self._refused:
            return
        try:
            trouble = yield from self._metas(one, piece)
        except (SkipRecord, RecordError, FatalError) as refusal:
            if refusal.code not in _ABOUT_THE_OPERATOR:
                raise _fatal(refusal) from refusal
            self._refused[one.operator] = refusal
            return
        self._trouble = self._trouble or trouble

    def _metas(
        self, one: RecordList, piece: Window
    ) -> Generator[RecordMeta, None, RetryableError | None]:
        """Page by page, so that work on the first need not wait for the last."""
        owner = one.operator if one.operator_type == _USER_ID else None
        pages = one.records(piece)
        while True:
            try:
                records = next(pages)
            except StopIteration as end:
                trouble: RetryableError | None = end.value
                return trouble
            begun = [record for record in records if self._begins_in_time(record)]
            self._note_waiting(begun)
            for meta in metas_of(begun, owner, self.now()):
                if meta.key.record_id not in self._listed:
                    self._listed.add(meta.key.record_id)
                    yield meta

    def raise_trouble(self, operators: int) -> None:
        """Raise why the listing is not complete, if it is not."""
        for operator, refusal in self._refused.items():
            if len(self._refused) == operators:
                raise _fatal(refusal)
            raise RetryableError(
                "operator_refused", f"operator {operator}: {refusal.message}", hint=refusal.hint
            )
        if self._trouble:
            raise self._trouble

    def _begins_in_time(self, record: ListedRecord) -> bool:
        """Tencent counts the end in, we do not; what has no credible time is nobody else's."""
        begin = begin_of(record, self.now())
        return begin is None or begin < self._end

    def _note_waiting(self, records: Sequence[ListedRecord]) -> None:
        for record in records:
            if is_final(record):
                self.waiting.pop(record.meeting_record_id, None)
            else:
                self.waiting[record.meeting_record_id] = begin_of(record, self.now())


def _fatal(refusal: MeetingError) -> FatalError:
    hint = refusal.hint or "TQM_OPERATOR_ID must be a user id that may manage these recordings"
    return FatalError(refusal.code, refusal.message, hint=hint)
