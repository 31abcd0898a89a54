"""Downloader that uses aria2 for large files, and one stream for all others.

aria2 opens several connections for a file, which pays where a host limits each connection. It also
costs a second copy of every byte (see `tunnel`), and some 30 ms a file to begin. A small file is
here before that pays, so it is left to `HttpDownloader`.

A download that aria2 reports complete proves nothing: aria2 mixes two versions of an object that is
replaced meanwhile, and takes a part without its control file for finished. So the object is probed
before and after, and a part that does not match it for certain is deleted.
"""

import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from meeting_pipeline.adapters.downloads.aria2_keeper import Aria2Keeper
from meeting_pipeline.adapters.downloads.aria2_status import DaemonLost, DownloadStatus
from meeting_pipeline.adapters.downloads.disk import DiskReservation, disk_trouble
from meeting_pipeline.adapters.downloads.hosts import AllowedHosts
from meeting_pipeline.adapters.downloads.http import HttpDownloader
from meeting_pipeline.adapters.downloads.part_file import ARIA2, HTTP, PartFile
from meeting_pipeline.adapters.downloads.remote_file import RemoteFileProbe, probe
from meeting_pipeline.adapters.downloads.responses import StallDetector
from meeting_pipeline.domain.checks import Check
from meeting_pipeline.domain.media_checks import LARGEST_MEDIA_BYTES, check_not_too_large
from meeting_pipeline.errors import FatalError, RecordError, RetryableError
from meeting_pipeline.ports.progress import Progress
from meeting_pipeline.ports.sources import MediaLink
from meeting_pipeline.storage.files import disk_full

if TYPE_CHECKING:
    from meeting_pipeline.adapters.downloads.aria2_daemon import Daemon

log = logging.getLogger(__name__)

LARGE_BYTES = 16 << 20
"""The size from which on aria2 downloads a file.

A host that gives each connection 40 Mbit/s sends it in 3.4 s over one connection, and in 0.45 s
over eight. One that sends faster than 1 Gbit/s would send it sooner over one: there the second copy
and the start of a download are what counts (bench/results/download.md).
"""
_POLL_S = 0.5
_TRIES = 3  # of aria2, for one object
_OBJECTS = 2  # that are begun, for one file
_ENDED = ("complete", "error", "removed")
_DISK_FULL = "9"
_NETWORK = ("1", "2", "5", "6", "19", "29")
"""aria2's exit codes for trouble on the way, after which its part is still good."""


class _UnusablePart(Exception):
    """aria2 cannot complete the part."""


class Aria2Downloader:
    """`ports.sources.Downloader` for https links, with several connections for a large file.

    A file goes through `HttpDownloader` where it is small or its size is unknown, where the host
    serves no byte ranges, behind a proxy, and where aria2c does not start. Who began a part
    finishes it. Threads may share one downloader; aria2c is started for the first large file.

    Args:
        hosts: The hosts that links and redirects may lead to.
        disk: Where room for each file is reserved before it is downloaded.
        connections: Connections for a large file.
        aria2c: The program, or "" for the system's or the packaged one.
        stall_s: Seconds without progress, see `MediaClient`.
        first_wait_s: Seconds before the first retry, see `MediaClient`.
        large_bytes: The size from which on a file is large.
    """

    def __init__(
        self,
        hosts: AllowedHosts,
        disk: DiskReservation,
        connections: int = 8,
        aria2c: str = "",
        stall_s: float = 30.0,
        first_wait_s: float = 1.0,
        large_bytes: int = LARGE_BYTES,
    ) -> None:
        self._disk = disk
        self._connections = connections
        self._stall_s = stall_s
        self._large_bytes = large_bytes
        self._http = HttpDownloader(hosts, disk, stall_s, first_wait_s)
        self._client = self._http.client
        self._keeper = Aria2Keeper(aria2c, hosts, stall_s)

    def fetch(self, link: MediaLink, part: Path, progress: Progress) -> None:
        if not self._is_downloaded_by_aria2(link, part, progress):
            self._http.fetch(link, part, progress)

    def examine(self) -> list[Check]:
        """Return whether aria2c starts and answers; nothing fails without it."""
        return [self._keeper.examine()]

    def close(self) -> None:
        """Abort running downloads and end aria2c; every later `fetch` raises Stopped."""
        self._http.close()
        self._keeper.close()

    def _is_downloaded_by_aria2(self, link: MediaLink, part: Path, progress: Progress) -> bool:
        """Download a large file; return False, and leave nothing of aria2's, for any other."""
        if PartFile(part, HTTP).is_ours() or self._client.proxy_for(link.url):
            return False
        file = PartFile(part, ARIA2)
        try:
            with disk_trouble(part):
                return self._is_downloaded(link.url, file, progress)
        except (RecordError, FatalError):
            file.discard()
            raise

    def _is_downloaded(self, url: str, file: PartFile, progress: Progress) -> bool:
        for _ in range(_OBJECTS):
            found = probe(self._client, url)
            check_not_too_large("the recording", found.size_bytes, LARGEST_MEDIA_BYTES)
            if not found.has_ranges or found.size_bytes < self._large_bytes:
                break
            try:
                with self._disk.reserved(file.path, found.size_bytes):
                    self._download(found, file, progress)
            except _UnusablePart:
                log.info("%s: aria2 cannot resume it; starting over", _record(file))
            except DaemonLost:
                break
            else:
                if probe(self._client, url).remote == found.remote:
                    file.forget()
                    return True
            file.discard()
        file.discard()
        return False

    def _download(self, found: RemoteFileProbe, file: PartFile, progress: Progress) -> None:
        """Have every byte in the part, be it of several versions of the object.

        Raises:
            DaemonLost: aria2c keeps ending.
            RetryableError: "download_stalled": aria2c keeps waiting. Its own timeout begins again
                with every byte, also with one of a header.
        """
        trouble: Exception = DaemonLost()
        for _ in range(_TRIES):
            begun = file.begun_with()
            if begun is None or not begun.is_surely(found.remote):
                file.begin(found.remote)
            if file.is_complete():
                return
            daemon = self._keeper.running()
            try:
                status = self._follow(daemon, found.url, file.path, progress)
            except DaemonLost as lost:
                trouble = lost
                self._client.check_open()
                log.warning("aria2c does not answer; starting another one")
                self._keeper.replace(daemon)
            except RetryableError as stalled:
                trouble = stalled
                log.warning("%s: %s; asking again", _record(file), stalled.message)
            else:
                self._check_end(status, found, file)
                return
        raise trouble

    def _follow(self, daemon: "Daemon", url: str, part: Path, progress: Progress) -> DownloadStatus:
        """Watch a download to its end.

        Raises:
            RetryableError: "download_stalled": hardly any byte comes.
        """
        gid = daemon.add(url, part, self._connections)
        stall, counted = StallDetector(self._stall_s), 0
        try:
            while True:
                daemon.wait(gid, _POLL_S)
                self._client.check_open()
                status = daemon.status(gid)
                if status.state in _ENDED:
                    return status
                stall.count(status.completed_bytes - counted)
                counted = status.completed_bytes
                if status.total_bytes:
                    progress(status.completed_bytes / status.total_bytes)
                _sync_data(part)
        except DaemonLost:
            raise
        except BaseException:
            daemon.abandon(gid)  # aria2 must not write to a part that it does not hold any more
            raise
        finally:
            daemon.over(gid)

    def _check_end(self, status: DownloadStatus, found: RemoteFileProbe, file: PartFile) -> None:
        """Record a complete part; raise the error that any other end of a download means."""
        if status.state == "complete" and file.size_bytes == found.size_bytes:
            file.complete(found.remote)
            return
        if status.error_code == _DISK_FULL:
            raise disk_full(f"no space left to write {file.path.name}")
        probe(self._client, found.url)  # the host's own answer says more: expired, busy, gone
        if status.error_code in _NETWORK and status.completed_bytes:
            raise RetryableError("connection_lost", f"aria2 error {status.error_code}")
        raise _UnusablePart


def _sync_data(part: Path) -> None:
    """Write what has come to the disk, so that no commit waits for a whole file at its end."""
    with suppress(FileNotFoundError), part.open("rb") as stream:
        os.fdatasync(stream.fileno())


def _record(file: PartFile) -> str:
    """Return the id of the recording, whose folder the part is in: all parts are called alike."""
    return file.path.parent.name
