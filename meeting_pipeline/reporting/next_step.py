"""The next thing that will happen to a recording, in words."""

from collections.abc import Collection
from zoneinfo import ZoneInfo

from meeting_pipeline.domain.erasure import ERASED
from meeting_pipeline.domain.media_checks import DAMAGE, NO_INDEX, NOT_READ_HERE
from meeting_pipeline.domain.retention import TEXTS_REMOVED
from meeting_pipeline.domain.stages import RecordStatus
from meeting_pipeline.domain.views import RecordingView
from meeting_pipeline.reporting.times import iso_or_none


def is_damaged(recording: RecordingView) -> bool:
    """Return whether a recording failed because its file is damaged."""
    return _has_failed_with(recording, DAMAGE)


def _has_failed_with(recording: RecordingView, causes: Collection[str]) -> bool:
    has_failed = recording.status in (RecordStatus.FAILED, RecordStatus.DEAD)
    return has_failed and any(entry.error_code in causes for entry in recording.stages.values())


def _lacks_index(recording: RecordingView) -> bool:
    return any(NO_INDEX in (entry.message or "") for entry in recording.stages.values())


def _next_for_its_file(recording: RecordingView) -> str:
    """Return what to do about a file that is damaged or not read here; "" for any other."""
    if is_damaged(recording) and _lacks_index(recording):
        return (
            "录音缺少索引，无法解码 nothing of it can be decoded: copy the file again from where "
            "it was recorded, or repair it with a tool that rebuilds the index, and replace it"
        )
    if is_damaged(recording) and recording.accept_damaged:
        return "录音已损坏 nothing of it can be transcribed: put a whole file in its place"
    if is_damaged(recording):
        return (
            "录音已损坏 it is damaged: put a whole file in its place, or "
            f"`meeting retry {recording.id} --accept-damaged` transcribes what can be decoded"
        )
    if _has_failed_with(recording, NOT_READ_HERE):
        return (
            "不支持的编码或格式，重试无用 another attempt cannot help: "
            "convert the file to m4a, mp3, flac or wav, and put that in its place"
        )
    return ""


def next_step(recording: RecordingView, zone: ZoneInfo) -> str:
    """Return what happens to a recording next and which command changes that.

    Args:
        recording: The recording.
        zone: The zone of the times in the sentence.
    """
    number, again_at = recording.id, iso_or_none(recording.next_attempt_at, zone)
    if recording.skip_reason == ERASED:
        return "nothing: its texts were erased with one of its students"
    if recording.skip_reason == TEXTS_REMOVED:
        return "nothing: it is complete, and its transcript was removed by `meeting cleanup`"
    if of_its_file := _next_for_its_file(recording):
        return of_its_file
    return {
        RecordStatus.WAITING: "the source has not finished it; every run asks again",
        RecordStatus.PENDING: "it is due: the next run processes it",
        RecordStatus.FAILED: f"the first run after {again_at} retries it; "
        f"`meeting retry {number}` makes it due now",
        RecordStatus.DEAD: "nothing: it failed too often; fix the cause, then "
        f"`meeting retry {number}`",
        RecordStatus.SKIPPED: "nothing, unless a setting that it depends on changes; "
        f"`meeting retry {number}` makes it due now",
        RecordStatus.DONE: f"nothing: it is complete, `meeting show {number}`",
    }[recording.status]
