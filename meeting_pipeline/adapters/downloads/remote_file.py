"""Probe for the object behind a link: a request for its first byte."""

from dataclasses import dataclass

from meeting_pipeline.adapters.downloads.media_client import MediaClient
from meeting_pipeline.adapters.downloads.part_file import RemoteFile


@dataclass(frozen=True)
class RemoteFileProbe:
    """The answer to a probe.

    Attributes:
        url: The link after all redirects.
        remote: The identity of the object.
        has_ranges: Whether the host serves byte ranges of it.
    """

    url: str
    remote: RemoteFile
    has_ranges: bool

    @property
    def size_bytes(self) -> int:
        """The size of the object; 0 where it is empty or unknown."""
        return self.remote.total_bytes or 0


def probe(client: MediaClient, url: str) -> RemoteFileProbe:
    """Ask for the first byte of an object, with retries.

    Raises:
        MeetingError: As `MediaClient.get` does.
    """
    return client.with_retries(lambda: _probed(client, url))


def _probed(client: MediaClient, url: str) -> RemoteFileProbe:
    with client.get(url, {"Range": "bytes=0-0"}) as answer:
        has_ranges = answer.is_partial and answer.start == 0
        if has_ranges:
            next(answer.blocks(), None)  # an answer read to its end leaves the connection usable
        return RemoteFileProbe(answer.url, answer.remote, has_ranges)
