"""The interfaces to sources of recordings and to downloaders."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, runtime_checkable

from meeting_pipeline.domain.model import Participant, RecordMeta
from meeting_pipeline.domain.window import Window
from meeting_pipeline.ports.progress import Progress


@dataclass(frozen=True)
class MediaLink:
    """The present address of a recording's media.

    Attributes:
        url: https:// with a credential, or file:// for a local file; never stored nor logged.
        suffix: The suffix of the file ("m4a", "mp4" …).
        size_bytes: The size by the source, or None.
        sha256: The hex digest by the source, or None.
        play_url: As in `RecordMeta`; may be stored.
        download_url: As in `RecordMeta`; may be stored.
    """

    url: str
    suffix: str
    size_bytes: int | None = None
    sha256: str | None = None
    play_url: str | None = None
    download_url: str | None = None


class RecordingSource(Protocol):
    """A source that lists recordings and locates their media."""

    @property
    def name(self) -> str:
        """Return the `source` part of the keys of its recordings."""

    @property
    def waiting(self) -> int:
        """Return how many recordings the last listing saw that are not finished yet."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the last listing left out, a sentence for each reason, for people."""

    @property
    def left_out(self) -> Mapping[str, int]:
        """How many things the last listing left out, by a word for the reason, for programs."""

    @property
    def oldest_waiting(self) -> datetime | None:
        """Return the start (aware UTC) of the oldest recording without files, or None."""

    def list_records(self, window: Window) -> Iterator[RecordMeta]:
        """Yield every recording that starts in the window, each key once.

        A listing that ends without an exception is complete.

        Args:
            window: The time to list.

        Raises:
            RetryableError: A part is missing; a later listing may be complete.
            FatalError: A part is missing, and no other call can work either.
        """

    def participants(self, meta: RecordMeta) -> tuple[Participant, ...] | None:
        """Return the stays of the participants of one recording, or None if they are not known."""

    def locate(self, meta: RecordMeta) -> MediaLink:
        """Return a link that works now; call this right before each download.

        Args:
            meta: The recording.

        Raises:
            SkipRecord: There is nothing to download.
            RetryableError: There is nothing to download yet.
        """


@runtime_checkable
class NamesFiles(Protocol):
    """A source whose recordings are files that people have named."""

    def file_name(self, meta: RecordMeta) -> str | None:
        """Return the name by which people know the file of a recording, or None.

        Args:
            meta: The recording.
        """


@runtime_checkable
class ServiceClock(Protocol):
    """A source whose recordings are dated by the clock of a service.

    A window that ends now is made with this clock. With a wrong clock of this machine it would miss
    recordings, or count a future as known that was not listed.
    """

    def now(self) -> datetime:
        """Return the time of the service (aware UTC); the first time this may take one call.

        It raises nothing. If the service does not answer, it returns the time of this machine, and
        the next listing raises the error.
        """


class Downloader(Protocol):
    """A back end that downloads media."""

    def fetch(self, link: MediaLink, part: Path, progress: Progress) -> None:
        """Download a file completely, and resume what an earlier attempt left.

        Args:
            link: The link to the media.
            part: The part file to write or to continue.
            progress: Called with the share that is done.

        Raises:
            LinkExpired: The link is not accepted any more.
            RetryableError: The connection or the server failed.
            RecordError: The answer is not media.
            FatalError: The disk is full.
        """
