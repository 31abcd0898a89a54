"""A media tool based on PyAV, whose wheel contains FFmpeg's libraries."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.filter import Graph
from av.stream import Discard

from meeting_pipeline.adapters.media.containers import (
    AudioTrack,
    Container,
    describe,
    shares_duration,
)
from meeting_pipeline.adapters.media.cut_off import check_not_cut_off
from meeting_pipeline.adapters.media.demuxers import (
    DEMUXER_OPTIONS,
    corrupt,
    input_url,
    undecodable,
    unreadable,
)
from meeting_pipeline.adapters.media.intact import is_intact
from meeting_pipeline.adapters.media.mixing import (
    Channel,
    ChannelMix,
    channels_with_speech,
    loses_sound,
    mixed,
)
from meeting_pipeline.adapters.media.sound import (
    SAMPLE_BYTES,
    SAMPLE_RATE,
    SoundMeter,
    as_fraction,
    make_target,
    saying_how_far,
)
from meeting_pipeline.adapters.media.timeline import (
    continuous,
    is_timed,
    last_time_of,
    padded,
    zero_of,
)
from meeting_pipeline.adapters.media.writers import AudioPacket, reason_of, writer
from meeting_pipeline.domain.audio_warnings import NOISE_TRACK, UNDECODABLE_TRACK
from meeting_pipeline.domain.media_checks import LONGEST_S, check_not_too_long
from meeting_pipeline.errors import RecordError, SkipRecord, Stopped
from meeting_pipeline.ports.media import ExtractedAudio, MediaInfo
from meeting_pipeline.ports.progress import Progress, no_progress

_WITHOUT_TOTAL = frozenset({"ogg", "mov"})
"""Formats whose duration may be that of what is left of the file."""

_BATCH = 64  # frames to filter before a result is read: one by one takes three times as long
_LAST_PICTURE_S = 1.0  # its duration need not be known
_GATHERED = 8_192  # samples to resample in one call: fewer make more calls, more leave the cache


class PyAVMedia:
    """A `ports.media.MediaTool` that decodes in this process.

    Args:
        longest_s: As for `SoundMeter`.
    """

    def __init__(self, longest_s: float = LONGEST_S) -> None:
        self._longest_s = longest_s
        self._closed = False

    def close(self) -> None:
        """End running extractions; they and all later ones raise Stopped."""
        self._closed = True

    def probe(self, media: Path) -> MediaInfo:
        return probe(media)

    def extract(
        self,
        media: Path,
        target: Path,
        audio_format: str,
        progress: Progress,
        accept_damage: bool = False,
    ) -> ExtractedAudio:
        write = partial(self._write, media, target, audio_format, accept_damage)
        audio, mixes = write(progress, None)
        kept = channels_with_speech(dict(item for mix in mixes for item in mix.amplitudes.items()))
        if audio_format == "m4a":
            return replace(audio, plays_alike=kept is None and not any(map(loses_sound, mixes)))
        if kept is None:
            return audio
        audio, mixes = write(no_progress, kept)
        return audio

    def _write(
        self,
        media: Path,
        target: Path,
        audio_format: str,
        accept_damage: bool,
        progress: Progress,
        kept: frozenset[Channel] | None,
    ) -> tuple[ExtractedAudio, list[ChannelMix]]:
        """Write the mix of these channels, or of all of them, and return what was measured."""
        with ExitStack() as opened:
            tracks, duration_s, warnings = open_tracks(media, opened, accept_damage)
            if kept is not None:
                voices = [track for track in tracks if any(track.number == at for at, _ in kept)]
                warnings += (NOISE_TRACK,) * (len(voices) < len(tracks))
                tracks = voices
            report = as_fraction(duration_s, progress)
            meter = SoundMeter(self._longest_s)
            make_target(target)
            into = opened.enter_context(writer(target, audio_format, tracks[0].stream))
            mixes = [ChannelMix(track.number, kept, is_alone=len(tracks) == 1) for track in tracks]
            seconds = [
                track.seconds(mix, into.copy_packet, self._longest_s)
                for track, mix in zip(tracks, mixes, strict=True)
            ]
            with saying_how_far(meter):
                for second in _to_the_end(mixed(seconds), tracks[0], duration_s):
                    if self._closed:
                        raise Stopped("stopped", "the run was asked to end")
                    meter.add(second)
                    into.write_samples(second)
                    report(meter.duration_s)
        return replace(meter.result(), warnings=warnings, promised_s=duration_s), mixes


def probe(media: Path) -> MediaInfo:
    """Return what a container says about its content, as `ports.media.MediaTool.probe`."""
    with _opened(media) as container:
        facts = _facts(container)
        info = describe(media, facts)
    if info.duration_s is None or facts.kind in _WITHOUT_TOTAL:
        check_not_cut_off(media, facts.kind)
    return info


def extract(wanted: tuple[Path, Path, str, float, bool], progress: Progress) -> ExtractedAudio:
    """Extract the audio of a media file, as `ports.media.MediaTool.extract`.

    Args:
        wanted: The media file, the target, the format, the maximum duration in seconds, and
            whether damage is accepted.
        progress: Called with the fraction that is done, 0..1.
    """
    media, target, audio_format, longest_s, accept_damage = wanted
    return PyAVMedia(longest_s).extract(media, target, audio_format, progress, accept_damage)


@contextmanager
def _opened(media: Path) -> Iterator[InputContainer]:
    try:
        container = av.open(input_url(media), options=DEMUXER_OPTIONS, metadata_errors="replace")
    except av.FFmpegError as error:
        raise unreadable(media, reason_of(error)) from error
    with container:
        yield container


def _facts(container: InputContainer) -> Container:
    return Container(
        format_name=container.format.name,
        duration_s=container.duration / av.time_base if container.duration else None,
        tags=container.metadata,
        tracks=[_track(stream) for stream in container.streams.audio],
    )


def _track(stream: AudioStream) -> AudioTrack:
    decoder = _decoder(stream)
    return AudioTrack(
        codec=decoder.codec.canonical_name if decoder else None,
        profile=stream.profile,
        bit_rate=decoder.bit_rate or 0 if decoder else 0,
        sample_rate=decoder.sample_rate if decoder else None,
        channels=decoder.channels if decoder else 0,
        frame_size=decoder.frame_size if decoder else 0,
        start_s=_seconds(stream.start_time, stream),
        duration_s=_seconds(stream.duration, stream),
        tick_s=float(stream.time_base or 0),
        packets=stream.frames,
        tags=stream.metadata,
        number=stream.index,
    )


def _decoder(stream: AudioStream) -> AudioCodecContext | None:
    """Return the track's decoder, or None if FFmpeg has none, which PyAV's stubs leave out."""
    return stream.codec_context


def _seconds(ticks: int | None, stream: AudioStream) -> float | None:
    return None if ticks is None or stream.time_base is None else float(ticks * stream.time_base)


@dataclass(frozen=True)
class OpenTrack:
    """An audio track in a container that was opened for it alone.

    Attributes:
        media: The file.
        container: The open container.
        number: The number of the track among the audio tracks.
        may_have_holes: Whether its packets need not follow one another.
        accept_damage: Whether what cannot be decoded is left out instead of refused.
    """

    media: Path
    container: InputContainer
    number: int
    may_have_holes: bool
    accept_damage: bool

    @property
    def stream(self) -> AudioStream:
        """The track for the library."""
        return self.container.streams.audio[self.number]

    def seconds(
        self, mix: ChannelMix, decoded: Callable[[AudioPacket], None], longest_s: float
    ) -> Iterator[bytes]:
        """Yield the track as mono 16 kHz samples, one second after another, from time zero.

        Args:
            mix: Mixes the channels.
            decoded: Called with each packet that could be decoded.
            longest_s: As for `SoundMeter`.

        Raises:
            RecordError: "corrupt_media" at the first damage, "longer_than_a_day".
        """
        for stream in self.container.streams:
            if stream.index != self.stream.index:
                stream.discard = Discard.all
        frames = self._intact_frames() if self.accept_damage else self._frames(decoded)
        if self.container.format.name == "flac" and not self.accept_damage:
            frames = _contiguous(frames, self.media)
        if self.may_have_holes and is_timed(self.container):
            check = partial(self._check_gap, longest_s)
            frames = continuous(frames, zero_of(self.container), check)
        try:
            for second in _in_seconds(frames):
                channels = second.layout.nb_channels
                size = SAMPLE_BYTES * channels * second.samples
                samples = bytes(second.planes[0])[:size]
                yield mix.add(samples, channels)
        except av.FFmpegError as error:
            raise corrupt(self.media, reason_of(error)) from error

    def _frames(self, decoded: Callable[[AudioPacket], None]) -> Iterator[AudioFrame]:
        for packet in self.container.demux(self.stream):
            for frame in packet.decode():
                if frame.is_corrupt:
                    raise corrupt(self.media, "a frame is damaged")
                yield frame
            decoded(packet)

    def _intact_frames(self) -> Iterator[AudioFrame]:
        """Yield the frames that can be decoded, as far as the container can be read."""
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, av.FFmpegError):
                return
            with suppress(av.FFmpegError):
                yield from (frame for frame in packet.decode() if not frame.is_corrupt)

    def _check_gap(self, longest_s: float, ends_at: float) -> None:
        """Check that a hole in the time stamps is not damage of the file."""
        check_not_too_long(ends_at, longest_s)
        if not self.accept_damage and not is_intact(self.media, self.container.format.name):
            raise RecordError(
                "truncated_media",
                f"{self.media.name} is damaged: audio is missing before {ends_at:.1f} s",
            )


def open_tracks(
    media: Path, opened: ExitStack, accept_damage: bool
) -> tuple[list[OpenTrack], float | None, tuple[str, ...]]:
    """Open every audio track that can be decoded.

    Returns:
        The tracks, where the last of them ends by the container, and the warnings about the others.

    Raises:
        SkipRecord: "no_audio".
        RecordError: "unsupported_codec" when no track can be decoded.
    """
    container = opened.enter_context(_opened(media))
    streams = container.streams.audio
    if not streams:
        raise SkipRecord("no_audio", f"{media.name} has no audio track")
    numbers = [number for number, stream in enumerate(streams) if _decoder(stream)]
    if not numbers:
        raise undecodable(media)
    info = describe(media, _facts(container))
    others = [opened.enter_context(_opened(media)) for _ in numbers[1:]]
    tracks = [
        OpenTrack(media, one, number, accept_damage or not info.plain_channels, accept_damage)
        for one, number in zip([container, *others], numbers, strict=True)
    ]
    return tracks, info.duration_s, (UNDECODABLE_TRACK,) * (len(numbers) < len(streams))


def _to_the_end(
    seconds: Iterator[bytes], track: OpenTrack, duration_s: float | None
) -> Iterator[bytes]:
    """Yield the seconds of a recording, and silence where only its picture continues."""
    if duration_s is None or not shares_duration(_facts(track.container)):
        return seconds
    return padded(seconds, duration_s, partial(_reaches, track.media, duration_s))


def _reaches(media: Path, ends_at_s: float) -> bool:
    with _opened(media) as container:
        return last_time_of(container) >= ends_at_s - _LAST_PICTURE_S


def _contiguous(frames: Iterator[AudioFrame], media: Path) -> Iterator[AudioFrame]:
    """Yield the frames of a FLAC file, and check that each begins where the last one ended.

    FFmpeg's parser skips damaged frames silently, and PyAV hides an error behind the frames before
    it.

    Raises:
        RecordError: "corrupt_media" where frames are missing.
    """
    end = None
    for frame in frames:
        if frame.pts is None or end not in (None, frame.pts):
            raise corrupt(media, "audio is missing in the middle")
        end = frame.pts + frame.samples
        yield frame


def _in_seconds(frames: Iterator[AudioFrame]) -> Iterator[AudioFrame]:
    """Yield the audio as 16 kHz s16 frames of one second; its format may change midway."""
    shape, filters = None, None
    for count, frame in enumerate(frames):
        if shape != (shape := (frame.format.name, frame.layout.name, frame.sample_rate)):
            yield from _flushed(filters)
            filters = _filters(frame)
        frame.pts = None  # samples are counted; holes in the timeline are filled already
        assert filters
        filters.push(frame)
        if not count % _BATCH:
            yield from _filtered(filters)
    yield from _flushed(filters)


def _flushed(filters: Graph | None) -> Iterator[AudioFrame]:
    if filters:
        filters.push(None)
        yield from _filtered(filters)


def _filters(frame: AudioFrame) -> Graph:
    """Return a filter graph that converts frames like this one into frames of one second."""
    graph = Graph()
    rate = frame.sample_rate
    chain = [
        graph.add_abuffer(
            sample_rate=rate,
            format=frame.format.name,
            layout=frame.layout.name,
            time_base=Fraction(1, rate),
        ),
        graph.add("asetnsamples", f"n={_GATHERED}:p=0"),
        graph.add("aformat", "sample_fmts=s16"),
        graph.add("aresample", str(SAMPLE_RATE)),
        graph.add("asetnsamples", f"n={SAMPLE_RATE}:p=0"),
        graph.add("abuffersink"),
    ]
    graph.link_nodes(*chain).configure()
    return graph


def _filtered(filters: Graph) -> Iterator[AudioFrame]:
    while True:
        try:
            second = filters.pull()
        except (av.BlockingIOError, av.EOFError):
            return
        assert isinstance(second, AudioFrame)
        yield second
