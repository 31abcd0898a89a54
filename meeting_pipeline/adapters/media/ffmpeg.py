"""Media by the ffmpeg and ffprobe programs, where both are installed."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from meeting_pipeline.adapters.media import child
from meeting_pipeline.adapters.media.containers import (
    DEMUXER_OPTIONS,
    AudioTrack,
    Container,
    corrupt,
    describe,
    input_url,
    not_media,
)
from meeting_pipeline.adapters.media.sound import (
    SAMPLE_RATE,
    SoundMeter,
    is_disk_full,
    make_target,
    towards,
    unwritable,
)
from meeting_pipeline.errors import SkipRecord
from meeting_pipeline.ports import ExtractedAudio, MediaInfo, Progress

_INPUT = [word for name, value in DEMUXER_OPTIONS.items() for word in (f"-{name}", value)]
_SHOWN = (
    "format=format_name,duration:format_tags:stream=codec_type,codec_name,sample_rate,"
    "start_time,duration,nb_frames:stream_tags"
)
_ENCODINGS = {
    "flac": ["-c:a", "flac", "-f", "flac"],
    "wav": ["-c:a", "pcm_s16le", "-f", "wav"],
    "mp3": ["-c:a", "libmp3lame", "-b:a", "32k", "-compression_level", "9", "-f", "mp3"],
}
_MONO = f"aformat=sample_fmts=s16:sample_rates={SAMPLE_RATE}:channel_layouts=mono"


class FFmpegMedia:
    """`ports.MediaTool` in child processes.

    ffmpeg, ffprobe: paths of the programs. stall_s: seconds without progress before a hanging one
    is killed, which raises RetryableError("media_tool_stalled").
    """

    def __init__(self, ffmpeg: str, ffprobe: str, stall_s: float = child.STALL_S) -> None:
        self._ffmpeg = ffmpeg
        self._ffprobe = ffprobe
        self._stall_s = stall_s
        self._children = child.Children()

    def close(self) -> None:
        """End what runs; raises Stopped there and in every later call."""
        self._children.close()

    def probe(self, media: Path) -> MediaInfo:
        answer = bytearray()
        command = [self._ffprobe, "-v", "error", *_INPUT, "-show_entries", _SHOWN, "-of", "json"]
        ended = child.run(
            [*command, input_url(media)], answer.extend, self._stall_s, self._children
        )
        if ended.returncode:
            raise not_media(media, _named(ended.reason, media))
        return describe(media, _said_by(json.loads(answer)))

    def extract(
        self, media: Path, target: Path, audio_format: str, progress: Progress
    ) -> ExtractedAudio:
        info = self.probe(media)
        if not info.has_audio:
            raise SkipRecord("no_audio", f"{media.name} has no audio track")
        make_target(target)
        meter = SoundMeter()
        hear = _hearing(meter, towards(info.duration_s, progress))
        command = self._command(media, target, audio_format)
        ended = child.run(command, hear, self._stall_s, self._children)
        if is_disk_full(ended.complaints):
            raise unwritable(target, ended.complaints)
        if ended.returncode:
            raise corrupt(media, _named(ended.reason, media, target))
        return meter.result()

    def _command(self, media: Path, target: Path, audio_format: str) -> list[str]:
        """Decode once, write twice: the target, and the samples to us.

        The samples are measured; their flow is the sign of life that the watchdog waits for, and
        without us their pipe breaks, which ends ffmpeg.
        """
        start = [self._ffmpeg, "-hide_banner", "-nostdin", "-y", "-loglevel", "error", "-xerror"]
        split = ["-filter_complex", f"[0:a:0]{_MONO},asplit[kept][measured]"]
        bare = ["-map_metadata", "-1", "-map_chapters", "-1"]
        kept = ["-map", "[kept]", *bare, *_ENCODINGS[audio_format], f"file:{target}"]
        measured = ["-map", "[measured]", "-c:a", "pcm_s16le", "-f", "s16le", "pipe:1"]
        return [*start, *_INPUT, "-vn", "-i", input_url(media), *split, *kept, *measured]


def _hearing(meter: SoundMeter, tell: Callable[[float], None]) -> Callable[[bytes], None]:
    def hear(samples: bytes) -> None:
        meter.hear(samples)
        tell(meter.duration_s)

    return hear


def _named(reason: str, *files: Path) -> str:
    """ffmpeg's words with the names of the files in the place of where they lie."""
    for file in files:
        reason = reason.replace(f"file:{file}", file.name)
    return reason


def _said_by(answer: dict[str, Any]) -> Container:
    container = answer["format"]
    tracks = [stream for stream in answer["streams"] if stream.get("codec_type") == "audio"]
    return Container(
        format_name=container["format_name"],
        duration_s=_number(container.get("duration")),
        tags=container.get("tags", {}),
        audio=_track(tracks[0]) if tracks else None,
    )


def _track(stream: dict[str, Any]) -> AudioTrack:
    return AudioTrack(
        codec=stream.get("codec_name"),
        sample_rate=int(stream.get("sample_rate", 0)) or None,
        start_s=_number(stream.get("start_time")),
        duration_s=_number(stream.get("duration")),
        packets=int(stream.get("nb_frames", 0)),
        tags=stream.get("tags", {}),
    )


def _number(text: str | None) -> float | None:
    return None if text is None else float(text)
