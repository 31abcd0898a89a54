"""One recording, looked up by what people call it."""

from meeting_pipeline.domain.views import RecordingDetail
from meeting_pipeline.errors import UsageError
from meeting_pipeline.settings.config import Settings
from meeting_pipeline.wiring import stores


def find(settings: Settings, reference: str) -> RecordingDetail:
    """Return everything about the recording that a reference names.

    Args:
        settings: The installation.
        reference: Our number, the source's record id, or SOURCE:RECORD_ID.

    Raises:
        UsageError: ("no_such_recording") when there is none.
        RecordError: ("ambiguous_id") when several sources have this record id.
    """
    with stores.stored(settings) as rows:
        number = rows.reading.find(reference)
        detail = rows.reading.show(number) if number is not None else None
    if detail is None:
        raise no_such_recording(reference)
    return detail


def no_such_recording(reference: str) -> UsageError:
    """Return the error for a reference that names no recording."""
    return UsageError(
        "no_such_recording",
        f"there is no recording {reference}",
        hint="`meeting status` lists the numbers",
    )
