"""The records that a run processes, found while its source is still listing."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from meeting_pipeline.domain.stages import RunRequest
from meeting_pipeline.errors import ConfigError, FatalError, Stopped
from meeting_pipeline.ports.observer import RunObserver
from meeting_pipeline.ports.rows import DueRecord, RecordingStore
from meeting_pipeline.ports.sources import RecordingSource
from meeting_pipeline.stages.fetch import Listing, Page, fetch


@dataclass
class DueRecords:
    """An iterable that lists a window and yields each due record once; iterate over it once only.

    Listed records come first, as soon as they are stored, then those that were due before. Records
    during which an earlier run was killed come last, the most suspicious at the very end: if one of
    them kills this run, too, the others are done. A run with a limit processes the oldest records
    of all, so it waits for the whole listing.

    Attributes:
        request: What the run is asked to do.
        source: What is listed.
        store: Where the rows are.
        observer: Receives the number of listed and due records.
        teachers: The teacher list.
        made_with: The fingerprint of all stage settings.
        listing: The result of the listing; complete after the iteration.
        wrong: The error of a setting with which the source does not work, or None. After it,
            nothing more is yielded.
    """

    request: RunRequest
    source: RecordingSource
    store: RecordingStore
    observer: RunObserver
    teachers: Sequence[str]
    made_with: str
    listing: Listing = field(default_factory=Listing)
    wrong: ConfigError | None = None
    _taken: set[int] = field(default_factory=set)
    _suspects: list[DueRecord] = field(default_factory=list)

    def __iter__(self) -> Iterator[DueRecord]:
        goes_at_once = self.request.work and self.request.limit is None
        for page in self._pages():
            if goes_at_once:
                yield from self._trusted(self.store.due_among(page.metas))
        self.observer.records_listed(self.listing.total, self.listing.new)
        if not self._is_hopeless():
            yield from self._trusted(self.due())
            yield from sorted(self._suspects, key=lambda record: record.crashes)

    def _pages(self) -> Iterator[Page]:
        try:
            for page in fetch(self.source, self.store, self.request.window, self.teachers):
                self.listing += page.listing
                yield page
        except ConfigError as wrong:
            self.wrong = wrong

    def _is_hopeless(self) -> bool:
        return self.wrong is not None or isinstance(self.listing.trouble, FatalError | Stopped)

    def due(self) -> list[DueRecord]:
        """Return what the rows alone make due for this request, oldest start first."""
        if not self.request.work:
            return []
        window = None if self.request.everywhere else self.request.window
        return self.store.due(window, self.made_with, self.request.limit)

    def _trusted(self, records: Iterable[DueRecord]) -> list[DueRecord]:
        """Return the new records that no run was killed during, and hold the others back."""
        new = self._new(records)
        self._suspects += [record for record in new if record.crashes]
        return [record for record in new if not record.crashes]

    def _new(self, records: Iterable[DueRecord]) -> list[DueRecord]:
        """Return the records that were not yielded yet; by the rows, those in flight are due."""
        new = [record for record in records if record.id not in self._taken]
        self._taken.update(record.id for record in new)
        if new:
            self.observer.work_planned(len(self._taken))
        return new
