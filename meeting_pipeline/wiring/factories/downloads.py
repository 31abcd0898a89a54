"""What both downloaders are made from: the hosts that are allowed, and the space on the disk."""

from meeting_pipeline.adapters.downloads.disk import DiskReservation
from meeting_pipeline.adapters.downloads.hosts import AllowedHosts
from meeting_pipeline.wiring.context import BackendContext

_FLOOR_BYTES = 1 << 30  # stays free on the disk for the rows, the logs and other programs


def hosts_and_disk(context: BackendContext) -> tuple[AllowedHosts, DiskReservation]:
    """Return the hosts that media may come from, and the space that they may take."""
    download = context.settings.download
    hosts = AllowedHosts(download.allowed_hosts, download.allow_private_hosts)
    return hosts, DiskReservation(context.settings.source.data_dir, _FLOOR_BYTES)
