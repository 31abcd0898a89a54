"""Messages about files, in the words of the people who read them."""

import re

from meeting_pipeline.ports.media import AUDIO_FORMATS

_AUDIO = "|".join(AUDIO_FORMATS)
_OUR_FILES = re.compile(
    rf"(?:\S*/)?\b(?:recording\.[a-z0-9]{{2,5}}|audio\.(?:{_AUDIO}))(?:\.part)?\b"
)


def in_the_operators_words(message: str, file_name: str) -> str:
    """Return a message that names the file of a recording as people know it.

    What handles media knows only our copies of it, which are all called alike.

    Args:
        message: What went wrong.
        file_name: The name of the recording's file, or its key.
    """
    return _OUR_FILES.sub(lambda _: file_name, message)
