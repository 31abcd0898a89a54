"""Installations whose media, web servers, speech service and language model are by others.

Only the list of meetings is our sandbox: nobody else wrote a Tencent Meeting to run here. Where
the recordings lie in a folder, nothing is.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from meeting_pipeline.sandbox.company import Record
from meeting_pipeline.sandbox.limits import ROOMY
from meeting_pipeline.sandbox.server import Sandbox
from meeting_pipeline.storage.files import sha256_of
from tests.support.crash_site import NEVER, CrashSite
from tests.support.foreign_media import CLIPS, as_sound, as_video, voice_in_ogg
from tests.support.foreign_services import LONGEST_CLIP_S, MODEL
from tests.support.foreign_web import Apache, WebServer, put
from tests.support.short_recordings import company, lesson

_CONTAINERS = ("mp4", "m4a", "mp3", "mkv", "webm", "flac")


@dataclass(kw_only=True)
class ForeignSite(CrashSite):
    """front: what is in front of the services, and counts what was paid."""

    front: Apache

    def __post_init__(self) -> None:
        self.changes = {**_settings(self.front), **self.changes}
        super().__post_init__()
        assert self.truth.paid >= 2 * len(self.truth.media), "a foreign service was not asked"

    def paid_calls(self) -> int:
        return self.front.paid()


@dataclass(kw_only=True)
class FolderSite(ForeignSite):
    """Recordings that lie in a folder, and no sandbox is asked for anything."""

    recordings: Path

    def __post_init__(self) -> None:
        source = {
            "MEETING_SOURCE": "folder",
            "MEETING_FOLDER": str(self.recordings),
            "SETTLE_S": "0",
            "TEACHER_WHITELIST": "[]",
        }
        self.changes = {**source, **self.changes}
        super().__post_init__()

    def media(self) -> Mapping[str, str]:
        digests = [sha256_of(path) for path in self.recordings.iterdir()]
        return {digest: digest for digest in digests}


def _settings(front: Apache) -> Mapping[str, str]:
    return {
        "ASR_BASE_URL": f"{front.url}/v1",
        "ASR_MODEL": MODEL,
        "ASR_LANGUAGE": "en",
        "KIMI_BASE_URL": f"{front.url}/v1",
        "REQUESTS_CA_BUNDLE": str(front.ca),
        "NO_PROXY": "localhost",
        "MIN_DURATION_S": "1",
    }


@contextmanager
def list_of_meetings(
    lessons: int, server: WebServer, folder: Path, before: str = ""
) -> Iterator[Sandbox]:
    """A sandbox that lists so many lessons, one with pictures, and one that is not finished.

    server: brings their media. folder: where media that ffmpeg made is kept. before: what its paths
    begin with.
    """
    listed = [_lesson(number, folder) for number in range(lessons)]
    unfinished = replace(_lesson(lessons, folder), ready_at=NEVER)
    with Sandbox(company(*listed, unfinished), limits=ROOMY) as sandbox:
        _publish(listed, server)
        sandbox.media.url = f"{server.url}{before}"
        yield sandbox


def _lesson(number: int, folder: Path) -> Record:
    clip = CLIPS[number % len(CLIPS)]
    if number == 0:
        path = as_video(clip, folder / f"{clip.number}.mp4")
        made = lesson(number, None, video=path)
    else:
        made = lesson(number, as_sound(clip, folder / f"{clip.number}.m4a"))
    ended = made.started_at + LONGEST_CLIP_S
    return replace(made, files=tuple(replace(file, ended_at=ended) for file in made.files))


def _publish(records: Sequence[Record], server: WebServer) -> None:
    """Where the links of the list point to."""
    for record in records:
        for file in record.files:
            content = file.video or file.audio
            assert isinstance(content, Path)
            below = server.media / "cos" / "200000001" / record.meeting_record_id
            name = f"TM-{record.meeting_code}-recording-1{content.suffix}"
            put(content, below / file.record_file_id / name)


def recordings_of_every_kind(folder: Path, made: Path) -> Path:
    """A folder with a recording in every container that we take, held the day before yesterday.

    made: where media that ffmpeg made is kept.
    """
    folder.mkdir(exist_ok=True)
    day = (datetime.now(UTC) - timedelta(days=2)).strftime("%Y-%m-%d")
    untouched = {"wav": CLIPS[0].path, "ogg": voice_in_ogg()}
    put_into = {
        suffix: as_sound(CLIPS[number % len(CLIPS)], made / f"every{number}.{suffix}")
        for number, suffix in enumerate(_CONTAINERS, 1)
    }
    for number, (suffix, content) in enumerate({**untouched, **put_into}.items()):
        put(content, folder / f"{day} {10 + number}-00 lesson {number}.{suffix}")
    return folder
