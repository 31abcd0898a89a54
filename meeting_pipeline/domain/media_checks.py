"""Checks that a media file passes before it is processed; each has its own error code."""

from meeting_pipeline.domain.levels import FRAME_S, Levels, loudest_second, noise_floor
from meeting_pipeline.errors import RecordError, SkipRecord

LARGEST_MEDIA_BYTES = 20 << 30
LARGEST_TRANSCRIPT_BYTES = 20 << 20
OVERSIZED = "oversized"
DAMAGE = frozenset({"truncated_media", "corrupt_media", "wrong_size"})
"""The codes of errors that an operator may accept: part of the audio can be decoded."""
NOT_READ_HERE = frozenset({"unsupported_codec", "unsupported_container"})
"""The codes of errors of whole files of a kind that is not read: another attempt cannot help."""
NO_INDEX = "its index (moov) is missing, so nothing of it can be decoded"
"""Part of the message about a file that is damaged, but that it is useless to accept."""
LONGEST_S = 24 * 3600.0
_TOLERANCE_S = 0.3
_TOLERANCE_SHARE = 0.001
_LOUD_DB = -50.0  # what is louder is never silence
_DEAF_DB = -75.0  # 16-bit samples hold no speech below
_ABOVE_NOISE_DB = 10.0  # speech varies by 38 to 58 dB at any gain, noise by less than one
_SHORTEST_WORD_S = 0.5
_TEXT_OPENINGS = (b"<", b"{", b"[", b"#EXTM3U", b"ffconcat ")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def check_media_bytes(head: bytes, size_bytes: int, promised_bytes: int | None) -> None:
    """Check that a file is not what servers and disks deliver instead of media.

    Args:
        head: The first bytes of the file, at least 64 of a file that has as many.
        size_bytes: The size of the file.
        promised_bytes: The size that the source announced, or None.

    Raises:
        RecordError: The file is empty ("empty_file"), holds text or zero bytes ("not_media"), or
            does not have the announced size ("wrong_size").
    """
    if size_bytes == 0:
        raise RecordError("empty_file", "the file is empty")
    if not head.strip(b"\0"):
        raise RecordError("not_media", "the file begins with zero bytes, it is not media")
    if head.removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(_TEXT_OPENINGS):
        raise RecordError("not_media", "the file is text (an error page or a playlist), not media")
    if promised_bytes is not None and size_bytes != promised_bytes:
        raise RecordError(
            "wrong_size", f"the file has {size_bytes} bytes, {promised_bytes} were announced"
        )


def check_not_too_large(what: str, size_bytes: int, largest_bytes: int) -> None:
    """Check that a file would not fill the disk or the memory.

    Args:
        what: The name of the file in the message.
        size_bytes: Its size, or what is known of it so far.
        largest_bytes: The limit.

    Raises:
        RecordError: It is larger ("oversized").
    """
    if size_bytes > largest_bytes:
        size, limit = _megabytes(size_bytes), _megabytes(largest_bytes)
        raise RecordError(OVERSIZED, f"{what} has {size} or more, the limit is {limit}")


def check_not_too_long(duration_s: float, longest_s: float = LONGEST_S) -> None:
    """Check that audio is not longer than a meeting can be.

    Args:
        duration_s: Its length in seconds, or what is known of it so far.
        longest_s: The limit in seconds.

    Raises:
        RecordError: It is longer ("longer_than_a_day").
    """
    if duration_s > longest_s:
        hours, limit = duration_s / 3600, longest_s / 3600
        raise RecordError(
            "longer_than_a_day", f"the audio has {hours:.1f} h or more, the limit is {limit:g} h"
        )


def check_whole(container_duration_s: float | None, decoded_duration_s: float) -> None:
    """Check that the audio does not end before its container says.

    Args:
        container_duration_s: The length of the audio track by the container, in seconds, or None
            if it gives none; then only the size of the file can tell.
        decoded_duration_s: The length of what was decoded, in seconds.

    Raises:
        RecordError: The audio is shorter ("truncated_media").
    """
    if container_duration_s is None:
        return
    tolerance_s = max(_TOLERANCE_S, container_duration_s * _TOLERANCE_SHARE)
    if decoded_duration_s < container_duration_s - tolerance_s:
        raise RecordError(
            "truncated_media",
            f"the audio ends after {decoded_duration_s:.1f} s of {container_duration_s:.1f} s",
        )


def check_long_enough(duration_s: float, minimum_s: float) -> None:
    """Check that a recording is not shorter than the minimum.

    Args:
        duration_s: Its length in seconds.
        minimum_s: The minimum in seconds (MIN_DURATION_S).

    Raises:
        SkipRecord: It is shorter ("too_short").
    """
    if duration_s < minimum_s:
        raise SkipRecord(
            "too_short", f"the recording has {duration_s:.1f} s, the minimum is {minimum_s:g} s"
        )


def check_audible(levels: Levels) -> None:
    """Check that a recording is not silent.

    A quiet recording is not silent, nor is a long one with few words in it: silent is only what is
    both quiet and flat, as noise is.

    Args:
        levels: The sound levels of the whole recording; see `domain.levels`.

    Raises:
        SkipRecord: Less than half a second of it can contain speech ("silent").
    """
    least = min(max(noise_floor(levels) + _ABOVE_NOISE_DB, _DEAF_DB), _LOUD_DB)
    if sum(level > least for level in levels) * FRAME_S < _SHORTEST_WORD_S:
        raise SkipRecord(
            "silent",
            f"nothing but silence; the loudest second has {loudest_second(levels):.0f} dBFS",
        )


def _megabytes(number: int) -> str:
    return f"{number / 1e6:,.1f} MB"
