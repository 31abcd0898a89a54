"""What no downloader can notice is refused by the stages that follow it."""

from dataclasses import dataclass
from pathlib import Path

import pytest

from meeting_pipeline.adapters.media.pyav import PyAVMedia
from meeting_pipeline.domain.audio_warnings import INCOMPLETE
from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.errors import RecordError
from meeting_pipeline.ports.media import AudioWanted
from meeting_pipeline.ports.progress import no_progress
from meeting_pipeline.ports.sources import MediaLink
from meeting_pipeline.ports.stage_context import StageContext
from meeting_pipeline.stages.download import Download
from meeting_pipeline.stages.extract import Extract
from meeting_pipeline.storage.files import RecordFolder
from tests.support.downloaders import ClosableDownloader, host
from tests.support.fakes import FakeSource, meta
from tests.support.fault_server import Behaviour, Exchange, FaultServer
from tests.support.generated_media import PAGE, Take, record


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("good") / "recording.m4a"
    return record(path, Take(seconds=20.0, changes=(("movflags", "+faststart"),))).read_bytes()


def promises_too_little(exchange: Exchange) -> None:
    body = exchange.server.data[: len(exchange.server.data) // 2]
    exchange.head("200 OK", Content_Length=len(body), ETag='"one"')
    exchange.body(exchange.server.data)


def ends_early_without_promise(exchange: Exchange) -> None:
    exchange.head("200 OK", ETag='"one"')
    exchange.body(exchange.server.data[: len(exchange.server.data) // 2])


def bytes_of_something_else(exchange: Exchange) -> None:
    data = exchange.server.data
    third = len(data) // 3
    page = (PAGE * (third // len(PAGE) + 1))[:third]
    exchange.server.data, good = data[:third] + page + data[2 * third :], data
    exchange.serve()
    exchange.server.data = good


def page_without_a_type(exchange: Exchange) -> None:
    exchange.head("200 OK", Content_Length=len(PAGE))
    exchange.body(PAGE)


def nothing_at_all(exchange: Exchange) -> None:
    exchange.head("200 OK", Content_Length=0)


UNNOTICED: dict[str, tuple[Behaviour, bool, str]] = {
    "too_short_with_a_promise": (promises_too_little, True, "wrong_size"),
    "too_short": (promises_too_little, False, "truncated_media"),
    "no_length_with_a_promise": (ends_early_without_promise, True, "wrong_size"),
    "no_length": (ends_early_without_promise, False, "truncated_media"),
    "page_inside": (bytes_of_something_else, True, "corrupt_media"),
    "page_without_a_type": (page_without_a_type, False, "not_media"),
    "empty": (nothing_at_all, False, "empty_file"),
}


@dataclass
class HostedSource(FakeSource):
    """Says where the media is, and how long where that is `promised`."""

    server: FaultServer | None = None
    promised: bool = False

    def locate(self, meta: RecordMeta) -> MediaLink:
        assert self.server
        size = len(self.server.data) if self.promised else None
        return MediaLink(self.server.url, "m4a", size)


@pytest.mark.parametrize("trouble", [*UNNOTICED])
def test_what_only_looks_complete_never_becomes_audio(
    trouble: str, downloader: ClosableDownloader, tmp_path: Path, recording: bytes
) -> None:
    behaviour, promised, code = UNNOTICED[trouble]
    context = StageContext(
        1, meta(1), RecordFolder(tmp_path, meta(1).key), no_progress, lambda usage: None
    )
    with host(behaviour, recording) as server, pytest.raises(RecordError) as raised:
        source = HostedSource([meta(1)], tmp_path, server=server, promised=promised)
        download = Download(source, downloader, PyAVMedia().probe, lambda number, link: None)
        artifact = download.run(context.meta, context)
        Extract(PyAVMedia(), AudioWanted("flac"), 1.0).run(
            download.load(artifact, context), context
        )

    assert raised.value.code == code
    assert not [path for path in context.folder.path.iterdir() if "recording" in path.name]


@pytest.mark.parametrize("trouble", ["too_short_with_a_promise", "no_length_with_a_promise"])
def test_what_is_shorter_than_announced_becomes_audio_once_it_is_accepted(
    trouble: str, downloader: ClosableDownloader, tmp_path: Path, recording: bytes
) -> None:
    behaviour, promised, _ = UNNOTICED[trouble]
    folder = RecordFolder(tmp_path, meta(1).key)
    context = StageContext(1, meta(1), folder, no_progress, lambda usage: None, True)
    with host(behaviour, recording) as server:
        source = HostedSource([meta(1)], tmp_path, server=server, promised=promised)
        download = Download(source, downloader, PyAVMedia().probe, lambda number, link: None)
        artifact = download.run(context.meta, context)
        extract = Extract(PyAVMedia(), AudioWanted("flac"), 1.0)
        audio = extract.load(extract.run(download.load(artifact, context), context), context)

    assert 5.0 < audio.duration_s < 15.0
    assert INCOMPLETE in audio.warnings
