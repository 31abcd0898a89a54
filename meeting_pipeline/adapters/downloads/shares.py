"""A file over several connections at once, each with an equal share of it.

aria2 gives out pieces of a megabyte: a file of few pieces leaves most of its connections without
work. Here nobody keeps book while bytes come, so after a kill they come again: it is for files that
come soon.
"""

import os
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from threading import Event

from meeting_pipeline.adapters.downloads.media_client import MediaClient
from meeting_pipeline.adapters.downloads.part_file import PartFile, Unusable
from meeting_pipeline.adapters.downloads.remote_file import Found
from meeting_pipeline.adapters.downloads.responses import Answer
from meeting_pipeline.errors import RetryableError, Stopped
from meeting_pipeline.ports.progress import Progress
from meeting_pipeline.storage.files import create

_LEAST_BYTES = 1 << 18  # less is not worth a request
_LOOK_S = 0.5


@dataclass
class Share:
    """The bytes that one connection has still to bring, from `place` up to `end`."""

    place: int
    end: int

    @property
    def missing_bytes(self) -> int:
        """0 when it is here."""
        return self.end - self.place


class Shares:
    """What is missing from a part, shared out among connections.

    The part has the first bytes of what was found, or what an earlier try of ours left.
    """

    def __init__(self, client: MediaClient, found: Found, file: PartFile, connections: int) -> None:
        self._client = client
        self._found = found
        self._file = file
        self._connections = connections
        self._shares = [Share(*span) for span in file.missing()] or shared_out(
            file.size_bytes, found.size_bytes, connections
        )
        self._given_up = Event()

    def fetch(self, progress: Progress) -> None:
        """Have every byte in the part.

        Raises Unusable where the server gives no parts of that object any more, and what
        `MediaClient.get` raises; then the part knows what it lacks, for the next try.
        """
        try:
            self._bring_all(progress)
        except BaseException:
            missing = [(share.place, share.end) for share in self._shares if share.missing_bytes]
            self._file.leave(self._found.remote, missing)
            raise
        self._file.complete(self._found.remote)

    def _bring_all(self, progress: Progress) -> None:
        if not self._file.size_bytes:
            with create(self._file.path):
                pass
        with ThreadPoolExecutor(self._connections, thread_name_prefix="share") as pool:
            tasks = [pool.submit(self._bring, share) for share in self._shares]
            try:
                self._follow(tasks, progress)
            finally:
                self._given_up.set()

    def _follow(self, tasks: "list[Future[None]]", progress: Progress) -> None:
        """Wait for all; raises what the first one raises that fails."""
        running = set(tasks)
        while running:
            ended, running = wait(running, _LOOK_S, FIRST_EXCEPTION)
            for task in ended:
                task.result()
            missing = sum(share.missing_bytes for share in self._shares)
            progress(1.0 - missing / self._found.size_bytes)

    def _bring(self, share: Share) -> None:
        """All of it, gone on with where its connection broke."""
        self._client.patiently(lambda: self._attempt(share))

    def _attempt(self, share: Share) -> None:
        self._check_needed()
        wanted = {"Range": f"bytes={share.place}-{share.end - 1}"}
        with self._client.get(self._found.url, wanted) as answer:
            self._check(answer, share)
            with _opened(self._file.path) as descriptor:
                for block in answer.blocks():
                    self._write(block, share, descriptor)
        if share.missing_bytes:
            raise RetryableError("cut_short", f"{share.missing_bytes} bytes did not come")

    def _check(self, answer: Answer, share: Share) -> None:
        """What comes is what was asked for, of the object that was found."""
        is_wanted = answer.is_partial and answer.start == share.place
        if not is_wanted or answer.remote != self._found.remote:
            raise Unusable

    def _write(self, block: bytes, share: Share, descriptor: int) -> None:
        """Past any buffer: what is counted as here must be here, whatever happens next."""
        self._check_needed()
        if len(block) > share.missing_bytes:
            raise Unusable
        rest = memoryview(block)
        while rest:
            written = os.pwrite(descriptor, rest, share.place)
            share.place += written
            rest = rest[written:]

    def _check_needed(self) -> None:
        if self._given_up.is_set():
            raise Stopped("stopped", "another connection of this file has failed")


def shared_out(begin: int, end: int, connections: int) -> list[Share]:
    """Every byte from `begin` up to `end` in one share; raises Unusable where that is backwards."""
    if begin > end:
        raise Unusable
    size = max(_LEAST_BYTES, ceil((end - begin) / connections))
    return [Share(place, min(place + size, end)) for place in range(begin, end, size)]


@contextmanager
def _opened(path: Path) -> Iterator[int]:
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    try:
        yield descriptor
    finally:
        os.close(descriptor)
