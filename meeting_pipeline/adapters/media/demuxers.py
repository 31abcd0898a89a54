"""The container formats that are read, and the errors for files in other formats."""

from pathlib import Path

from meeting_pipeline.adapters.media.cut_off import lacks_index
from meeting_pipeline.domain.media_checks import NO_INDEX
from meeting_pipeline.errors import RecordError, RetryableError

_FORMATS = (
    *("mov", "matroska", "mp3", "wav", "ogg", "flac"),
    *("aac", "mpegts", "asf", "avi", "flv", "amr", "aiff", "caf"),
)
"""FFmpeg's demuxers that read nothing but the file that they are given.

There are no playlists among them: FFmpeg would open every address in a playlist.
"""

DEMUXER_OPTIONS = {
    "protocol_whitelist": "file",
    "format_whitelist": ",".join(_FORMATS),
    # skip a packet that the end of the file cuts in two: the missing duration shows the loss
    "fflags": "+discardcorrupt",
}

_CONVERT = "convert the recording to m4a, mp3, flac or wav, and replace the file with the result"
_HEAD_BYTES = 16
_UNREAD = {
    b".RMF": "RealMedia",
    b".ra\xfd": "RealAudio",
    b"\x00\x00\x01\xba": "MPEG program stream",
    b"riff\x2e\x91\xcf\x11": "Wave64",
    b"MThd": "MIDI",
    b"DSD ": "DSF",
    b"#!SILK_V3": "SILK",
    b"\x02#!SILK_V3": "SILK",
    b"MAC ": "Monkey's Audio",
    b"wvpk": "WavPack",
    b"\x0b\x77": "AC-3",
}
"""Audio and video that is not read, by the first bytes."""


def input_url(media: Path) -> str:
    """Return a file's address for FFmpeg, so that its name is never an option or a protocol.

    Raises:
        RetryableError: "file_missing" when it is not a regular file; a pipe would block.
    """
    if not media.is_file():
        raise RetryableError("file_missing", f"{media.name!r} is missing or is not a regular file")
    return f"file:{media}"


def unreadable(media: Path, reason: str) -> RecordError:
    """Return the error for a file that cannot be opened.

    It is in none of the container formats that are read, or was cut off before its index.
    """
    if lacks_index(media):
        return RecordError("truncated_media", f"{media.name} is cut off: {NO_INDEX}")
    with media.open("rb") as stream:
        head = stream.read(_HEAD_BYTES)
    kind = next((kind for magic, kind in _UNREAD.items() if head.startswith(magic)), None)
    if kind:
        message = f"{media.name} is a {kind} file, which cannot be read; {_CONVERT}"
        return RecordError("unsupported_container", message)
    return RecordError(
        "not_media",
        f"{media.name} is not a readable audio or video file (such as mp4, m4a, mov, mp3, aac, "
        f"wav, mkv, webm, ogg, opus, flac, ts, wma, avi or amr): {reason}",
    )


def corrupt(media: Path, reason: str) -> RecordError:
    """Return the error for a file whose audio cannot be decoded to its end."""
    return RecordError("corrupt_media", f"{media.name} cannot be decoded completely: {reason}")


def undecodable(media: Path) -> RecordError:
    """Return the error for a file whose audio codecs have no decoder on this machine."""
    return RecordError(
        "unsupported_codec",
        f"{media.name} contains audio in a codec that cannot be decoded on this machine; "
        f"{_CONVERT}",
    )
