"""What an operator should know about the audio of a recording, stored beside it.

The file exists only if there are warnings. They become warnings of the transcript.
"""

import json
from collections.abc import Sequence
from pathlib import Path

FILE_NAME = "audio.warnings"
"""The file's name in the recording's folder."""

UNDECODABLE_TRACK = "undecodable_audio_track"
NOISE_TRACK = "noise_audio_track"
INCOMPLETE = "incomplete_recording"


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
