"""What media containers promise, read alike whichever tool opened them."""

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
    # no playlists: they would open whatever they name
    "format_whitelist": "mov,matroska,mp3,wav,ogg,flac",
    # what the end of the file cuts in two is left out: the missing length tells of it
    "fflags": "+discardcorrupt",
}
_EPOCHS_END = datetime(1971, 1, 1, tzinfo=UTC)  # 1904 and 1970 are zeros of somebody's calendar
_MP3_HEAD_BYTES = 200  # a Xing header ends within the first 170
_RIFF_UNKNOWN = 0x7FFF_F000  # who writes to a pipe promises the most or nearly so


@dataclass(frozen=True)
class AudioTrack:
    """The first audio track. start_s, duration_s: as its container says, None where it does not.

    codec: None where no decoder knows it. packets: how many the index lists, 0 where there is none.
    profile: of the codec ("LC").
    bit_rate: bits per second on average, 0 where nobody knows.
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
    """A media file from outside. format_name: FFmpeg's word for it ("mov,mp4,m4a,3gp,3g2,mj2")."""

    format_name: str
    duration_s: float | None
    tags: Mapping[str, str]
    audio: AudioTrack | None


def input_url(media: Path) -> str:
    """The file as FFmpeg takes it, so that no name is read as an option or a protocol.

    Raises RetryableError("file_missing") where there is no regular file (a pipe would block).
    """
    if not media.is_file():
        raise RetryableError("file_missing", f"{media.name!r} is not there or is no regular file")
    return f"file:{media}"


def not_media(media: Path, reason: str) -> RecordError:
    """The error for a file that no allowed container format recognises."""
    return RecordError(
        "not_media",
        f"{media.name} is no readable mp4, m4a, mp3, wav, mkv, webm, ogg or flac file: {reason}",
    )


def corrupt(media: Path, reason: str) -> RecordError:
    """The error for a file whose sound cannot be decoded to its end."""
    return RecordError("corrupt_media", f"{media.name} cannot be decoded completely: {reason}")


def undecodable(media: Path) -> RecordError:
    """The error for a file whose sound has a codec without a decoder on this machine."""
    return RecordError(
        "unsupported_codec",
        f"{media.name} has sound in a codec that cannot be decoded here; "
        "convert the recording to m4a, mp3, flac or wav and put that in its place",
    )


def describe(media: Path, container: Container) -> MediaInfo:
    """What the container promises, in the words of the port.

    Raises RecordError("truncated_media") for an Ogg file without its end (see `ogg.check_ended`),
    ("longer_than_a_day") for more than 24 hours.
    """
    if container.format_name == "ogg":
        ogg.check_ended(media)
    audio = container.audio
    promised_s = _promised_duration(media, container, audio) if audio else container.duration_s
    # what a tag says may be no length: "00:00:nan", or an end before the start
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
    """Only the AAC that every server can decode, and only where an index tells of every packet."""
    is_plain = audio.codec == "aac" and audio.profile == "LC" and audio.packets > 0
    if not is_plain or not container.format_name.startswith("mov") or not duration_s:
        return None
    return ceil(audio.bit_rate / 8 * duration_s) or None


def _promised_duration(media: Path, container: Container, audio: AudioTrack) -> float | None:
    """The length of the audio track (video may go on after it), never an estimate."""
    match container.format_name.split(",")[0]:
        case "mp3":
            return _mp3_duration(media, audio.sample_rate)
        case "wav":
            return _wav_duration(media, audio.duration_s)
        case "matroska":
            return _matroska_duration(container, audio)
        case "mov" if not audio.packets:
            return None  # fragments have no index; FFmpeg adds up what it meets, gaps included
        case _:
            return audio.duration_s


def _wav_duration(media: Path, found_s: float | None) -> float | None:
    """FFmpeg says how much is there; the RIFF header says how much there was to be."""
    with media.open("rb") as stream:
        riff_bytes = int.from_bytes(stream.read(8)[4:], "little")
    if not found_s or riff_bytes >= _RIFF_UNKNOWN:
        return found_s
    return found_s * max(1.0, (riff_bytes + 8) / media.stat().st_size)


def _matroska_duration(container: Container, audio: AudioTrack) -> float | None:
    """Matroska says when a track ends: in a tag, or for all tracks together.

    FFmpeg gives a track of it a duration only where it guessed one from the bit rate.
    """
    ends_at = _seconds(_tag(audio.tags, "duration"))
    if ends_at is None and audio.duration_s is None:
        ends_at = container.duration_s
    return None if ends_at is None else ends_at - (audio.start_s or 0.0)


def _seconds(clock: str) -> float | None:
    """ "00:01:30.500000000" as seconds; None for anything else."""
    try:
        hours, minutes, seconds = clock.split(":")
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    except (ValueError, OverflowError):
        return None


def _mp3_duration(media: Path, sample_rate: int | None) -> float | None:
    """Frames by the Xing/Info header; without one FFmpeg would guess from the first bit rate."""
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
    """The first bytes of the first frame; an ID3v2 tag (28-bit size) may stand before it."""
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
    except (ValueError, OverflowError):  # with its offset, 0001-01-01 lies before every calendar
        return None
    return created if created > _EPOCHS_END else None


def _tag(tags: Mapping[str, str], name: str) -> str:
    return next((text for tag, text in tags.items() if tag.lower() == name), "")
