"""Audio extraction by the ffmpeg program, which is twice as fast as the library."""

import resource
from pathlib import Path

from meeting_pipeline.adapters.media.demuxers import DEMUXER_OPTIONS, corrupt, input_url
from meeting_pipeline.adapters.media.mixing import ChannelMix, channels_with_speech, loses_sound
from meeting_pipeline.adapters.media.sound import (
    FRAME,
    SAMPLE_BYTES,
    SAMPLE_RATE,
    SoundMeter,
    as_fraction,
    is_disk_full,
    make_target,
    saying_how_far,
    unwritable,
)
from meeting_pipeline.adapters.processes import command
from meeting_pipeline.adapters.processes.process_group import ProcessGroup
from meeting_pipeline.domain.media_checks import LONGEST_S
from meeting_pipeline.ports.media import ExtractedAudio, MediaInfo, MediaTool
from meeting_pipeline.ports.progress import Progress, no_progress
from meeting_pipeline.runtime.limits import NEEDED

_INPUT = [word for name, value in DEMUXER_OPTIONS.items() for word in (f"-{name}", value)]
_ENCODINGS = {
    "flac": ["-c:a", "flac", "-f", "flac"],
    "wav": ["-c:a", "pcm_s16le", "-f", "wav"],
    "mp3": ["-c:a", "libmp3lame", "-b:a", "32k", "-compression_level", "9", "-f", "mp3"],
}
_BY_LIBRARY = ("flac",)
"""Codecs that the library decodes: versions of the program differ in what damage they report."""
_LIMITS = {**NEEDED, resource.RLIMIT_CORE: 0}
_MONO_OF = {1: "anull", 2: "pan=mono|c0=0.5*c0+0.5*c1"}
_LAYOUTS = {1: "mono", 2: "stereo"}
_IN_SECONDS = f"asetnsamples=n={SAMPLE_RATE}:p=0"  # single frames would take a sixth of the time


class FFmpegMedia:
    """A `ports.media.MediaTool` that runs the ffmpeg program.

    Args:
        ffmpeg: Path of the program.
        library: The tool that reads containers, copies packets, and decodes what the program would
            time or mix in another way: several tracks or many channels, and sound that begins late
            or has holes. To copy packets, the program would take 90 ms to load its shared libraries
            for 1 ms of work.
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
        self,
        media: Path,
        target: Path,
        audio_format: str,
        progress: Progress,
        accept_damage: bool = False,
    ) -> ExtractedAudio:
        if accept_damage:
            return self._library.extract(media, target, audio_format, progress, accept_damage)
        info = self.probe(media)
        by_program = info.plain_channels and info.audio_codec not in _BY_LIBRARY
        if audio_format not in _ENCODINGS or not by_program:
            return self._library.extract(media, target, audio_format, progress)
        make_target(target)
        meter = _Meter(info.plain_channels, self._longest_s)
        report = as_fraction(info.duration_s, progress)

        def consume(samples: bytes) -> None:
            meter.add(samples)
            report(meter.sound.duration_s)

        words = self._command(media, target, audio_format, info.plain_channels)
        ended = command.run(words, consume, self._stall_s, self._processes, _LIMITS)
        if is_disk_full(ended.complaints):
            raise unwritable(target, ended.complaints)
        with saying_how_far(meter.sound):
            if ended.returncode:
                raise corrupt(media, _without_folders(ended.reason, media, target))
        audio = meter.result()
        if meter.is_plain_mix_right():
            return audio
        return self._library.extract(media, target, audio_format, no_progress)

    def _command(self, media: Path, target: Path, audio_format: str, channels: int) -> list[str]:
        """Return a command that decodes once and writes both the target and the samples.

        The samples come through a pipe and are measured. As long as they arrive, the program is not
        stalled; when this process dies, the pipe breaks, which ends ffmpeg.
        """
        start = [self._ffmpeg, "-hide_banner", "-nostdin", "-y", "-loglevel", "error", "-xerror"]
        layout = f"aformat=sample_fmts=s16:channel_layouts={_LAYOUTS[channels]}"
        decoded = f"[0:a:0]{layout},aresample={SAMPLE_RATE},{_IN_SECONDS},asplit[all][measured]"
        split = ["-filter_complex", f"{decoded};[all]{_MONO_OF[channels]}[kept]"]
        bare = ["-map_metadata", "-1", "-map_chapters", "-1"]
        kept = ["-map", "[kept]", *bare, *_ENCODINGS[audio_format], f"file:{target}"]
        # one second at a time: packet by packet, reading would take longer than measuring
        samples = ["-c:a", "pcm_s16le", "-f", "s16le", "-flush_packets", "0", "pipe:1"]
        measured = ["-map", "[measured]", *samples]
        return [*start, *_INPUT, "-vn", "-i", input_url(media), *split, *kept, *measured]


class _Meter:
    """The measurement of what the program writes: interleaved samples, cut anywhere."""

    def __init__(self, channels: int, longest_s: float) -> None:
        self.sound = SoundMeter(longest_s)
        self._mix = ChannelMix()
        self._channels = channels
        self._pending = b""

    def add(self, samples: bytes) -> None:
        samples = self._pending + samples
        whole = len(samples) - len(samples) % (FRAME * SAMPLE_BYTES * self._channels)
        self._pending = samples[whole:]
        self.sound.add(self._mix.add(samples[:whole], self._channels))

    def result(self) -> ExtractedAudio:
        whole = len(self._pending) - len(self._pending) % (SAMPLE_BYTES * self._channels)
        self.sound.add(self._mix.add(self._pending[:whole], self._channels))
        return self.sound.result()

    def is_plain_mix_right(self) -> bool:
        """Return whether the mono mix that the program wrote is the one to be transcribed."""
        return channels_with_speech(self._mix.amplitudes) is None and not loses_sound(self._mix)


def _without_folders(reason: str, *files: Path) -> str:
    """Return ffmpeg's message with file names in place of their paths."""
    for file in files:
        reason = reason.replace(f"file:{file}", file.name)
    return reason
