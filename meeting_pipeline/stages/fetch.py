"""List a window of a source into rows, a page at a time."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from meeting_pipeline.domain.model import Participant, RecordMeta
from meeting_pipeline.domain.stages import Outcome, RecordOutcome
from meeting_pipeline.domain.students import teacher_allowed
from meeting_pipeline.domain.window import Window, no_time_in
from meeting_pipeline.errors import (
    FatalError,
    MeetingError,
    RecordError,
    RetryableError,
    SkipRecord,
    Stopped,
)
from meeting_pipeline.ports.rows import RecordingStore
from meeting_pipeline.ports.sources import RecordingSource

log = logging.getLogger(__name__)

_FIRST_ROWS = 4  # as many as come at once: work begins while the source is asked for the others
_MOST_ROWS = 500  # a transaction: 14 times faster than one by one, and still a short lock

TEACHER_NOT_LISTED = "teacher_not_listed"


@dataclass(frozen=True)
class Listing:
    """What a listing brought; trouble: why it is not complete, or None.

    waiting: of the known ones, not final at the source yet. skipped: new ones that are not for us,
    each with its reason.
    """

    new: int = 0
    known: int = 0
    waiting: int = 0
    skipped: tuple[RecordOutcome, ...] = ()
    trouble: FatalError | RetryableError | Stopped | None = None

    @property
    def total(self) -> int:
        """Everything listed."""
        return self.new + self.known

    def __add__(self, other: "Listing") -> "Listing":
        return Listing(
            self.new + other.new,
            self.known + other.known,
            self.waiting + other.waiting,
            self.skipped + other.skipped,
            self.trouble or other.trouble,
        )


@dataclass(frozen=True)
class Page:
    """A part of a listing that has its rows now, and the recordings in it."""

    listing: Listing
    metas: Sequence[RecordMeta] = ()


def fetch(
    source: RecordingSource, store: RecordingStore, window: Window, teachers: Sequence[str]
) -> Iterator[Page]:
    """Make rows of everything the source lists in the window; what came before trouble is kept.

    teachers: the white list; recordings of others become rows that say why they are skipped.
    Raises ConfigError when the source cannot work as it is set.
    """
    try:
        if window.start >= window.end:
            raise no_time_in(window)
        for chunk in _chunks(source.list_records(window)):
            metas = [_wanted(meta, teachers) for meta in chunk]
            listing = _stored(store, metas)
            listing += _complete_participants(source, store, chunk)
            yield Page(listing, metas)
    except (RetryableError, FatalError, Stopped) as trouble:
        log.error("the listing is not complete: %s", trouble)
        yield Page(Listing(trouble=trouble))


def _stored(store: RecordingStore, metas: Sequence[RecordMeta]) -> Listing:
    """Rows for a chunk; one that cannot be stored is said and costs no other."""
    try:
        listed = store.upsert(metas)
    except RecordError as refusal:
        if len(metas) == 1:
            log.error("%s cannot be stored: %s", metas[0].key, refusal)
            return Listing(trouble=RetryableError(refusal.code, f"{metas[0].key}: {refusal}"))
        return sum((_stored(store, [meta]) for meta in metas), Listing())
    skipped = [
        RecordOutcome.of(
            number,
            meta,
            Outcome.SKIPPED,
            error_code=meta.skip_reason,
            message="known when it was listed",
        )
        for number, meta in listed.skipped
    ]
    return Listing(listed.new, listed.known, listed.waiting, tuple(skipped))


def _wanted(meta: RecordMeta, teachers: Sequence[str]) -> RecordMeta:
    if meta.skip_reason is None and not teacher_allowed(meta, teachers):
        return replace(meta, skip_reason=TEACHER_NOT_LISTED)
    return meta


def _complete_participants(
    source: RecordingSource, store: RecordingStore, chunk: Sequence[RecordMeta]
) -> Listing:
    """Ask who was there where neither listing nor rows know; one refusal is no reason to stop.

    What was told before the source fails is kept. The result says whether some could not be.
    """
    complete: list[RecordMeta] = []
    try:
        for meta in store.lacking_participants(chunk):
            participants = _participants(source, meta)
            if participants is not None:
                complete.append(replace(meta, participants=participants))
    finally:
        stored = _stored(store, complete) if complete else Listing()
    return Listing(trouble=stored.trouble)


def _participants(source: RecordingSource, meta: RecordMeta) -> tuple[Participant, ...] | None:
    try:
        return source.participants(meta)
    except (RecordError, SkipRecord, RetryableError) as refusal:
        log.warning("%s: participants are not known yet: %s", meta.key, refusal)
        return None


def _chunks(metas: Iterable[RecordMeta]) -> Iterator[Sequence[RecordMeta]]:
    """A few at first, then more and more; what came before trouble comes before it is raised."""
    chunk: list[RecordMeta] = []
    rows = _FIRST_ROWS
    try:
        for meta in metas:
            chunk.append(meta)
            if len(chunk) == rows:
                yield chunk
                chunk, rows = [], min(2 * rows, _MOST_ROWS)
    except MeetingError:
        yield chunk
        raise
    yield chunk
