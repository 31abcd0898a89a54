"""Bring a recording's media into its folder, whole."""

import logging
from collections.abc import Callable

from meeting_pipeline.domain.media_checks import check_media_bytes
from meeting_pipeline.domain.model import Recording, RecordMeta
from meeting_pipeline.domain.stages import Artifact, StageName
from meeting_pipeline.errors import LinkExpired, RecordError, RetryableError
from meeting_pipeline.ports.gate import OPEN, Gate
from meeting_pipeline.ports.job import Job
from meeting_pipeline.ports.media import Probe
from meeting_pipeline.ports.sources import Downloader, MediaLink, RecordingSource

log = logging.getLogger(__name__)

_LINKS = 3  # a link and two new ones, should it expire on the way
_HEAD_BYTES = 512


def _nothing() -> None: ...


class Download:
    """A link just in time, the bytes, then the gates; only then the file gets its name.

    note: told the recording's number and the link that worked, for its page and address.
    expect: told that a file will be there soon.
    gate: of the line that downloads share; nobody holds it while a file is examined (cpu).
    """

    name = StageName.DOWNLOAD
    settings = ""

    def __init__(
        self,
        source: RecordingSource,
        downloader: Downloader,
        probe: Probe,
        note: Callable[[int, MediaLink], None],
        gate: Gate = OPEN,
        cpu: Gate = OPEN,
        expect: Callable[[], None] = _nothing,
    ) -> None:
        self._source = source
        self._downloader = downloader
        self._probe = probe
        self._note = note
        self._gate = gate
        self._cpu = cpu
        self._expect = expect

    def run(self, value: RecordMeta, job: Job) -> Artifact:
        self._expect()
        with self._gate.slot():
            link = self._fetch(value, job)
        with self._cpu.slot():
            return self._accepted(link, job)

    def load(self, artifact: Artifact, job: Job) -> Recording:
        path = job.folder.file(artifact.name)
        return Recording(path, artifact.size_bytes, artifact.sha256)

    def _accepted(self, link: MediaLink, job: Job) -> Artifact:
        name = f"recording.{link.suffix}"
        try:
            self._check(link, name, job)
        except RecordError:
            job.folder.remove(name)  # so that the next attempt starts from nothing
            raise
        artifact = job.folder.publish(name)
        if link.sha256 not in (None, artifact.sha256):
            job.folder.remove(name)
            raise RetryableError("file_changed", f"{job.meta.key} is not the file that was listed")
        return artifact

    def _fetch(self, meta: RecordMeta, job: Job) -> MediaLink:
        for links_left in reversed(range(_LINKS)):
            link = self._source.locate(meta)
            part = job.folder.part(f"recording.{link.suffix}")
            try:
                self._downloader.fetch(link, part, job.progress)
            except LinkExpired:
                if not links_left:
                    raise
                log.info("%s: the link expired; asking for a new one", meta.key)
            else:
                self._note(job.recording_id, link)
                return link
        raise AssertionError("the loop returns or raises")

    def _check(self, link: MediaLink, name: str, job: Job) -> None:
        part = job.folder.part(name)
        with part.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
        check_media_bytes(head, part.stat().st_size, link.size_bytes)
        self._probe(part)
