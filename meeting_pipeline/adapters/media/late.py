"""A media tool that costs nothing until there is media."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from meeting_pipeline.ports import ExtractedAudio, MediaInfo, MediaTool, Progress


class LateMedia:
    """`ports.MediaTool`: the one that `make` gives, made when it is first used."""

    def __init__(self, make: Callable[[], MediaTool]) -> None:
        self._make = make

    def probe(self, media: Path) -> MediaInfo:
        return self._tool.probe(media)

    def extract(
        self, media: Path, target: Path, audio_format: str, progress: Progress
    ) -> ExtractedAudio:
        return self._tool.extract(media, target, audio_format, progress)

    @cached_property
    def _tool(self) -> MediaTool:
        return self._make()
