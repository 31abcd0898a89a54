"""What a run works on, found while its source is still listing."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from meeting_pipeline.domain.stages import RunRequest
from meeting_pipeline.errors import ConfigError, FatalError, Stopped
from meeting_pipeline.ports.observer import RunObserver
from meeting_pipeline.ports.rows import DueRecord, RecordingStore
from meeting_pipeline.ports.sources import RecordingSource
from meeting_pipeline.stages.fetch import Listing, Page, fetch


@dataclass
class Intake:
    """Iterate over it once: each due record comes once, as soon as the listing has told of it.

    Behind what the listing told of comes what was due before, and at the very end what was under
    way when an earlier run ended without a word, the most suspicious last: whatever it does, the
    others are done. A run with a limit takes the oldest of all, so it waits for the whole listing.
    made_with: the fingerprint of all stage settings.

    listing: complete when the iteration is over. wrong: the setting with which the source cannot
    work, or None; then nothing more comes.
    """

    order: RunRequest
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
        goes_at_once = self.order.work and self.order.limit is None
        for page in self._pages():
            if goes_at_once:
                yield from self._trusted(self.store.due_among(page.metas))
        self.observer.records_listed(self.listing.total, self.listing.new)
        if not self._is_hopeless():
            yield from self._trusted(self.due())
            yield from sorted(self._suspects, key=lambda record: record.crashes)

    def _pages(self) -> Iterator[Page]:
        try:
            for page in fetch(self.source, self.store, self.order.window, self.teachers):
                self.listing += page.listing
                yield page
        except ConfigError as wrong:
            self.wrong = wrong

    def _is_hopeless(self) -> bool:
        return self.wrong is not None or isinstance(self.listing.trouble, FatalError | Stopped)

    def due(self) -> list[DueRecord]:
        """Return what the rows alone make due for this order, oldest start first."""
        if not self.order.work:
            return []
        window = None if self.order.everywhere else self.order.window
        return self.store.due(window, self.made_with, self.order.limit)

    def _trusted(self, records: Iterable[DueRecord]) -> list[DueRecord]:
        """Those of the new ones that are not held back."""
        new = self._new(records)
        self._suspects += [record for record in new if record.crashes]
        return [record for record in new if not record.crashes]

    def _new(self, records: Iterable[DueRecord]) -> list[DueRecord]:
        """Those that have not come yet; what is in flight looks due to the rows."""
        new = [record for record in records if record.id not in self._taken]
        self._taken.update(record.id for record in new)
        if new:
            self.observer.work_planned(len(self._taken))
        return new
