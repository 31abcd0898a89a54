"""Failed, dead and skipped recordings made due again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from meeting_pipeline.actions.find import no_such_recording
from meeting_pipeline.domain.stages import RecordStatus
from meeting_pipeline.domain.views import RecordingDetail, RecordingFilter
from meeting_pipeline.errors import UsageError
from meeting_pipeline.reporting.next_step import is_damaged
from meeting_pipeline.settings.config import Settings
from meeting_pipeline.wiring import stores


@dataclass(frozen=True)
class Retried:
    """The recordings that were named, by our numbers, and those of them that are due now."""

    numbers: tuple[int, ...]
    reopened: tuple[int, ...]


def retry(
    settings: Settings,
    references: Sequence[str],
    *,
    dead: bool = False,
    accept_damaged: bool = False,
) -> Retried:
    """Forget the failed attempts of recordings, so that the next run processes them.

    Args:
        settings: The installation.
        references: Numbers or record ids, as `find` reads them.
        dead: Whether to add every dead recording.
        accept_damaged: Whether the named recordings, which are damaged, are transcribed as far as
            they can be decoded.

    Raises:
        UsageError: ("not_damaged") when one of them did not fail for damage; none is reopened.
        UsageError: ("no_such_recording") when a reference names none; no other one is reopened.
        RecordError: ("ambiguous_id") when several sources have a record id.
    """
    with stores.stored(settings) as rows:
        numbers = []
        for reference in references:
            number = rows.reading.find(reference)
            if number is None:
                raise no_such_recording(reference)
            numbers.append(number)
        if accept_damaged:
            _check_damaged(rows.reading.show, numbers)
        if dead:
            failed = rows.reading.recordings(RecordingFilter(failed=True))
            numbers += [one.id for one in failed if one.status is RecordStatus.DEAD]
        reopened = tuple(
            number for number in numbers if rows.recordings.retry(number, accept_damaged)
        )
    return Retried(tuple(numbers), reopened)


def _check_damaged(show: Callable[[int], RecordingDetail | None], numbers: Sequence[int]) -> None:
    for number in numbers:
        detail = show(number)
        if detail is None or not is_damaged(detail.recording):
            raise UsageError(
                "not_damaged",
                f"录制 recording {number} did not fail for damage: there is nothing to accept",
                hint=f"`meeting why {number}` says what happened to it",
            )
