"""Facts about media containers, interpreted in the same way for every media tool."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import BinaryIO

from meeting_pipeline.adapters.media import ogg
from meeting_pipeline.domain.media_checks import check_not_too_long
from meeting_pipeline.errors import RecordError, RetryableError
from meeting_pipeline.ports.media import MediaInfo

DEMUXER_OPTIONS = {
    "protocol_whitelist": "file",
    # no playlists: FFmpeg would open every address in them
    "format_whitelist": "mov,matroska,mp3,wav,ogg,flac",
    # skip a packet that the end of the file cuts in two: the missing duration shows the loss
    "fflags": "+discardcorrupt",
}
_EPOCHS_END = datetime(1971, 1, 1, tzinfo=UTC)  # 1904 and 1970 are the zeros of calendars
_MP3_HEAD_BYTES = 200  # a Xing header ends within the first 170
_RIFF_UNKNOWN = 0x7FFF_F000  # programs that write to a pipe announce the maximum, or nearly


@dataclass(frozen=True)
class AudioTrack:
    """The first audio track of a container.

    Attributes:
        codec: FFmpeg's name of the codec; None if it has no decoder for it.
        profile: Profile of the codec ("LC").
        bit_rate: Average bits per second; 0 if unknown.
        sample_rate: Samples per second.
        start_s: Start time according to the container; None if it does not say.
        duration_s: Duration according to the container; None if it does not say.
        packets: Number of packets in the index; 0 if there is no index.
        tags: Metadata of the track.
    """

    codec: str | None
    profile: str | None
    bit_rate: int
    sample_rate: int | None
    start_s: float | None
    duration_s: float | None
    packets: int
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Container:
    """A media container as FFmpeg describes it.

    Attributes:
        format_name: FFmpeg's name of the format ("mov,mp4,m4a,3gp,3g2,mj2").
        duration_s: Duration according to the container; None if it does not say.
        tags: Metadata of the file.
        audio: The first audio track; None if there is none.
    """

    format_name: str
    duration_s: float | None
    tags: Mapping[str, str]
    audio: AudioTrack | None


def input_url(media: Path) -> str:
    """Return a file's address for FFmpeg, so that its name is never an option or a protocol.

    Raises:
        RetryableError: "file_missing" when it is not a regular file; a pipe would block.
    """
    if not media.is_file():
        raise RetryableError("file_missing", f"{media.name!r} is missing or is not a regular file")
    return f"file:{media}"


def not_media(media: Path, reason: str) -> RecordError:
    """Return the error for a file that is in none of the allowed container formats."""
    return RecordError(
        "not_media",
        f"{media.name} is not a readable mp4, m4a, mp3, wav, mkv, webm, ogg or flac file: {reason}",
    )


def corrupt(media: Path, reason: str) -> RecordError:
    """Return the error for a file whose audio cannot be decoded to its end."""
    return RecordError("corrupt_media", f"{media.name} cannot be decoded completely: {reason}")


def undecodable(media: Path) -> RecordError:
    """Return the error for a file whose audio codec has no decoder on this machine."""
    return RecordError(
        "unsupported_codec",
        f"{media.name} contains audio in a codec that cannot be decoded on this machine; "
        "convert the recording to m4a, mp3, flac or wav, and replace the file with the result",
    )


def describe(media: Path, container: Container) -> MediaInfo:
    """Return what a container says about its content.

    Args:
        media: The file, which some formats need for their duration.
        container: What FFmpeg says about it.

    Raises:
        RecordError: "truncated_media" for an Ogg file without its end (see `ogg.check_ended`),
            "longer_than_a_day" for more than 24 hours.
    """
    if container.format_name == "ogg":
        ogg.check_ended(media)
    audio = container.audio
    promised_s = _promised_duration(media, container, audio) if audio else container.duration_s
    # a tag may contain an invalid duration: "00:00:nan", or an end before the start
    duration_s = promised_s if promised_s is not None and promised_s >= 0 else None
    check_not_too_long(duration_s or 0.0)
    return MediaInfo(
        duration_s=duration_s,
        has_audio=audio is not None,
        audio_codec=audio.codec if audio else None,
        created_at=_created_at(container.tags),
        m4a_bytes=_m4a_bytes(container, audio, duration_s) if audio else None,
    )


def _m4a_bytes(container: Container, audio: AudioTrack, duration_s: float | None) -> int | None:
    """Return the size that the audio would have in an m4a, or None if it cannot be copied there.

    Only AAC that every server can decode is copied, and only if an index lists every packet.
    """
    is_plain = audio.codec == "aac" and audio.profile == "LC" and audio.packets > 0
    if not is_plain or not container.format_name.startswith("mov") or not duration_s:
        return None
    return ceil(audio.bit_rate / 8 * duration_s) or None


def _promised_duration(media: Path, container: Container, audio: AudioTrack) -> float | None:
    """Return the duration of the audio track, without an estimate; video may be longer."""
    match container.format_name.split(",")[0]:
        case "mp3":
            return _mp3_duration(media, audio.sample_rate)
        case "wav":
            return _wav_duration(media, audio.duration_s)
        case "matroska":
            return _matroska_duration(container, audio)
        case "mov" if not audio.packets:
            return None  # fragments have no index; FFmpeg adds up what it reads, gaps included
        case _:
            return audio.duration_s


def _wav_duration(media: Path, found_s: float | None) -> float | None:
    """Return the duration by the RIFF header; FFmpeg only knows how much of it is in the file."""
    with media.open("rb") as stream:
        riff_bytes = int.from_bytes(stream.read(8)[4:], "little")
    if not found_s or riff_bytes >= _RIFF_UNKNOWN:
        return found_s
    return found_s * max(1.0, (riff_bytes + 8) / media.stat().st_size)


def _matroska_duration(container: Container, audio: AudioTrack) -> float | None:
    """Return the duration by the end of the track, which a tag or the container contains.

    FFmpeg gives a Matroska track a duration only if it estimated one from the bit rate.
    """
    ends_at = _seconds(_tag(audio.tags, "duration"))
    if ends_at is None and audio.duration_s is None:
        ends_at = container.duration_s
    return None if ends_at is None else ends_at - (audio.start_s or 0.0)


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
        head = _after_id3(stream)
    header = head[max(head.find(b"Xing"), head.find(b"Info"), 0) :]
    counts_frames = header.startswith((b"Xing", b"Info")) and header[7] & 1
    if not counts_frames or not sample_rate:
        return None
    frames = int.from_bytes(header[8:12], "big")
    samples_per_frame = 1152 if sample_rate >= 32_000 else 576  # noqa: PLR2004 - MPEG-1, else -2
    return frames * samples_per_frame / sample_rate or None


def _after_id3(stream: BinaryIO) -> bytes:
    """Return the first bytes of the first frame, after an optional ID3v2 tag (28-bit size)."""
    head = stream.read(10)
    if not head.startswith(b"ID3"):
        return head + stream.read(_MP3_HEAD_BYTES)
    size = 0
    for byte in head[6:10]:
        size = size << 7 | byte & 0x7F
    stream.seek(10 + size)
    return stream.read(_MP3_HEAD_BYTES)


def _created_at(tags: Mapping[str, str]) -> datetime | None:
    try:
        written = datetime.fromisoformat(_tag(tags, "creation_time"))
        created = written.replace(tzinfo=written.tzinfo or UTC).astimezone(UTC)
    except (ValueError, OverflowError):  # 0001-01-01 minus its UTC offset is out of range
        return None
    return created if created > _EPOCHS_END else None


def _tag(tags: Mapping[str, str], name: str) -> str:
    return next((text for tag, text in tags.items() if tag.lower() == name), "")
