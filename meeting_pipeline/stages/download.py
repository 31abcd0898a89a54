"""The download stage: the complete media of a recording in its folder."""

import logging
from collections.abc import Callable

from meeting_pipeline.domain.media_checks import DAMAGE, check_media_bytes
from meeting_pipeline.domain.model import Recording, RecordMeta
from meeting_pipeline.domain.stages import Artifact, StageName
from meeting_pipeline.errors import LinkExpired, RecordError, RetryableError
from meeting_pipeline.ports.gate import OPEN, Gate
from meeting_pipeline.ports.media import Probe
from meeting_pipeline.ports.sources import Downloader, MediaLink, RecordingSource
from meeting_pipeline.ports.stage_context import StageContext

log = logging.getLogger(__name__)

_LINKS = 3  # one link, and two new ones in case it expires during the download
_HEAD_BYTES = 512


def _nothing() -> None: ...


class Download:
    """Asks for a link, downloads, checks the file, and only then gives it its final name."""

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
        """Create the stage.

        Args:
            source: Where links come from.
            downloader: How media is downloaded.
            probe: Inspects a downloaded file.
            note: Called with our number of the recording and the link that worked, to store its
                page and address.
            gate: Limits the downloads; it is not held while a file is checked.
            cpu: Limits the files that are checked at once.
            expect: Called when a download begins, so that what a new file needs can be started.
        """
        self._source = source
        self._downloader = downloader
        self._probe = probe
        self._note = note
        self._gate = gate
        self._cpu = cpu
        self._expect = expect

    def run(self, value: RecordMeta, context: StageContext) -> Artifact:
        self._expect()
        with self._gate.slot():
            link = self._fetch(value, context)
        with self._cpu.slot():
            return self._accepted(link, context)

    def load(self, artifact: Artifact, context: StageContext) -> Recording:
        path = context.folder.file(artifact.name)
        return Recording(path, artifact.size_bytes, artifact.sha256)

    def _accepted(self, link: MediaLink, context: StageContext) -> Artifact:
        name = f"recording.{link.suffix}"
        try:
            self._check(link, name, context)
        except RecordError:
            context.folder.remove(name)  # a damaged part must not be resumed
            raise
        artifact = context.folder.publish(name)
        if link.sha256 not in (None, artifact.sha256):
            context.folder.remove(name)
            raise RetryableError(
                "file_changed", f"the file of {context.meta.key} has changed since it was listed"
            )
        return artifact

    def _fetch(self, meta: RecordMeta, context: StageContext) -> MediaLink:
        for links_left in reversed(range(_LINKS)):
            link = self._source.locate(meta)
            part = context.folder.part(f"recording.{link.suffix}")
            try:
                self._downloader.fetch(link, part, context.progress)
            except LinkExpired:
                if not links_left:
                    raise
                log.info("%s: the link expired; asking for a new one", meta.key)
            else:
                self._note(context.recording_id, link)
                return link
        raise AssertionError("the loop returns or raises")

    def _check(self, link: MediaLink, name: str, context: StageContext) -> None:
        part = context.folder.part(name)
        with part.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
        promised_bytes = None if context.accept_damaged else link.size_bytes
        check_media_bytes(head, part.stat().st_size, promised_bytes)
        try:
            self._probe(part)
        except RecordError as error:
            if not context.accept_damaged or error.code not in DAMAGE:
                raise
