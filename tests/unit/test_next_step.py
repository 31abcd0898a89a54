"""What happens to a recording next, in words."""

import pytest

from meeting_pipeline.domain.stages import LedgerEntry, RecordStatus, StageName, StageStatus
from meeting_pipeline.reporting.next_step import next_step
from tests.support.exported import SHANGHAI, exported
from tests.support.rows import MONDAY


def after(code: str, status: RecordStatus) -> str:
    """What is next for a recording whose sound could not be extracted, for this reason."""
    failed = LedgerEntry(StageName.EXTRACT, StageStatus.FAILED, "", 1, error_code=code)
    recording = exported(
        status=status, next_attempt_at=MONDAY, stages={StageName.EXTRACT: failed}
    ).recording
    return next_step(recording, SHANGHAI)


@pytest.mark.parametrize("status", [RecordStatus.FAILED, RecordStatus.DEAD])
@pytest.mark.parametrize("code", ["unsupported_codec", "unsupported_container"])
def test_a_file_of_a_kind_that_is_not_read_is_to_be_converted_and_not_to_be_tried_again(
    code: str, status: RecordStatus
) -> None:
    words = after(code, status)
    assert "convert the file to m4a, mp3, flac or wav" in words
    assert "retries" not in words
    assert "meeting retry" not in words


def test_another_failure_is_tried_again() -> None:
    assert "retries it" in after("network", RecordStatus.FAILED)


def test_a_recording_of_such_a_kind_that_was_replaced_is_due() -> None:
    assert "it is due" in after("unsupported_codec", RecordStatus.PENDING)
