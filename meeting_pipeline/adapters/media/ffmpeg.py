"""Audio extraction by the ffmpeg program, which is twice as fast as the library."""

import resource
from collections.abc import Callable
from pathlib import Path

from meeting_pipeline.adapters.media.containers import (
    DEMUXER_OPTIONS,
    corrupt,
    input_url,
    undecodable,
)
from meeting_pipeline.adapters.media.sound import (
    SAMPLE_RATE,
    SoundMeter,
    as_fraction,
    is_disk_full,
    make_target,
    unwritable,
)
from meeting_pipeline.adapters.processes import command
from meeting_pipeline.adapters.processes.process_group import LIMITS, ProcessGroup
from meeting_pipeline.domain.media_checks import LONGEST_S
from meeting_pipeline.errors import SkipRecord
from meeting_pipeline.ports.media import ExtractedAudio, MediaInfo, MediaTool
from meeting_pipeline.ports.progress import Progress

_INPUT = [word for name, value in DEMUXER_OPTIONS.items() for word in (f"-{name}", value)]
_ENCODINGS = {
    "flac": ["-c:a", "flac", "-f", "flac"],
    "wav": ["-c:a", "pcm_s16le", "-f", "wav"],
    "mp3": ["-c:a", "libmp3lame", "-b:a", "32k", "-compression_level", "9", "-f", "mp3"],
}
_BY_LIBRARY = ("flac",)
"""Codecs that the library decodes: versions of the program differ in what damage they report."""
_LIMITS = {**LIMITS, resource.RLIMIT_CPU: 2 * 3600}  # seconds: a day of sound takes minutes
_MONO = f"aformat=sample_fmts=s16:sample_rates={SAMPLE_RATE}:channel_layouts=mono"
_IN_SECONDS = f"asetnsamples=n={SAMPLE_RATE}:p=0"  # single frames would take a sixth of the time


class FFmpegMedia:
    """A `ports.media.MediaTool` that runs the ffmpeg program.

    Args:
        ffmpeg: Path of the program.
        library: The tool that reads containers and copies packets. The program would take 90 ms to
            load its shared libraries for 1 ms of work.
        stall_s: Seconds without progress after which the program is killed, which raises
            RetryableError("media_tool_stalled").
        longest_s: As for `SoundMeter`.
    """

    def __init__(
        self,
        ffmpeg: str,
        library: MediaTool,
        stall_s: float = command.STALL_S,
        longest_s: float = LONGEST_S,
    ) -> None:
        self._ffmpeg = ffmpeg
        self._library = library
        self._stall_s = stall_s
        self._longest_s = longest_s
        self._processes = ProcessGroup()

    def close(self) -> None:
        """End the running programs; their calls and all later ones raise Stopped."""
        self._processes.close()

    def probe(self, media: Path) -> MediaInfo:
        return self._library.probe(media)

    def extract(
        self, media: Path, target: Path, audio_format: str, progress: Progress
    ) -> ExtractedAudio:
        info = self.probe(media)
        if audio_format not in _ENCODINGS or info.audio_codec in _BY_LIBRARY:
            return self._library.extract(media, target, audio_format, progress)
        if not info.has_audio:
            raise SkipRecord("no_audio", f"{media.name} has no audio track")
        make_target(target)
        meter = SoundMeter(self._longest_s)
        consume = _measuring(meter, as_fraction(info.duration_s, progress))
        words = self._command(media, target, audio_format)
        ended = command.run(words, consume, self._stall_s, self._processes, _LIMITS)
        if is_disk_full(ended.complaints):
            raise unwritable(target, ended.complaints)
        if ended.returncode and info.audio_codec is None:
            raise undecodable(media)
        if ended.returncode:
            raise corrupt(media, _without_folders(ended.reason, media, target))
        return meter.result()

    def _command(self, media: Path, target: Path, audio_format: str) -> list[str]:
        """Return a command that decodes once and writes both the target and the samples.

        The samples come through a pipe and are measured. As long as they arrive, the program is not
        stalled; when this process dies, the pipe breaks, which ends ffmpeg.
        """
        start = [self._ffmpeg, "-hide_banner", "-nostdin", "-y", "-loglevel", "error", "-xerror"]
        split = ["-filter_complex", f"[0:a:0]{_MONO},{_IN_SECONDS},asplit[kept][measured]"]
        bare = ["-map_metadata", "-1", "-map_chapters", "-1"]
        kept = ["-map", "[kept]", *bare, *_ENCODINGS[audio_format], f"file:{target}"]
        # one second at a time: packet by packet, reading would take longer than measuring
        samples = ["-c:a", "pcm_s16le", "-f", "s16le", "-flush_packets", "0", "pipe:1"]
        measured = ["-map", "[measured]", *samples]
        return [*start, *_INPUT, "-vn", "-i", input_url(media), *split, *kept, *measured]


def _measuring(meter: SoundMeter, report: Callable[[float], None]) -> Callable[[bytes], None]:
    def consume(samples: bytes) -> None:
        meter.add(samples)
        report(meter.duration_s)

    return consume


def _without_folders(reason: str, *files: Path) -> str:
    """Return ffmpeg's message with file names in place of their paths."""
    for file in files:
        reason = reason.replace(f"file:{file}", file.name)
    return reason
