"""A folder with recordings in it, for tests of the source that reads folders."""

import json
import os
from array import array
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from meeting_pipeline.adapters.sources.folder import FolderSource
from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.domain.sound_print import SoundPrint
from meeting_pipeline.domain.window import Window
from meeting_pipeline.errors import RecordError, RetryableError
from meeting_pipeline.ports.media import Listen, MediaInfo

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 1, 10, tzinfo=UTC)
OLD = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
ALWAYS = Window(datetime(1970, 1, 1, tzinfo=UTC), NOW)


class Room:
    """A folder with recordings in it, and sources that look at it; now: what their clock says."""

    def __init__(self, scratch: Path) -> None:
        self.folder = scratch / "录音"
        self.index = scratch / "data" / "folder.json"
        self.index.parent.mkdir(exist_ok=True)  # as every run has done
        self.probed: list[str] = []
        self.created_at: datetime | None = None
        self.now = NOW
        self.folder.mkdir()

    def put(self, name: str, content: str = "课", modified: datetime = OLD) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        os.utime(path, (modified.timestamp(), modified.timestamp()))
        return path

    def probe(self, path: Path) -> MediaInfo:
        self.probed.append(path.name)
        if path.read_text().startswith("坏"):
            raise RecordError("not_media", f"{path.name} is no media file")
        return MediaInfo(1800.0, has_audio=True, audio_codec="aac", created_at=self.created_at)

    def listen(self, path: Path) -> SoundPrint:
        """Hear a melody that depends on the words after "sound of" in a file, or on all of it."""
        text = path.read_text()
        if text.startswith("坏"):
            raise RecordError("not_media", f"{path.name} is no media file")
        chance = Random(text.partition("sound of ")[2] or text)
        levels = array("f", [chance.uniform(-50, -10) for _ in range(600)])
        return SoundPrint(levels, array("H", [100] * len(levels)))

    def source(
        self,
        probe: Callable[[Path], MediaInfo] | None = None,
        listen: Listen | None = None,
    ) -> FolderSource:
        return FolderSource(
            self.folder,
            settle_s=60,
            zone=SHANGHAI,
            index_file=self.index,
            probe=probe or self.probe,
            listen=listen or self.listen,
            now=lambda: self.now,
        )

    def listed(self, window: Window = ALWAYS) -> list[RecordMeta]:
        return list(self.source().list_records(window))

    def only(self) -> RecordMeta:
        (meta,) = self.listed()
        return meta

    def subjects(self, window: Window = ALWAYS) -> list[str]:
        return [meta.subject for meta in self.listed(window)]

    def remembered(self) -> dict[str, dict[str, object]]:
        content: dict[str, dict[str, object]] = json.loads(self.index.read_bytes())
        return content


def listed_with_trouble(source: FolderSource) -> tuple[list[RecordMeta], RetryableError]:
    """What a listing yields before it says why it is not complete, and that reason."""
    listed: list[RecordMeta] = []
    try:
        listed.extend(source.list_records(ALWAYS))
    except RetryableError as trouble:
        return listed, trouble
    raise AssertionError("the listing calls itself complete")


def bury(folder: Path, *names: str) -> None:
    """Put files so deep into a folder that paths with longer names are too long to be read."""
    deep, path = os.open(folder, os.O_RDONLY), folder
    while len(os.fsencode(path)) < 3_900:
        os.mkdir("d" * 100, dir_fd=deep)
        deeper = os.open("d" * 100, os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep, path = deeper, path / ("d" * 100)
    for name in names:
        os.close(os.open(name, os.O_CREAT | os.O_WRONLY, dir_fd=deep))
        os.utime(name, (OLD.timestamp(), OLD.timestamp()), dir_fd=deep)
    os.close(deep)
