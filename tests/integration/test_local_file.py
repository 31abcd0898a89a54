"""Copying local files; real files, real limits of the kernel."""

import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from meeting_pipeline.adapters.downloads.local_file import LocalFileDownloader
from meeting_pipeline.errors import MeetingError, RecordError, RetryableError
from meeting_pipeline.ports.progress import no_progress
from meeting_pipeline.ports.sources import MediaLink

DATA = Random(7).randbytes(3 << 20)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "周三 模拟面试 100%#1?.m4a"
    path.write_bytes(DATA)
    return path


@pytest.fixture
def part(tmp_path: Path) -> Path:
    return tmp_path / "recording.m4a.part"


def link(path: Path) -> MediaLink:
    return MediaLink(path.as_uri(), "m4a")


def refusal(media: MediaLink, part: Path, kind: type[MeetingError] = RetryableError) -> str:
    with pytest.raises(kind) as refused:
        LocalFileDownloader().fetch(media, part, no_progress)
    return refused.value.code


def test_a_file_of_any_name_is_copied_whole(source: Path, part: Path) -> None:
    fractions: list[float] = []
    LocalFileDownloader().fetch(link(source), part, fractions.append)
    assert part.read_bytes() == DATA
    assert part.stat().st_mode & 0o777 == 0o600
    assert fractions == sorted(fractions)
    assert fractions[-1] == 1.0


@pytest.mark.parametrize("name", ["张三 简历.m4a".encode("gbk"), b"\xff\n%00.m4a"])
def test_a_name_that_is_not_utf_8_keeps_its_bytes(name: bytes, tmp_path: Path, part: Path) -> None:
    path = tmp_path / os.fsdecode(name)
    path.write_bytes(DATA)
    LocalFileDownloader().fetch(link(path), part, no_progress)
    assert part.read_bytes() == DATA


def test_what_an_earlier_attempt_left_is_thrown_away(source: Path, part: Path) -> None:
    part.write_bytes(b"rest" * len(DATA))
    LocalFileDownloader().fetch(link(source), part, no_progress)
    assert part.read_bytes() == DATA


def test_an_empty_file_is_copied_as_it_is(source: Path, part: Path) -> None:
    source.write_bytes(b"")
    LocalFileDownloader().fetch(link(source), part, no_progress)
    assert part.read_bytes() == b""


def test_a_missing_file_may_come_back(source: Path, part: Path) -> None:
    source.unlink()
    assert refusal(link(source), part) == "file_missing"


def test_a_pipe_is_no_file_and_does_not_block(source: Path, part: Path) -> None:
    source.unlink()
    os.mkfifo(source)
    assert refusal(link(source), part) == "file_missing"


@pytest.mark.parametrize("change", ["grows", "touched", "replaced"])
def test_a_file_that_changes_while_it_is_copied_is_tried_again(
    change: str, source: Path, part: Path
) -> None:
    def meddle(fraction: float) -> None:
        if change == "grows":
            with source.open("ab") as stream:
                stream.write(b"more")
        elif change == "touched":
            os.utime(source, ns=(1, 1))
        else:
            twin = source.with_suffix(".new")
            twin.write_bytes(DATA)
            twin.rename(source)

    with pytest.raises(RetryableError) as refused:
        LocalFileDownloader().fetch(link(source), part, meddle)
    assert refused.value.code == "file_changed"


@pytest.mark.parametrize("url", ["https://example.com/a.m4a?token=geheim", "file://host/a.m4a"])
def test_other_links_are_refused_without_repeating_them(url: str, part: Path) -> None:
    with pytest.raises(RecordError) as refused:
        LocalFileDownloader().fetch(MediaLink(url, "m4a"), part, no_progress)
    assert refused.value.code == "unsupported_link"
    assert "geheim" not in str(refused.value)


def test_no_room_for_the_copy_stops_the_run(source: Path, part: Path) -> None:
    program = f"""
import pathlib, resource
from meeting_pipeline.adapters.downloads.local_file import LocalFileDownloader
from meeting_pipeline.errors import FatalError
from meeting_pipeline.ports.progress import no_progress
from meeting_pipeline.ports.sources import MediaLink
resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
try:
    LocalFileDownloader().fetch(
        MediaLink({source.as_uri()!r}, "m4a"), pathlib.Path({str(part)!r}), no_progress
    )
except FatalError as error:
    print(error.code)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout == b"disk_full\n"
