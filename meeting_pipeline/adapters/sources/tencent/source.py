"""The source of cloud recordings of Tencent Meeting."""

import logging
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType

from meeting_pipeline.adapters.sources.tencent import examination
from meeting_pipeline.adapters.sources.tencent.addresses import MEDIA, TRANSCRIPT, Addresses
from meeting_pipeline.adapters.sources.tencent.api_types import ListedRecord
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
    """A RecordingSource for the lists of one or several operators.

    Attributes:
        waiting: How many records the last listing saw that Tencent still records or transcodes.
        oldest_waiting: When the first of them began (aware UTC), or None. They have no files and
            therefore no key yet, so the watermark must not pass this time: they are listed again.
    """

    name = SOURCE
    notes: tuple[str, ...] = ()
    left_out: Mapping[str, int] = MappingProxyType({})

    def __init__(
        self,
        lists: Sequence[RecordList],
        addresses: Addresses,
        people: People,
    ) -> None:
        """Create the source.

        Args:
            lists: One list for each operator.
            addresses: The links of records.
            people: Asks for participants.
        """
        self.waiting = 0
        self.oldest_waiting: datetime | None = None
        self._lists = tuple(lists)
        self._addresses = addresses
        self._people = people
        self._client = lists[0].client
        self._has_asked = False
        self._unanswered: MeetingError | None = None

    def now(self) -> datetime:
        """Return Tencent's time; the first time, this takes one small call. See `ServiceClock`."""
        if self._client.skew_seen_s is None and not self._has_asked:
            self._ask()
        return self._client.now()

    def list_records(self, window: Window) -> Iterator[RecordMeta]:
        """Yield the recordings of a window, also those before an error; see `RecordingSource`."""
        self.waiting, self.oldest_waiting = 0, None
        return self._listed(window)

    def participants(self, meta: RecordMeta) -> tuple[Participant, ...] | None:
        """Return the stays that overlap the recording; see `RecordingSource.participants`."""
        used = self._list_for(meta)
        operator = used.operator if used.operator_type == _USER_ID else None
        return self._people.of(meta, list(filter(None, dict.fromkeys((meta.teacher_id, operator)))))

    def locate(self, meta: RecordMeta) -> MediaLink:
        """Return a new link to the audio, or to the video if Tencent has no audio file.

        Args:
            meta: The recording.

        Raises:
            SkipRecord: There is nothing to download ("no_download", "gone", "no_permission").
            RetryableError: There is nothing to download yet ("not_finished").
        """
        used = self._list_for(meta)
        return media_link(self._addresses.of(meta, used.operator, used.operator_type, MEDIA))

    def native_transcript(self, meta: RecordMeta) -> MediaLink | None:
        """Return the link to Tencent's own transcript ("txt"), or None; it raises like `locate`."""
        used = self._list_for(meta)
        address = self._addresses.of(meta, used.operator, used.operator_type, TRANSCRIPT)
        return transcript_link(address)

    def examine(self) -> list[Check]:
        """Check what works at Tencent, with two calls at most, or three if our clock is wrong."""
        return examination.examine(self._lists, self._client.now())

    def close(self) -> None:
        """Break off all calls; these and all later ones raise Stopped."""
        self._client.close()

    def _list_for(self, meta: RecordMeta) -> RecordList:
        """Return the list that shows a recording: the one of its owner, or else the first."""
        own = (one for one in self._lists if one.operator == meta.teacher_id)
        return next(own, self._lists[0])

    def _ask(self) -> None:
        """Learn the time from an answer; an error of all calls is kept for the listing to raise."""
        self._has_asked = True
        try:
            self._lists[0].ask()
        except MeetingError as trouble:
            is_for_this_call = isinstance(trouble, SkipRecord | RecordError)
            if is_for_this_call or trouble.code in _ABOUT_THE_OPERATOR:
                _log.info("Tencent's answer gives its time, but refuses the call: %s", trouble)
            else:
                self._unanswered = trouble

    def _listed(self, window: Window) -> Iterator[RecordMeta]:
        if self._unanswered is not None:
            raise self._unanswered
        listing = _Listing(window, self._client.now)
        for piece in pieces(window, listing.now()):
            for one in self._lists:
                yield from listing.read(one, piece)
        self.waiting = len(listing.waiting)
        self.oldest_waiting = min(filter(None, listing.waiting.values()), default=None)
        if listing.waiting:
            _log.info("not finished at Tencent, listed later: %s", ", ".join(listing.waiting))
        listing.raise_trouble(len(self._lists))
        if window.start >= min(window.end, self._client.now()):
            raise no_time_in(window)


class _Listing:
    """One listing of a window from the lists of all operators.

    Attributes:
        now: Returns Tencent's time, which is known after its first answer.
        waiting: When each record that is not final began, or None, by its id.
    """

    def __init__(self, window: Window, now: Callable[[], datetime]) -> None:
        self.now = now
        self.waiting: dict[str, datetime | None] = {}
        self._end = window.end
        self._listed: set[str] = set()
        self._refused: dict[str, MeetingError] = {}
        self._trouble: RetryableError | None = None

    def read(self, one: RecordList, piece: Window) -> Iterator[RecordMeta]:
        """Yield what one operator's list holds in a piece of the window and was not yielded yet."""
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
        """Yield page by page, so that work on the first page need not wait for the last."""
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
        """Raise the error that makes the listing incomplete, if there is one.

        Args:
            operators: The number of operators; if all of them were refused, the error is fatal.

        Raises:
            FatalError: Every operator was refused.
            RetryableError: One operator was refused, or a list is not complete.
        """
        for operator, refusal in self._refused.items():
            if len(self._refused) == operators:
                raise _fatal(refusal)
            raise RetryableError(
                "operator_refused", f"operator {operator}: {refusal.message}", hint=refusal.hint
            )
        if self._trouble:
            raise self._trouble

    def _begins_in_time(self, record: ListedRecord) -> bool:
        """Return whether a record begins before the end of the window, which Tencent includes.

        A record without a credible time belongs to every window.
        """
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
