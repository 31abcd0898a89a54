"""Where recordings come from."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

from meeting_pipeline.domain.model import Participant, RecordMeta
from meeting_pipeline.domain.window import Window
from meeting_pipeline.ports.progress import Progress


@dataclass(frozen=True)
class MediaLink:
    """Where the media of one recording can be had right now.

    url: https:// with its credential, or file:// for a local file; never stored, never logged.
    suffix: "m4a", "mp4" … as the file will be named. size_bytes, sha256: as promised, or None.
    play_url, download_url: what may be stored, as in RecordMeta; None where the source has none.
    """

    url: str
    suffix: str
    size_bytes: int | None = None
    sha256: str | None = None
    play_url: str | None = None
    download_url: str | None = None


class RecordingSource(Protocol):
    """Lists recordings and says where their media is."""

    @property
    def name(self) -> str:
        """The `source` part of every key from here."""

    @property
    def waiting(self) -> int:
        """How many recordings the last listing saw that cannot be listed yet (still written)."""

    @property
    def oldest_waiting(self) -> datetime | None:
        """When the first recording began that has no files yet (aware UTC); None without any."""

    def list_records(self, window: Window) -> Iterator[RecordMeta]:
        """Every recording that starts in the window, each key once.

        Either complete or an error: raises RetryableError or FatalError when a part is missing.
        """

    def participants(self, meta: RecordMeta) -> tuple[Participant, ...] | None:
        """Who was there, asked for one recording; None where the source will not say."""

    def locate(self, meta: RecordMeta) -> MediaLink:
        """A link that works now; ask right before each download.

        Raises SkipRecord when there is nothing to download, RetryableError when there is not yet.
        """


@runtime_checkable
class ServiceClock(Protocol):
    """A source whose recordings are dated by a service, which has a clock of its own.

    Windows that end now are made with this clock: with a wrong one of this machine they would
    miss recordings, or claim to know a future that has not been listed.
    """

    def now(self) -> datetime:
        """Return the service's time (aware UTC), asking for it where no answer has told it yet.

        Raises nothing: where the service gives no answer it is this machine's time, and the next
        listing raises why.
        """


class Downloader(Protocol):
    """Brings the bytes behind a link into a file."""

    def fetch(self, link: MediaLink, part: Path, progress: Progress) -> None:
        """Fill `part` completely, going on from what an earlier attempt left there.

        Raises LinkExpired when the link is no longer honoured, RetryableError for trouble on the
        way, RecordError for an answer that is no media, FatalError when the disk is full.
        """
