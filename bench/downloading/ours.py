"""Our download stage over a list of links, as a run does it: the same objects, the same threads.

    python -m bench.downloading.ours LIST DATA_DIR

DOWNLOADER, DOWNLOAD_CONCURRENCY and DOWNLOAD_CONNECTIONS come from the environment. Prints JSON:
the seconds from the first record to the last, and the CPU seconds here and in children.
"""

import json
import os
import resource
import sys
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from meeting_pipeline.domain.model import Participant, RecordKey, RecordMeta
from meeting_pipeline.domain.stages import Artifact
from meeting_pipeline.domain.timing import Resource
from meeting_pipeline.domain.window import Window
from meeting_pipeline.errors import MeetingError
from meeting_pipeline.ports.sources import MediaLink
from meeting_pipeline.ports.stage_context import StageContext
from meeting_pipeline.run.gates import Gates
from meeting_pipeline.settings import config
from meeting_pipeline.stages.download import Download
from meeting_pipeline.storage.files import RecordFolder
from meeting_pipeline.wiring import backends, capacity
from meeting_pipeline.wiring.context import BackendContext

_ALWAYS = Window(datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC))


@dataclass(frozen=True)
class LinkList:
    """`ports.sources.RecordingSource` whose record ids are places in a list of links."""

    links: tuple[str, ...]
    name: str = "links"
    waiting: int = 0
    left_out: Mapping[str, int] = field(default_factory=dict)
    oldest_waiting: datetime | None = None
    notes: tuple[str, ...] = ()

    def list_records(self, window: Window) -> Iterator[RecordMeta]:
        for place in range(len(self.links)):
            yield RecordMeta(RecordKey(self.name, str(place)), start_ts=window.start)

    def participants(self, meta: RecordMeta) -> tuple[Participant, ...] | None:
        return None

    def locate(self, meta: RecordMeta) -> MediaLink:
        return MediaLink(self.links[int(meta.key.record_id)], "m4a")


def start_decoders(parts: BackendContext) -> None:
    """All of them: they stay for the whole of a run."""

    def look(_: int) -> None:
        with suppress(MeetingError):  # there is nothing to see
            parts.probe(Path(os.devnull))

    with ThreadPoolExecutor(capacity.cores()) as pool:
        list(pool.map(look, range(capacity.cores())))


def main() -> None:
    source, folder = LinkList(tuple(Path(sys.argv[1]).read_text().split())), Path(sys.argv[2])
    settings = config.load(Path("no.env"))
    gates = Gates(capacity.slots(settings, None))
    jobs = settings.download.concurrency + capacity.cores()  # as many as these gates let in
    with ExitStack() as services:
        parts = BackendContext(settings, jobs, gates.closed, services, gates)
        stage = Download(
            source,
            backends.make_downloader(parts),
            parts.probe,
            lambda number, link: None,
            parts.gate(Resource.DOWNLOAD),
            parts.gate(Resource.CPU),
        )

        def take(meta: RecordMeta) -> Artifact:
            files = RecordFolder(folder, meta.key)
            return stage.run(
                meta, StageContext(1, meta, files, lambda fraction: None, lambda usage: None)
            )

        start_decoders(parts)
        started = time.monotonic()
        with ThreadPoolExecutor(jobs) as pool:
            artifacts = list(pool.map(take, source.list_records(_ALWAYS)))
        seconds = time.monotonic() - started
    hashes = [artifact.sha256 for artifact in artifacts]
    print(json.dumps({"seconds": seconds, **_used(), "hashes": hashes}))


def _used() -> dict[str, float]:
    here = resource.getrusage(resource.RUSAGE_SELF)
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "cpu_here": here.ru_utime + here.ru_stime,
        "cpu_children": children.ru_utime + children.ru_stime,
        "rss_mb": _peak_kb() / 1024,
    }


def _peak_kb() -> int:
    """ru_maxrss would be that of the process that started us, where it was larger."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0])


if __name__ == "__main__":
    main()
