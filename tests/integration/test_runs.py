"""Runs over real rows and files: what is done is kept, what fails says so, all of it adds up."""

from collections.abc import Callable
from pathlib import Path

import pytest

from meeting_pipeline import exit_codes
from meeting_pipeline.domain.stages import Outcome, RunReport, StageName
from meeting_pipeline.domain.views import RecordingFilter
from meeting_pipeline.errors import ConfigError, FatalError, RecordError, RetryableError, SkipRecord
from meeting_pipeline.ports.stage_context import StageContext
from tests.support.fakes import (
    FakeSource,
    FakeSummarizer,
    FakeTranscriber,
    Trouble,
    meta,
    no_trouble,
)
from tests.support.nights import Installation


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path, [meta(number) for number in range(3)])


def only_for(number: int, error: Callable[[], Exception]) -> Trouble:
    """Trouble with one record and no other."""
    return lambda context: error() if context.meta.key == meta(number).key else None


def outcomes(report: RunReport) -> list[str]:
    return [record.status.value for record in report.records]


def test_a_night_takes_every_recording_to_its_rows(installation: Installation) -> None:
    report = installation.run()

    assert (report.listed, report.new, report.known) == (3, 3, 0)
    assert outcomes(report) == ["done"] * 3
    assert report.adds_up()
    assert report.exit_code == exit_codes.OK
    assert report.usage.audio_seconds == 3 * 3600
    rows = installation.rows()
    assert [student.record_cnt for student in rows.reading.stats()] == [3]
    assert rows.stats.differences() == []


def test_what_a_kill_left_half_answered_goes_with_the_next_attempt(
    installation: Installation,
) -> None:
    calls = installation.folder / "recordings" / "fake" / meta(0).key.record_id / "calls"
    calls.mkdir(parents=True)
    (calls / f"{'f' * 64}.json.part").write_bytes(b"half")

    assert installation.run().exit_code == exit_codes.OK

    assert list(calls.iterdir()) == []


def test_a_second_run_does_nothing(installation: Installation) -> None:
    installation.run()
    before = installation.files()

    report = installation.run(everywhere=False)

    assert (report.listed, report.new, report.known, report.due) == (3, 0, 3, 0)
    assert len(installation.transcriber.heard) == 3
    assert installation.files() == before


def test_row_82_another_speech_model_transcribes_again_and_nothing_before_it(
    installation: Installation,
) -> None:
    installation.run()
    downloaded = installation.folder / "recordings" / "fake" / meta(0).key.record_id
    before = (downloaded / "recording.m4a").stat().st_mtime_ns
    installation.transcriber = FakeTranscriber(settings="fake model-2")

    report = installation.run(everywhere=False)

    assert outcomes(report) == ["done"] * 3
    assert len(installation.transcriber.heard) == 3
    assert len(installation.summarizer.read) == 6
    assert (downloaded / "recording.m4a").stat().st_mtime_ns == before
    assert "model-2" in (downloaded / "summary.md").read_text("utf-8")


def test_row_82_another_prompt_summarizes_again_and_transcribes_nothing(
    installation: Installation,
) -> None:
    installation.run()
    installation.summarizer = FakeSummarizer(settings="fake prompt-2")

    installation.run(everywhere=False)

    assert len(installation.transcriber.heard) == 3
    assert len(installation.summarizer.read) == 3


def test_the_nightly_run_leaves_finished_recordings_alone_when_settings_change(
    installation: Installation,
) -> None:
    installation.run()
    installation.transcriber = FakeTranscriber(settings="fake model-2")

    assert installation.run(everywhere=True).due == 0


def test_a_stage_verb_stops_after_its_stage_and_the_next_run_goes_on_from_there(
    installation: Installation,
) -> None:
    report = installation.run(until=StageName.TRANSCRIBE)
    assert outcomes(report) == ["done"] * 3
    assert {record.stage for record in report.records} == {StageName.TRANSCRIBE}
    assert installation.summarizer.read == []

    installation.run()

    assert len(installation.transcriber.heard) == 3
    assert len(installation.summarizer.read) == 3


def test_a_transcript_that_was_altered_is_written_again_from_the_rows(
    installation: Installation,
) -> None:
    installation.run(until=StageName.TRANSCRIBE)
    path = installation.folder / "recordings" / "fake" / meta(0).key.record_id / "transcript.json"
    before = path.read_bytes()
    path.write_text("{}", "utf-8")

    report = installation.run()

    assert outcomes(report) == ["done"] * 3
    assert path.read_bytes() == before
    assert len(installation.transcriber.heard) == 3


def test_one_bad_record_costs_the_others_nothing(installation: Installation) -> None:
    error = RecordError("asr_empty", "nothing came back")
    installation.transcriber.trouble = only_for(1, lambda: error)

    report = installation.run()

    assert outcomes(report) == ["done", "failed", "done"]
    assert report.records[1].error_code == "asr_empty"
    assert report.records[1].stage is StageName.TRANSCRIBE
    assert report.exit_code == exit_codes.RECORDS_FAILED


def test_a_failed_record_waits_longer_each_time_and_is_dead_after_five_attempts(
    installation: Installation,
) -> None:
    installation.transcriber.trouble = only_for(0, lambda: RecordError("bad", "bad"))
    installation.run()
    assert installation.run().due == 0, "it is not due at once"

    for _ in range(4):
        installation.later(days=2)
        assert outcomes(installation.run()) == ["failed"]
    installation.later(days=30)

    assert installation.run().due == 0
    rows = installation.rows()
    [dead] = rows.reading.recordings(RecordingFilter(failed=True))
    assert (dead.status.value, dead.stages[StageName.TRANSCRIBE].attempts) == ("dead", 5)


def test_a_dead_record_comes_back_with_retry(installation: Installation) -> None:
    installation.transcriber.trouble = only_for(0, lambda: RecordError("bad", "bad"))
    for _ in range(5):
        installation.run()
        installation.later(days=2)
    installation.transcriber.trouble = lambda context: None
    rows = installation.rows()
    [dead] = rows.reading.recordings(RecordingFilter(failed=True))

    assert rows.recordings.retry(dead.id)

    assert outcomes(installation.run()) == ["done"]


def test_a_passing_trouble_is_tried_again_within_the_run(installation: Installation) -> None:
    seen: list[str] = []

    def once(context: StageContext) -> Exception | None:
        seen.append(context.meta.key.record_id)
        return RetryableError("busy", "busy", retry_after_s=0.0) if len(seen) == 1 else None

    installation.transcriber.trouble = once

    report = installation.run()

    assert outcomes(report) == ["done"] * 3
    assert len(seen) == 4


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(RetryableError("busy", "busy", retry_after_s=3600.0), id="a long wait"),
        pytest.param(RetryableError("busy", "busy", within_run=False), id="tried often enough"),
    ],
)
def test_what_this_run_shall_not_try_again_is_left_to_a_later_run(
    installation: Installation, error: RetryableError
) -> None:
    installation.transcriber.trouble = only_for(0, lambda: error)

    report = installation.run()

    assert outcomes(report) == ["failed", "done", "done"]
    assert len(installation.transcriber.heard) == 3


def test_a_wait_of_a_week_is_cut_to_a_day(installation: Installation) -> None:
    error = RetryableError("overloaded", "overloaded", retry_after_s=7 * 86_400.0)
    installation.transcriber.trouble = only_for(0, lambda: error)
    installation.run()
    installation.transcriber.trouble = no_trouble

    installation.later(hours=23)
    assert outcomes(installation.run()) == []
    installation.later(hours=1)
    assert outcomes(installation.run()) == ["done"]


def test_a_skip_has_its_reason_and_is_thought_over_when_settings_change(
    installation: Installation,
) -> None:
    installation.transcriber.trouble = only_for(2, lambda: SkipRecord("no_speech", "silence"))

    report = installation.run()
    assert outcomes(report) == ["done", "done", "skipped"]
    assert report.exit_code == exit_codes.OK
    assert installation.run(everywhere=False).due == 0

    installation.transcriber = FakeTranscriber(settings="better ears")
    assert outcomes(installation.run(everywhere=False)) == ["done"] * 3


def test_a_fatal_error_ends_the_night_and_defers_what_is_left(installation: Installation) -> None:
    error = FatalError("quota_spent", "the balance is used up")
    installation.summarizer.trouble = only_for(1, lambda: error)

    report = installation.run()

    assert outcomes(report) == ["done", "deferred", "deferred"]
    assert report.stopped_by == "quota_spent"
    assert report.exit_code == exit_codes.STOPPED_EARLY
    assert report.adds_up()


def test_a_setting_that_turns_out_not_to_work_ends_the_night_and_is_no_bug(
    installation: Installation,
) -> None:
    error = ConfigError("bad_header", "a credential cannot be sent", hint="copy it again")
    installation.transcriber.trouble = only_for(0, lambda: error)

    report = installation.run()

    assert outcomes(report) == ["deferred"] * 3
    assert (report.stopped_by, report.exit_code) == ("bad_header", exit_codes.STOPPED_EARLY)


def test_after_the_fatal_error_is_mended_nothing_is_paid_twice(installation: Installation) -> None:
    error = FatalError("quota_spent", "the balance is used up")
    installation.summarizer.trouble = only_for(1, lambda: error)
    installation.run()

    again = Installation(
        installation.folder, installation.metas, transcriber=installation.transcriber
    )
    report = again.run()

    assert outcomes(report) == ["done", "done"]
    assert sorted(installation.transcriber.heard) == sorted(m.key.record_id for m in again.metas)
    rows = again.rows()
    [record] = [
        r
        for r in rows.reading.recordings(RecordingFilter())
        if r.record_id == meta(1).key.record_id
    ]
    assert record.stages[StageName.SUMMARIZE].attempts == 1, "the fatal error was not its fault"


def test_a_bug_is_a_failure_with_its_own_exit_code(installation: Installation) -> None:
    installation.transcriber.trouble = only_for(0, lambda: ZeroDivisionError("oops"))

    report = installation.run()

    assert outcomes(report) == ["failed", "done", "done"]
    assert report.records[0].error_code == "internal"
    assert report.exit_code == exit_codes.BUG


def test_a_listing_that_breaks_off_is_said_and_what_is_known_is_worked_on(
    installation: Installation,
) -> None:
    def breaks_off(source: FakeSource) -> None:
        source.trouble = RetryableError("list_failed", "page 2 did not come")

    installation.change_source = breaks_off

    report = installation.run()

    assert not report.listing_complete
    assert (report.listed, report.stopped_by) == (0, "list_failed") or report.listed == 3
    assert report.exit_code == exit_codes.RECORDS_FAILED


def test_a_source_that_is_set_wrongly_ends_the_run_and_closes_its_row(
    installation: Installation,
) -> None:
    def is_set_wrongly(source: FakeSource) -> None:
        source.trouble = ConfigError("no_folder", "the folder is not there")

    installation.change_source = is_set_wrongly

    with pytest.raises(ConfigError):
        installation.run()

    [run] = installation.rows().reading.runs(1)
    assert (run.exit_code, run.stopped_by) == (exit_codes.CONFIG, "no_folder")
    assert run.finished_at is not None


def test_recordings_of_teachers_who_are_not_on_the_list_are_skipped_with_that_reason(
    tmp_path: Path,
) -> None:
    stranger = meta(1, teacher_id="teacher_zhao")
    installation = Installation(tmp_path, [meta(0), stranger])

    report = installation.run()

    assert outcomes(report) == ["skipped", "done"]
    assert report.adds_up()
    assert installation.run().due == 0, "it is said once"
    rows = installation.rows()
    reasons = {
        record.record_id: record.skip_reason
        for record in rows.reading.recordings(RecordingFilter())
    }
    assert reasons[stranger.key.record_id] == "teacher_not_listed"


def test_many_records_in_flight_come_to_the_same_as_one(tmp_path: Path) -> None:
    metas = [meta(number, student=f"stu_{number % 4}") for number in range(24)]
    for jobs in (1, 6):
        folder = tmp_path / str(jobs)
        folder.mkdir()
        report = Installation(folder, metas, jobs=jobs).run()
        assert outcomes(report) == ["done"] * 24

    one, six = (Installation(tmp_path / jobs, metas).rows().reading.stats() for jobs in ("1", "6"))
    assert one == six


def test_at_most_so_many_records_as_asked(installation: Installation) -> None:
    assert installation.run(limit=2).due == 2
    assert installation.run().due == 1


def test_a_plan_says_what_would_be_done_and_writes_nothing(installation: Installation) -> None:
    from meeting_pipeline.domain.stages import RunRequest
    from tests.support.nights import ALL_TIME

    rows = installation.rows()

    plan = installation.pipeline(rows).plan(RunRequest("run", ALL_TIME))

    assert (plan.listed, len(plan.new), plan.due) == (3, 3, ())
    assert rows.reading.recordings(RecordingFilter()) == ()


def test_every_outcome_is_counted_once(installation: Installation) -> None:
    report = installation.run()

    assert sum(report.count(outcome) for outcome in Outcome) == report.due


def test_a_log_line_of_another_try_names_the_recording_and_no_copy_of_ours(
    installation: Installation, caplog: pytest.LogCaptureFixture
) -> None:
    message = "recording.m4a.part is busy"
    installation.transcriber = FakeTranscriber(
        trouble=only_for(1, lambda: RetryableError("busy", message, retry_after_s=0.0))
    )

    assert installation.run().exit_code == exit_codes.RECORDS_FAILED

    lines = [line for line in caplog.messages if "trying again" in line]
    assert lines
    assert all(f"{meta(1).key} is busy" in line for line in lines)
    assert "recording.m4a" not in caplog.text


def test_what_ends_a_run_names_the_recording_and_no_copy_of_ours(
    installation: Installation,
) -> None:
    message = "no space left to write recording.m4a.part"
    installation.transcriber = FakeTranscriber(
        trouble=only_for(1, lambda: FatalError("disk_full", message))
    )

    report = installation.run()

    assert report.stopped_by == "disk_full"
    messages = [record.message or "" for record in report.records]
    assert f"no space left to write {meta(1).key}" in messages
    assert not any("recording.m4a" in message for message in messages)
