"""Where a link leads in the end, seen by a request for one byte."""

from dataclasses import dataclass

from meeting_pipeline.adapters.downloads.media_client import MediaClient
from meeting_pipeline.adapters.downloads.part_file import RemoteFile


@dataclass(frozen=True)
class Found:
    """What is behind a link. url: of the last hop. in_ranges: the server gives parts of it."""

    url: str
    remote: RemoteFile
    in_ranges: bool

    @property
    def size_bytes(self) -> int:
        """0 where it is empty or the server does not say."""
        return self.remote.total_bytes or 0


def look(client: MediaClient, url: str) -> Found:
    """What is there now, asked patiently; raises what `MediaClient.get` raises."""
    return client.patiently(lambda: _probed(client, url))


def _probed(client: MediaClient, url: str) -> Found:
    with client.get(url, {"Range": "bytes=0-0"}) as answer:
        in_ranges = answer.is_partial and answer.start == 0
        if in_ranges:
            next(answer.blocks(), None)  # what is read to its end leaves a connection to use
        return Found(answer.url, answer.remote, in_ranges)
