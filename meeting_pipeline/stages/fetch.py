"""The listing of a window of a source into rows, page by page."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from meeting_pipeline.domain.model import Participant, RecordMeta
from meeting_pipeline.domain.stages import Outcome, RecordNotes, RecordOutcome
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

_FIRST_ROWS = 4  # few, so that work begins while the source is still listing
_MOST_ROWS = 500  # in one transaction: 14 times faster than one by one, and still a short lock

TEACHER_NOT_LISTED = "teacher_not_listed"


@dataclass(frozen=True)
class Listing:
    """The result of a listing, or of a part of one.

    Attributes:
        new: How many recordings were new.
        known: How many recordings were known before.
        waiting: How many recordings the source has not finished yet.
        skipped: The new recordings that are not processed, each with its reason.
        trouble: Why the listing is not complete, or None.
        notes: What the source did not understand about the stored recordings.
    """

    new: int = 0
    known: int = 0
    waiting: int = 0
    skipped: tuple[RecordOutcome, ...] = ()
    trouble: FatalError | RetryableError | Stopped | None = None
    notes: tuple[RecordNotes, ...] = ()

    @property
    def total(self) -> int:
        """Return the number of listed recordings."""
        return self.new + self.known

    def __add__(self, other: "Listing") -> "Listing":
        return Listing(
            self.new + other.new,
            self.known + other.known,
            self.waiting + other.waiting,
            self.skipped + other.skipped,
            self.trouble or other.trouble,
            self.notes + other.notes,
        )


@dataclass(frozen=True)
class Page:
    """A part of a listing that is stored in rows, and the recordings in it."""

    listing: Listing
    metas: Sequence[RecordMeta] = ()


def fetch(
    source: RecordingSource, store: RecordingStore, window: Window, teachers: Sequence[str]
) -> Iterator[Page]:
    """Store everything that the source lists in a window, and yield it page by page.

    What was listed before an error is kept; the last page then says why the listing is incomplete.

    Args:
        source: What to list.
        store: Where the rows are.
        window: The time to list.
        teachers: The teacher list; recordings of other teachers are stored as skipped.

    Raises:
        ConfigError: The source does not work with these settings.
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
    """Store a chunk; a recording that cannot be stored is reported and affects no other."""
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
    return Listing(listed.new, listed.known, listed.waiting, tuple(skipped), notes=listed.notes)


def _wanted(meta: RecordMeta, teachers: Sequence[str]) -> RecordMeta:
    if meta.skip_reason is None and not teacher_allowed(meta, teachers):
        return replace(meta, skip_reason=TEACHER_NOT_LISTED)
    return meta


def _complete_participants(
    source: RecordingSource, store: RecordingStore, chunk: Sequence[RecordMeta]
) -> Listing:
    """Ask for the participants that neither the listing nor the rows hold, and store them.

    A refusal for one recording does not stop the others, and what the source told before it fails
    is stored. The result says whether some could not be stored.
    """
    complete: list[RecordMeta] = []
    try:
        for meta in store.lacking_participants(chunk):
            participants = _participants(source, meta)
            if participants is not None:
                complete.append(replace(meta, participants=participants))
    finally:
        stored = _stored(store, complete) if complete else Listing()
    return Listing(trouble=stored.trouble, notes=stored.notes)


def _participants(source: RecordingSource, meta: RecordMeta) -> tuple[Participant, ...] | None:
    try:
        return source.participants(meta)
    except (RecordError, SkipRecord, RetryableError) as refusal:
        log.warning("%s: participants are not known yet: %s", meta.key, refusal)
        return None


def _chunks(metas: Iterable[RecordMeta]) -> Iterator[Sequence[RecordMeta]]:
    """Yield chunks of growing size; what was listed before an error is yielded before it."""
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
