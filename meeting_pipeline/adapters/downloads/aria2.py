"""One connection per file where that is fast, else several: a private aria2c's, or our own.

aria2 costs some 30 ms a file and, by the tunnel, twice the copying: on a line that one connection
fills it only loses, where a host limits each connection it gains as many times as it has of them.
What comes within moments all the same needs nobody who keeps book of it (see `Shares`).

What aria2 calls complete is no proof: it mixes two versions of an object that changes under way,
and takes a part without its control file for finished. So the object is looked at before and
after, and a part that does not match it, or is not sure to, is deleted.
"""

import logging
from collections import defaultdict
from functools import partial
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from meeting_pipeline.adapters.downloads.aria2_keeper import Aria2Keeper
from meeting_pipeline.adapters.downloads.aria2_status import DaemonLost, Status
from meeting_pipeline.adapters.downloads.disk import DiskReservation, disk_trouble
from meeting_pipeline.adapters.downloads.hosts import AllowedHosts
from meeting_pipeline.adapters.downloads.http import OF_ONE_STREAM, HttpDownloader
from meeting_pipeline.adapters.downloads.media_client import MediaClient
from meeting_pipeline.adapters.downloads.pace import FAST_BYTES_PER_S, Line
from meeting_pipeline.adapters.downloads.part_file import PartFile, Unusable
from meeting_pipeline.adapters.downloads.remote_file import Found, look
from meeting_pipeline.adapters.downloads.responses import MEDIA_HOST_BUSY, Inflow
from meeting_pipeline.adapters.downloads.shares import Shares
from meeting_pipeline.domain.checks import Check
from meeting_pipeline.domain.media_checks import LARGEST_MEDIA_BYTES, check_not_too_large
from meeting_pipeline.errors import FatalError, RecordError, RetryableError
from meeting_pipeline.ports.gate import OPEN, Gate
from meeting_pipeline.ports.progress import Progress
from meeting_pipeline.ports.sources import MediaLink
from meeting_pipeline.storage.files import disk_full

if TYPE_CHECKING:
    from meeting_pipeline.adapters.downloads.aria2_daemon import Daemon

log = logging.getLogger(__name__)

_WRITER = "aria2"
_SOON_S = 2.0
_LOOK_S = 0.5
_ROUNDS = 3  # of aria2c, for one file
_BEGINNINGS = 2
_ENDED = ("complete", "error", "removed")
_DISK_FULL = "9"
_NETWORK = ("1", "2", "5", "6", "19", "29")
"""aria2's exit codes for trouble on the way, after which its part is still good."""


class Aria2Downloader:
    """`ports.sources.Downloader` for https links, shared by threads; it starts aria2c when needed.

    One connection begins, and ends as well where it is fast; where it is slow, several go on, and
    begin with all later files of the host for as long as more comes so. How many files come at
    once is the line's matter, too (see `Line`).
    connections: per file, then. aria2c: the program, or "" for the system's or the packaged one.
    Without it, behind a proxy, and for servers that give no ranges, HttpDownloader does the work.
    stall_s, first_wait_s: see `MediaClient`.
    fast_bytes_per_s: see `Line`; with infinity no file is begun by one connection. gate: of the
    slot that who downloads holds (see `Line`). soon_s: what several connections bring within so
    many seconds is no work for aria2.
    """

    def __init__(
        self,
        hosts: AllowedHosts,
        disk: DiskReservation,
        connections: int = 8,
        aria2c: str = "",
        stall_s: float = 30.0,
        first_wait_s: float = 1.0,
        fast_bytes_per_s: float = FAST_BYTES_PER_S,
        gate: Gate = OPEN,
        soon_s: float = _SOON_S,
    ) -> None:
        self._disk = disk
        self._connections = connections
        self._soon_s = soon_s
        self._stall_s = stall_s
        self._client = MediaClient(hosts, stall_s, first_wait_s)
        self._keeper = Aria2Keeper(aria2c, hosts, stall_s)
        self._built_in = HttpDownloader(hosts, disk, stall_s, first_wait_s)
        self._fast_bytes_per_s = fast_bytes_per_s
        self._lines: defaultdict[str, Line] = defaultdict(partial(Line, fast_bytes_per_s, gate))

    def fetch(self, link: MediaLink, part: Path, progress: Progress) -> None:
        line = self._lines[urlsplit(link.url).netloc]
        if self._client.proxy_for(link.url) or not (
            self._is_brought_by_one(line, link, part, progress)
            or self._is_brought_by_several(line, link, part, progress)
        ):
            self._built_in.fetch(link, part, progress)

    def examine(self) -> list[Check]:
        """Whether aria2c starts and answers; without it the built-in downloader does the work."""
        return [self._keeper.examine()]

    def close(self) -> None:
        """End aria2c and what runs; raises Stopped there and in every later `fetch`."""
        self._disk.close()
        self._client.close()
        for line in list(self._lines.values()):
            line.close()
        self._built_in.close()
        self._keeper.close()

    def _is_brought_by_one(
        self, line: Line, link: MediaLink, part: Path, progress: Progress
    ) -> bool:
        """Whether one connection brought the file; else several shall go on with it."""
        if PartFile(part, _WRITER).is_ours() or line.wants_several:
            return False
        if self._fast_bytes_per_s == inf:
            return False
        if self._built_in.begin(link, part, progress, line):
            return True
        log.info("%s: %.1f MB/s by one connection each; trying several", part.name, line.rate / 1e6)
        return False

    def _is_brought_by_several(
        self, line: Line, link: MediaLink, part: Path, progress: Progress
    ) -> bool:
        """Whether several connections brought the file; else nothing is left of it."""
        file = PartFile(part, _WRITER)
        before = file.size_bytes
        try:
            with disk_trouble(part):
                if not self._fetched(line, link, file, progress):
                    return False
        except (RecordError, FatalError):
            file.discard()
            raise
        line.several_brought(file.size_bytes - before)
        return True

    def _fetched(self, line: Line, link: MediaLink, file: PartFile, progress: Progress) -> bool:
        """Whether several connections brought the file; else nothing is left of it."""
        for _ in range(_BEGINNINGS):
            found = self._look(link.url)
            if found is None:
                break
            try:
                with self._disk.reserved(file.path, found.size_bytes), line.in_use():
                    is_proven = self._go_on(line, found, file, progress)
            except Unusable:
                log.info("%s: not to be gone on with; starting over", file.path.name)
            except DaemonLost:
                break
            else:
                if is_proven or self._is_still_there(link.url, found):
                    file.forget()
                    return True
            file.discard()
        file.discard()
        return False

    def _look(self, url: str) -> Found | None:
        """What is behind the link; None where one connection is all there can be."""
        found = look(self._client, url)
        check_not_too_large("the recording", found.size_bytes, LARGEST_MEDIA_BYTES)
        return found if found.in_ranges and found.size_bytes else None

    def _is_still_there(self, url: str, found: Found) -> bool:
        """Whether the object is the one that was begun: aria2 would not have noticed."""
        return look(self._client, url).remote == found.remote

    def _go_on(self, line: Line, found: Found, file: PartFile, progress: Progress) -> bool:
        """Have every byte in the part; whether all are proven to be of the same object.

        Raises DaemonLost when aria2c keeps ending, RetryableError("download_stalled") when it keeps
        waiting: its own timeout begins again with every byte, of a header, too.
        """
        trouble: Exception = DaemonLost()
        for _ in range(_ROUNDS):
            if not file.takes_over(found.remote, OF_ONE_STREAM):
                begun = file.begun_with()
                if begun is None or not begun.is_surely(found.remote):
                    file.begin(found.remote)
            if file.is_complete():
                return False
            if self._comes_soon(line, found, file):
                self._bring_in_shares(line, found, file, progress)
                return True
            daemon = self._keeper.running()
            try:
                status = self._follow(daemon, found, file.path, progress)
            except DaemonLost as lost:
                trouble = lost
                self._client.check_open()
                log.warning("aria2c does not answer any more; starting another one")
                self._keeper.replace(daemon)
            except RetryableError as stalled:
                trouble = stalled
                log.warning("%s: %s; asking again", file.path.name, stalled.message)
            else:
                self._judge(status, found, file)
                return False
        raise trouble

    def _comes_soon(self, line: Line, found: Found, file: PartFile) -> bool:
        """Whether it can be brought in shares, and is as good as here."""
        if file.missing():
            return True  # aria2 could not go on with it
        if self._connections == 1 or file.is_in_pieces or not found.remote.is_sure:
            return False
        missing = found.size_bytes - file.size_bytes
        seconds = missing / (self._connections * line.rate) if line.rate else inf
        return seconds <= self._soon_s

    def _bring_in_shares(
        self, line: Line, found: Found, file: PartFile, progress: Progress
    ) -> None:
        connections = self._connections if line.wants_several else 1
        try:
            Shares(self._client, found, file, connections).fetch(progress)
        except RetryableError as refusal:
            if refusal.code == MEDIA_HOST_BUSY:
                line.several_refused()
            raise

    def _follow(self, daemon: "Daemon", found: Found, part: Path, progress: Progress) -> Status:
        """Watch a download to its end; raises RetryableError("download_stalled")."""
        gid = daemon.add(found.url, part, self._connections)
        inflow, counted = Inflow(self._stall_s), 0
        try:
            while True:
                daemon.wait(gid, _LOOK_S)
                self._client.check_open()
                status = daemon.status(gid)
                if status.state in _ENDED:
                    return status
                inflow.count(status.completed_bytes - counted)
                counted = status.completed_bytes
                if status.total_bytes:
                    progress(status.completed_bytes / status.total_bytes)
        except DaemonLost:
            raise
        except BaseException:
            daemon.abandon(gid)  # whatever interrupted us: nobody else may write to the part
            raise
        finally:
            daemon.over(gid)

    def _judge(self, status: Status, found: Found, file: PartFile) -> None:
        """Take what is complete; raise what the end means otherwise."""
        if status.state == "complete" and file.size_bytes == found.size_bytes:
            file.complete(found.remote)
            return
        if status.error_code == _DISK_FULL:
            raise disk_full(f"no space left to write {file.path.name}")
        look(self._client, found.url)  # says more: expired, busy, gone
        if status.error_code in _NETWORK and status.completed_bytes:
            raise RetryableError("connection_lost", f"aria2 error {status.error_code}")
        raise Unusable
