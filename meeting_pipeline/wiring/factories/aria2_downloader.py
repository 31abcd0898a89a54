"""DOWNLOADER=aria2: large files over several connections by aria2c, small ones over one."""

from meeting_pipeline.adapters.downloads.aria2 import Aria2Downloader
from meeting_pipeline.ports.sources import Downloader
from meeting_pipeline.wiring.context import BackendContext
from meeting_pipeline.wiring.factories.downloads import hosts_and_disk


def make(context: BackendContext) -> Downloader:
    """Make the downloader."""
    download = context.settings.download
    hosts, disk = hosts_and_disk(context)
    downloader = Aria2Downloader(hosts, disk, download.connections, download.aria2c)
    context.services.callback(downloader.close)
    return downloader
