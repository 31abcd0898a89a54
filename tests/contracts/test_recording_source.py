"""What every RecordingSource promises, run against each of them.

A source joins with one line in SOURCES: a function that builds it over the given recordings.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from urllib.request import urlopen
from zoneinfo import ZoneInfo

import pytest

from meeting_pipeline.adapters.sources.folder import FolderSource
from meeting_pipeline.domain.model import RecordKey
from meeting_pipeline.domain.sound_print import SoundPrint
from meeting_pipeline.domain.window import Window
from meeting_pipeline.errors import RetryableError, SkipRecord
from meeting_pipeline.ports.media import MediaInfo
from meeting_pipeline.ports.sources import RecordingSource
from meeting_pipeline.sandbox.company import Company, Person, Record, RecordFile, Stay
from meeting_pipeline.sandbox.limits import ROOMY
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.tencent import tencent_source

SHANGHAI = ZoneInfo("Asia/Shanghai")
FIRST = datetime(2026, 1, 5, 11, 30, tzinfo=UTC)
NOW = datetime(2026, 2, 1, tzinfo=UTC)
RECORDINGS: Mapping[datetime, bytes] = {
    FIRST + timedelta(hours=7 * number): f"第{number}节课".encode() * 100 for number in range(45)
}
EVERYTHING = Window(min(RECORDINGS), max(RECORDINGS) + timedelta(seconds=1))

Build = Callable[[ExitStack, Path, Mapping[datetime, bytes]], RecordingSource]


def a_folder(_: ExitStack, scratch: Path, recordings: Mapping[datetime, bytes]) -> RecordingSource:
    folder = scratch / "录音"
    folder.mkdir()
    for start, content in recordings.items():
        local = start.astimezone(SHANGHAI)
        name = f"TM-{local:%Y%m%d%H%M%S}-445999969-recording-1.mp4"
        (folder / name).write_bytes(content)
    return FolderSource(
        folder,
        settle_s=0,
        zone=SHANGHAI,
        index_file=scratch / "data" / "folder.json",
        probe=lambda path: MediaInfo(60.0, has_audio=True, audio_codec="aac", created_at=None),
        listen=lambda path: SoundPrint(),
        now=lambda: NOW,
    )


def tencent(
    services: ExitStack, scratch: Path, recordings: Mapping[datetime, bytes], **scope: Any
) -> RecordingSource:
    people = [Person("admin", "管理员", is_admin=True), Person("li", "李老师")]
    rows = [
        a_record(number, start, content)
        for number, (start, content) in enumerate(recordings.items())
    ]
    sandbox = Sandbox(Company(people, rows), limits=ROOMY, now=NOW.timestamp)
    return tencent_source(services.enter_context(sandbox), scratch, now=lambda: NOW, **scope)


def a_record(number: int, start: datetime, content: bytes) -> Record:
    began = start.timestamp()
    return Record(
        meeting_record_id=f"1{number:03}",
        meeting_id=f"2{number:03}",
        meeting_code="445999969",
        owner="li",
        subject=f"第{number}节课",
        started_at=began,
        files=(RecordFile(f"3{number:03}", began, began + 60, video=content),),
        stays=(Stay("李老师", began, began + 60, "li"), Stay("学生甲 🙂", began, began + 60)),
    )


SOURCES: dict[str, Build] = {
    "folder": a_folder,
    "tencent corp": tencent,
    "tencent user": partial(tencent, scope="user", operators=["admin", "li"]),
}


@pytest.fixture(params=SOURCES)
def source(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[RecordingSource]:
    with ExitStack() as services:
        yield SOURCES[request.param](services, tmp_path, RECORDINGS)


def test_every_recording_is_listed_and_each_key_once(source: RecordingSource) -> None:
    listed = list(source.list_records(EVERYTHING))
    assert sorted(meta.start_ts for meta in listed) == sorted(RECORDINGS)
    assert len({meta.key for meta in listed}) == len(RECORDINGS)
    assert {meta.key.source for meta in listed} == {source.name}


def test_a_second_listing_says_the_same(source: RecordingSource) -> None:
    assert list(source.list_records(EVERYTHING)) == list(source.list_records(EVERYTHING))


def test_a_window_holds_its_start_but_not_its_end(source: RecordingSource) -> None:
    starts = sorted(RECORDINGS)
    listed = source.list_records(Window(starts[3], starts[7]))
    assert sorted(meta.start_ts for meta in listed) == starts[3:7]


def test_a_window_without_recordings_is_an_empty_listing(source: RecordingSource) -> None:
    assert list(source.list_records(Window(FIRST - timedelta(days=30), FIRST))) == []


def test_a_window_of_many_months_is_complete(source: RecordingSource) -> None:
    wide = Window(FIRST - timedelta(days=200), FIRST + timedelta(days=200))
    assert len(list(source.list_records(wide))) == len(RECORDINGS)


def test_times_are_aware_utc_and_ids_are_text(source: RecordingSource) -> None:
    for meta in source.list_records(EVERYTHING):
        assert meta.start_ts.tzinfo is UTC
        assert meta.end_ts is None or meta.end_ts.utcoffset() == timedelta(0)
        assert isinstance(meta.key.record_id, str) and meta.key.record_id


def test_the_link_of_a_recording_leads_to_its_own_bytes(source: RecordingSource) -> None:
    for meta in list(source.list_records(EVERYTHING))[:10]:
        link = source.locate(meta)
        with urlopen(link.url) as stream:
            content = stream.read()
        assert content == RECORDINGS[meta.start_ts]
        assert link.suffix == "mp4"
        assert link.size_bytes in (None, len(content))


def test_a_recording_that_is_not_there_has_no_link(source: RecordingSource) -> None:
    meta = next(source.list_records(EVERYTHING))
    strange = replace(meta, key=RecordKey(source.name, "0" * 64))
    with pytest.raises((RetryableError, SkipRecord)):
        source.locate(strange)


def test_who_was_there_is_known_or_said_to_be_unknown(source: RecordingSource) -> None:
    for meta in list(source.list_records(EVERYTHING))[:3]:
        participants = source.participants(meta)
        assert participants is None or all(stay.person for stay in participants)
