"""The texts of notices: numbers that add up, reasons in Chinese, and what to do next."""

import re
from pathlib import Path

import pytest

import meeting_pipeline
from meeting_pipeline.domain.stages import Outcome, RecordOutcome, RunReport, StageName
from meeting_pipeline.reporting import notice
from meeting_pipeline.reporting.causes import CAUSES
from meeting_pipeline.reporting.notice import Failure

PLACE = "night-host, /srv/meeting"


def failed(number: int, stage: StageName, code: str) -> RecordOutcome:
    return RecordOutcome(
        number, "folder", f"id-{number}", "李雷的课", Outcome.FAILED, stage, code, "李雷.m4a"
    )


def report(*records: RecordOutcome, exit_code: int, stopped_by: str | None = None) -> RunReport:
    count = len(records)
    return RunReport(
        1, None, count, count, 0, count, records, exit_code, 9.0, stopped_by=stopped_by
    )


def test_failures_of_one_reason_are_one_line_with_the_first_numbers() -> None:
    records = [failed(number, StageName.TRANSCRIBE, "asr_empty") for number in range(1, 9)]
    records.append(failed(20, StageName.EXTRACT, "truncated_media"))
    body = notice.of_report(report(*records, exit_code=4), PLACE).body
    reasons = [line for line in body.splitlines() if line.startswith("失败 #")]
    assert len(reasons) == 2
    assert "#1 #2 #3 #4 #5 … 共 8 条" in reasons[0]
    assert "没有识别出文字" in reasons[0]
    assert "录音不完整" in reasons[1]
    assert "李雷" not in body


def test_a_night_that_was_stopped_says_why_and_what_to_do_in_chinese() -> None:
    body = notice.of_report(report(exit_code=5, stopped_by="quota_spent"), PLACE).body
    assert "原因 reason: 余额已用尽" in body
    assert "处理 next: 到服务商控制台充值" in body


def test_a_code_that_has_no_words_of_its_own_is_named() -> None:
    body = notice.of_report(
        report(failed(3, StageName.STORE, "rare_code"), exit_code=4), PLACE
    ).body
    assert "失败 #3 入库 store rare_code: → meeting why 3" in body


def test_a_failure_says_its_hint_and_the_place() -> None:
    told = notice.of_failure(Failure(3, "bad_setting", "JOBS is wrong", "set JOBS"), PLACE)
    assert "处理 next: set JOBS; meeting doctor" in told.body
    assert f"主机 host: {PLACE}" in told.body


@pytest.mark.parametrize("code", sorted(CAUSES))
def test_every_code_that_has_words_is_raised_somewhere(code: str) -> None:
    package = Path(meeting_pipeline.__file__).parent
    sources = [path for path in package.rglob("*.py") if path.name != "causes.py"]
    assert any(f'"{code}"' in path.read_text("utf-8") for path in sources)


def test_every_cause_is_said_in_chinese() -> None:
    assert all(re.match("[\u4e00-\u9fff]", one.words) for one in CAUSES.values())
