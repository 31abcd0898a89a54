"""What a media file must be before anything is made of it; each refusal has its own code."""

from meeting_pipeline.errors import RecordError, SkipRecord

SILENT_SHARE = 0.98
LARGEST_MEDIA_BYTES = 20 << 30
LARGEST_TRANSCRIPT_BYTES = 20 << 20
OVERSIZED = "oversized"
LONGEST_S = 24 * 3600.0
_TOLERANCE_S = 0.3
_TOLERANCE_SHARE = 0.001
_TEXT_OPENINGS = (b"<", b"{", b"[", b"#EXTM3U", b"ffconcat ")
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def check_media_bytes(head: bytes, size_bytes: int, promised_bytes: int | None) -> None:
    """Refuse what servers and disks send instead of media.

    head: the first bytes of the file, 64 or more where it has them.
    Raises RecordError("empty_file"), ("not_media") or ("wrong_size").
    """
    if size_bytes == 0:
        raise RecordError("empty_file", "the file has no bytes")
    if not head.strip(b"\0"):
        raise RecordError("not_media", "the file begins with zeros, no media does")
    if head.removeprefix(_BYTE_ORDER_MARK).lstrip().startswith(_TEXT_OPENINGS):
        raise RecordError("not_media", "the file is text (an error page or a playlist), no media")
    if promised_bytes is not None and size_bytes != promised_bytes:
        raise RecordError("wrong_size", f"{size_bytes} bytes came, {promised_bytes} were promised")


def check_not_too_large(what: str, size_bytes: int, largest_bytes: int) -> None:
    """Refuse what would fill the disk or the memory. Raises RecordError("oversized").

    what: names it.
    """
    if size_bytes > largest_bytes:
        size, most = _megabytes(size_bytes), _megabytes(largest_bytes)
        raise RecordError(OVERSIZED, f"{what}: {size} or more, at most {most} are taken")


def check_not_too_long(duration_s: float, longest_s: float = LONGEST_S) -> None:
    """Refuse sound that nobody recorded in one meeting. Raises RecordError("longer_than_a_day")."""
    if duration_s > longest_s:
        hours, most = duration_s / 3600, longest_s / 3600
        raise RecordError(
            "longer_than_a_day", f"{hours:.1f} h or more of sound, at most {most:g} h are taken"
        )


def check_whole(container_duration_s: float | None, decoded_duration_s: float) -> None:
    """Refuse sound that ends before its container says so.

    container_duration_s: what the container promises for the audio track, or None where it is
    silent about it (then the size is the only witness). Raises RecordError("truncated_media").
    """
    if container_duration_s is None:
        return
    tolerance_s = max(_TOLERANCE_S, container_duration_s * _TOLERANCE_SHARE)
    if decoded_duration_s < container_duration_s - tolerance_s:
        raise RecordError(
            "truncated_media",
            f"{container_duration_s:.1f} s were promised, {decoded_duration_s:.1f} s are there",
        )


def check_long_enough(duration_s: float, minimum_s: float) -> None:
    """Raises SkipRecord("too_short") below the minimum."""
    if duration_s < minimum_s:
        raise SkipRecord("too_short", f"{duration_s:.1f} s, the minimum is {minimum_s:g} s")


def check_audible(silent_share: float) -> None:
    """Raises SkipRecord("silent") where 98 % or more are silence."""
    if silent_share >= SILENT_SHARE:
        raise SkipRecord("silent", f"{silent_share:.1%} of the recording are silence")


def _megabytes(number: int) -> str:
    return f"{number / 1e6:,.1f} MB"
