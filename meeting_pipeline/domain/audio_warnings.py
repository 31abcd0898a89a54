"""What an operator should know about the audio of a recording, stored beside it.

The file exists only if there are warnings. They become warnings of the transcript.
"""

import json
import re
from collections.abc import Sequence
from pathlib import Path

FILE_NAME = "audio.warnings"
"""The file's name in the recording's folder."""

UNDECODABLE_TRACK = "undecodable_audio_track"
NOISE_TRACK = "noise_audio_track"
INCOMPLETE = "incomplete_recording"

_COVERS = re.compile(r"low_coverage:(?P<percent>\d+)")
_PART = re.compile(r"decoded_s:(?P<decoded>\d+\.\d)/(?P<total>\d+\.\d)")


def pack(warnings: Sequence[str]) -> bytes:
    """Return the content of the file."""
    return json.dumps(list(warnings)).encode()


def read(path: Path) -> tuple[str, ...]:
    """Return the warnings in a file; none if it does not exist or is damaged."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return ()
    return tuple(one for one in found if isinstance(one, str)) if isinstance(found, list) else ()


def incomplete(decoded_s: float, total_s: float) -> tuple[str, ...]:
    """Return the codes for a recording of which a part is missing.

    Args:
        decoded_s: The length of what could be decoded, in seconds.
        total_s: The length of the whole recording, or less if nothing says it.
    """
    if round(total_s, 1) <= round(decoded_s, 1):
        return (INCOMPLETE,)
    return (INCOMPLETE, f"decoded_s:{decoded_s:.1f}/{total_s:.1f}")


def is_amount(code: str) -> bool:
    """Return whether a code only tells how much of an incomplete recording there is."""
    return _PART.fullmatch(code) is not None


def decoded_part(warnings: Sequence[str]) -> tuple[str, str] | None:
    """Return how many seconds of how many could be decoded; None if that is not known.

    Args:
        warnings: The codes of a recording.
    """
    found = next(filter(None, map(_PART.fullmatch, warnings)), None)
    return (found["decoded"], found["total"]) if found else None


def incomplete_in_words(warnings: Sequence[str]) -> str | None:
    """Return that a recording is incomplete, and how much of it there is; None if it is whole.

    Args:
        warnings: The codes of the recording.
    """
    if INCOMPLETE not in warnings:
        return None
    part = decoded_part(warnings)
    if part is None:
        return "录音不完整 the recording is incomplete"
    decoded, total = part
    return f"录音不完整：{decoded} / {total} 秒 the recording is incomplete: {decoded} of {total} s"


def low_coverage(share: float) -> str:
    """Return the code for a text that covers only this share (0..1) of the speech."""
    return f"low_coverage:{int(100 * share)}"


def covered_percent(code: str) -> str | None:
    """Return how many percent of the speech the text covers by this code; None for another one."""
    found = _COVERS.fullmatch(code)
    return found["percent"] if found else None
