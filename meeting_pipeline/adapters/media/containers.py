"""Facts about media containers, interpreted in the same way for every media tool."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from pathlib import Path

from meeting_pipeline.adapters.media.headers import (
    empty_avi_packets,
    fragmented_duration,
    is_broadcast,
    riff_bytes,
)
from meeting_pipeline.adapters.media.units import after_id3
from meeting_pipeline.domain.media_checks import check_not_too_long
from meeting_pipeline.ports.media import MediaInfo

LONGEST_GAP_S = 0.1
"""A longer difference between a time stamp and the samples so far is a hole; timers are inexact."""

_EPOCHS_END = datetime(1971, 1, 1, tzinfo=UTC)  # 1904 and 1970 are the zeros of calendars
_MP3_HEAD_BYTES = 200  # a Xing header ends within the first 170
_ESTIMATED = frozenset({"aac", "amr", "mpegts", "flv"})
"""Formats whose duration FFmpeg estimates from the bit rate, or from what is in the file."""

_UNTIMED = frozenset({"mp3", "wav"})
_PADDING_PACKETS = 3
_PLAIN_CHANNELS = (1, 2)


@dataclass(frozen=True)
class AudioTrack:
    """An audio track of a container.

    Attributes:
        codec: FFmpeg's name of the codec; None if it has no decoder for it.
        profile: Profile of the codec ("LC").
        bit_rate: Average bits per second; 0 if unknown.
        sample_rate: Samples per second.
        channels: Number of channels; 0 if unknown.
        frame_size: Samples of a packet; 0 if they differ.
        start_s: Start time according to the container; None if it does not say.
        duration_s: Duration according to the container; None if it does not say.
        tick_s: Unit of its clock, in seconds; 0 if unknown.
        packets: Number of packets in the index; 0 if there is no index.
        tags: Metadata of the track.
        number: Its number among all tracks of the container.
    """

    codec: str | None
    profile: str | None
    bit_rate: int
    sample_rate: int | None
    channels: int
    frame_size: int
    start_s: float | None
    duration_s: float | None
    tick_s: float
    packets: int
    tags: Mapping[str, str]
    number: int = 0


@dataclass(frozen=True)
class Container:
    """A media container as FFmpeg describes it.

    Attributes:
        format_name: FFmpeg's name of the format ("mov,mp4,m4a,3gp,3g2,mj2").
        duration_s: Duration according to the container; None if it does not say.
        tags: Metadata of the file.
        tracks: The audio tracks.
    """

    format_name: str
    duration_s: float | None
    tags: Mapping[str, str]
    tracks: Sequence[AudioTrack]

    @property
    def kind(self) -> str:
        """The first of the format's names."""
        return self.format_name.split(",")[0]


def describe(media: Path, container: Container) -> MediaInfo:
    """Return what a container says about its content.

    Args:
        media: The file, which some formats need for their duration.
        container: What FFmpeg says about it.

    Raises:
        RecordError: "longer_than_a_day" for more than 24 hours.
    """
    tracks = [track for track in container.tracks if track.codec] or container.tracks
    ends = [_promised_end(media, container, track) for track in tracks]
    # a tag may contain an invalid duration: "00:00:nan", or an end before the start
    promised_s = max((end for end in ends if end is not None and end >= 0), default=None)
    if not tracks:
        promised_s = container.duration_s
    check_not_too_long(promised_s or 0.0)
    alone = tracks[0] if len(container.tracks) == 1 and _is_plain(container, tracks[0]) else None
    return MediaInfo(
        duration_s=promised_s,
        has_audio=bool(tracks),
        audio_codec=tracks[0].codec if tracks else None,
        created_at=_created_at(container.tags),
        plain_channels=alone.channels if alone else 0,
        m4a_bytes=_m4a_bytes(alone, promised_s) if alone and container.kind == "mov" else None,
    )


def _is_plain(container: Container, track: AudioTrack) -> bool:
    """Return whether every tool mixes and times a track that is alone in the same way."""
    if track.codec is None or track.channels not in _PLAIN_CHANNELS:
        return False
    return container.kind in _UNTIMED or (container.kind == "mov" and _has_no_hole(track))


def _has_no_hole(track: AudioTrack) -> bool:
    """Return whether the index shows that the sound begins at once and has no hole.

    The duration of the track includes its holes, so it is compared with the number of packets. An
    encoder adds samples of no meaning before the first packet and in the last one.
    """
    if not track.packets or not track.frame_size or not track.sample_rate:
        return False
    packet_s = track.frame_size / track.sample_rate
    late_s = max(0.0, track.start_s or 0.0)
    missing_s = late_s + (track.duration_s or 0.0) - track.packets * packet_s
    return -(_PADDING_PACKETS * packet_s + LONGEST_GAP_S) <= missing_s <= LONGEST_GAP_S


def _m4a_bytes(audio: AudioTrack, duration_s: float | None) -> int | None:
    """Return the size that the audio would have in an m4a, or None if it cannot be copied there.

    Only AAC that every server can decode is copied, and only if an index lists every packet.
    """
    if audio.codec != "aac" or audio.profile != "LC" or not duration_s:
        return None
    return ceil(audio.bit_rate / 8 * duration_s) or None


def _promised_end(media: Path, container: Container, audio: AudioTrack) -> float | None:
    """Return where a track ends on the timeline, without an estimate; video may be longer."""
    if _has_no_duration(media, container):
        return None
    match container.kind:
        case "mp3":
            return _mp3_duration(media, audio.sample_rate)
        case "wav":
            return _wav_duration(media, audio.duration_s)
        case "matroska":
            return _matroska_end(container, audio)
        case "avi" | "caf" if _has_a_packet_each_tick(container, audio):
            # the duration is only of what is in the file
            return (audio.packets - _empty_packets(media, container, audio)) * audio.tick_s
        case _:
            return _stated_end(media, container, audio)


def _is_fragmented(container: Container) -> bool:
    return container.kind == "mov" and not all(track.packets for track in container.tracks)


def _has_no_duration(media: Path, container: Container) -> bool:
    """Return whether no duration is stated, as in what was written to a pipe."""
    kind = container.kind
    if kind not in ("avi", "asf"):
        return kind in _ESTIMATED
    with media.open("rb") as stream:
        return is_broadcast(stream) if kind == "asf" else riff_bytes(stream) is None


def _has_a_packet_each_tick(container: Container, audio: AudioTrack) -> bool:
    is_pcm = (audio.codec or "").startswith("pcm")
    return audio.packets > 0 and (container.kind == "avi" or is_pcm)


def _empty_packets(media: Path, container: Container, audio: AudioTrack) -> int:
    return empty_avi_packets(media, audio.number) if container.kind == "avi" else 0


def _stated_end(media: Path, container: Container, audio: AudioTrack) -> float | None:
    if _is_fragmented(container):
        return fragmented_duration(media)
    if audio.duration_s is None:
        return None
    includes_start = container.kind == "ogg" and audio.codec == "opus"
    return audio.duration_s + (0.0 if includes_start else max(0.0, audio.start_s or 0.0))


def _wav_duration(media: Path, found_s: float | None) -> float | None:
    """Return the duration by the RIFF header; FFmpeg only knows how much of it is in the file."""
    with media.open("rb") as stream:
        announced = riff_bytes(stream)
    if not found_s or announced is None:
        return found_s
    return found_s * max(1.0, announced / media.stat().st_size)


def shares_duration(container: Container) -> bool:
    """Return whether the duration of the audio may be that of a picture that continues after it."""
    has_own = any(_tag(track.tags, "duration") for track in container.tracks)
    is_shared = container.kind == "asf" or _is_fragmented(container)
    return is_shared or (container.kind == "matroska" and not has_own)


def _matroska_end(container: Container, audio: AudioTrack) -> float | None:
    """Return the end of the track, which a tag or the container contains.

    FFmpeg gives a Matroska track a duration only if it estimated one from the bit rate.
    """
    ends_at = _seconds(_tag(audio.tags, "duration"))
    if ends_at is None and audio.duration_s is None:
        return container.duration_s
    return ends_at


def _seconds(clock: str) -> float | None:
    """Return "00:01:30.500000000" in seconds; None for anything else."""
    try:
        hours, minutes, seconds = clock.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except (ValueError, OverflowError):
        return None


def _mp3_duration(media: Path, sample_rate: int | None) -> float | None:
    """Return the duration by the Xing/Info header.

    Without such a header FFmpeg would only estimate it from the bit rate of the first frame.
    """
    with media.open("rb") as stream:
        stream.seek(after_id3(stream))
        head = stream.read(_MP3_HEAD_BYTES)
    header = head[max(head.find(b"Xing"), head.find(b"Info"), 0) :]
    counts_frames = header.startswith((b"Xing", b"Info")) and header[7] & 1
    if not counts_frames or not sample_rate:
        return None
    frames = int.from_bytes(header[8:12], "big")
    samples_per_frame = 1152 if sample_rate >= 32_000 else 576  # noqa: PLR2004 - MPEG-1, else -2
    return frames * samples_per_frame / sample_rate or None


def _created_at(tags: Mapping[str, str]) -> datetime | None:
    try:
        written = datetime.fromisoformat(_tag(tags, "creation_time"))
        created = written.replace(tzinfo=written.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):  # 0001-01-01 minus its UTC offset is out of range
        return None
    return created if created > _EPOCHS_END else None


def _tag(tags: Mapping[str, str], name: str) -> str:
    return next((text for tag, text in tags.items() if tag.lower() == name), "")
