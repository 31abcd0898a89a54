"""DOWNLOADER=http: downloads over one connection a file, without another program."""

from meeting_pipeline.adapters.downloads.http import HttpDownloader
from meeting_pipeline.domain.media_checks import LARGEST_MEDIA_BYTES
from meeting_pipeline.ports.sources import Downloader
from meeting_pipeline.wiring.context import BackendContext
from meeting_pipeline.wiring.factories.downloads import hosts_and_disk


def make(context: BackendContext, largest_bytes: int = LARGEST_MEDIA_BYTES) -> Downloader:
    """Make the downloader.

    Args:
        context: What it is made from.
        largest_bytes: The largest file that it takes.
    """
    downloader = HttpDownloader(*hosts_and_disk(context), largest_bytes=largest_bytes)
    context.services.callback(downloader.close)
    return downloader
