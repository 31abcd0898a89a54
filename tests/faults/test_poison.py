"""Row 79: a record that always fails, or ends the whole run, costs only itself."""

import os
import signal
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from meeting_pipeline import exit_codes
from meeting_pipeline.domain.model import RecordMeta
from meeting_pipeline.domain.stages import (
    Outcome,
    RecordOutcome,
    RecordStatus,
    StageName,
    StageStatus,
)
from meeting_pipeline.domain.timing import Resource
from meeting_pipeline.domain.views import RecordingFilter, RecordingView
from meeting_pipeline.errors import FinalError, MeetingError, RecordError, RetryableError
from meeting_pipeline.ports.observer import RunObserver
from meeting_pipeline.ports.stage_context import StageContext
from meeting_pipeline.run.gates import Gates
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.fakes import meta
from tests.support.nights import Installation
from tests.support.processes import Starter
from tests.support.sandbox_installation import Office
from tests.support.short_recordings import BURSTS, BY_FFMPEG, lesson, record_id, tone
from tests.support.system_programs import require_program

RUN = ["run", "--since", "7d", "--json"]
KILLED = -signal.SIGKILL
MOST = 5
POISON = meta(0)
EVERYBODY = RecordingFilter()


def rows_of(installation: Installation) -> dict[str, RecordingView]:
    rows = installation.rows()
    found = {view.record_id: view for view in rows.reading.recordings(EVERYBODY)}
    rows.close()
    return found


# ── records that fail ────────────────────────────────────────────────────────────────────────────

KINDS: dict[str, MeetingError | Exception] = {
    meta(3).key.record_id: RecordError("bad_reply", "no summary"),
    meta(11).key.record_id: RetryableError("busy", "busy", retry_after_s=9_999),
    meta(17).key.record_id: ZeroDivisionError("a bug"),
    meta(23).key.record_id: FinalError("filtered", "the model refuses"),
}
STARTS = {**dict.fromkeys(KINDS, MOST), meta(23).key.record_id: 1}


def test_row_79_poison_is_dead_after_five_attempts_with_its_reason_and_costs_nobody_a_call(
    tmp_path: Path,
) -> None:
    installation = Installation(tmp_path, [meta(number) for number in range(30)], jobs=6)
    installation.transcriber.trouble = lambda context: KINDS.get(context.meta.key.record_id)

    first = installation.run()
    assert first.count(Outcome.DONE) == 30 - len(KINDS)
    codes = {one.record_id: one.error_code for one in first.records if one.error_code}
    assert list(codes.values()) == ["bad_reply", "busy", "internal", "filtered"]
    for _ in range(2 * MOST):
        installation.later(days=2)
        installation.run()

    heard = Counter(installation.transcriber.heard)
    assert {one: heard[one] for one in KINDS} == STARTS
    assert {heard[one] for one in heard.keys() - KINDS.keys()} == {1}
    dead = {name: row for name, row in rows_of(installation).items() if name in KINDS}
    assert {row.status for row in dead.values()} == {RecordStatus.DEAD}
    attempts = {name: row.stages[StageName.TRANSCRIBE].attempts for name, row in dead.items()}
    assert attempts == STARTS

    installation.transcriber.trouble = lambda context: None
    rows = installation.rows()
    assert [rows.recordings.retry(row.id) for row in dead.values()] == [True] * len(KINDS)
    rows.close()
    assert installation.run().count(Outcome.DONE) == len(KINDS)


@dataclass
class EndsWithTheOthers(RunObserver):
    """Closes the gates once so many records are done."""

    gates: Gates
    others: int
    done: list[str] = field(default_factory=list)

    def record_finished(self, outcome: RecordOutcome) -> None:
        self.done.append(outcome.record_id)
        if len(self.done) == self.others:
            self.gates.close()


def test_row_79_a_record_that_waits_for_better_times_holds_no_slot(tmp_path: Path) -> None:
    """It waits until the others are done: had it kept the only slot, nobody ever would be."""
    gates = Gates(dict.fromkeys(Resource, 1))
    watch = EndsWithTheOthers(gates, others=20)
    metas = [meta(number) for number in range(21)]
    installation = Installation(tmp_path, metas, jobs=2, gates=gates, observer=watch)
    busy = RetryableError("busy", "busy", retry_after_s=100)
    installation.transcriber.trouble = lambda context: (
        busy if context.meta.key == POISON.key else None
    )

    report = installation.run()

    assert POISON.key.record_id in installation.transcriber.heard[:10]  # most came after it
    assert watch.done[-1] == POISON.key.record_id
    assert (report.count(Outcome.DONE), report.count(Outcome.FAILED)) == (20, 1)


# ── records that end the run ─────────────────────────────────────────────────────────────────────


@dataclass
class Kills(RunObserver):
    """Ends the process at a stage of one recording, after `sees` had a look."""

    stage: StageName
    sees: Path

    def stage_started(self, recording_id: int, meta: RecordMeta, stage: StageName) -> None:
        if meta.key == POISON.key and stage is self.stage:
            with self.sees.open("a") as note:
                note.write(f"{recording_id} ")
            os.kill(os.getpid(), signal.SIGKILL)


def end_of(installation: Installation) -> int:
    """Run it in a process of its own: its exit code, or minus the signal that ended it."""
    pid = os.fork()
    if pid == 0:
        code = 99
        try:
            code = installation.run().exit_code
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


@pytest.mark.parametrize("stage", list(StageName))
def test_row_79_an_attempt_is_committed_before_a_stage_that_may_end_the_process(
    tmp_path: Path, stage: StageName
) -> None:
    note = tmp_path / "note"
    installation = Installation(tmp_path, [POISON, meta(1)], observer=Kills(stage, note))
    for attempt in range(1, MOST + 1):
        assert end_of(installation) == KILLED
        entry = rows_of(installation)[POISON.key.record_id].stages[stage]
        assert (entry.status, entry.attempts) == (StageStatus.RUNNING, attempt)

    report = installation.run()

    assert len(note.read_text().split()) == MOST
    [dead] = [one for one in report.records if one.record_id == POISON.key.record_id]
    assert (dead.status, dead.stage, dead.error_code) == (Outcome.FAILED, stage, "crashed")
    assert report.exit_code == exit_codes.RECORDS_FAILED
    row = rows_of(installation)[POISON.key.record_id]
    assert (row.status, row.stages[stage].attempts) == (RecordStatus.DEAD, MOST)
    assert rows_of(installation)[meta(1).key.record_id].status is RecordStatus.DONE


def test_row_79_what_may_have_ended_the_last_run_comes_last_and_in_the_end_alone(
    tmp_path: Path,
) -> None:
    metas = [meta(number) for number in range(12)]
    installation = Installation(tmp_path, metas, jobs=3)
    installation.run(until=StageName.DOWNLOAD)
    rows = installation.rows()
    for number, starts in ((1, 3), (2, 1), (5, 2)):
        for _ in range(starts):
            rows.recordings.begin_stage(number, StageName.TRANSCRIBE, "f")
    rows.close()
    beside: dict[int, int] = {}

    def look(context: StageContext) -> None:
        flying.add(context.recording_id)
        beside[context.recording_id] = len(flying) - 1

    flying: set[int] = set()
    installation.transcriber.trouble = look
    installation.observer = Lands(flying)
    report = installation.run()

    assert report.count(Outcome.DONE) == 12
    assert [one.id for one in report.records][-3:] == [2, 5, 1]
    assert list(beside)[-2:] == [5, 1]
    assert (beside[5], beside[1]) == (0, 0)


@dataclass
class Lands(RunObserver):
    """Takes what is finished out of what is flying."""

    flying: set[int]

    def record_finished(self, outcome: RecordOutcome) -> None:
        self.flying.discard(outcome.id)


def ffmpeg_that_kills_us(folder: Path, victim: str) -> str:
    """A PATH whose ffmpeg ends its parent when it is given that recording."""
    real = require_program("ffmpeg", "ffmpeg")
    folder.mkdir()
    script = folder / "ffmpeg"
    script.write_text(
        f"#!{sys.executable} -IS\nimport os, sys\n"
        f"if any({victim!r} in word for word in sys.argv):\n    os.kill(os.getppid(), 9)\n"
        f"os.execv({real!r}, [{real!r}, *sys.argv[1:]])\n"
    )
    script.chmod(0o700)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def statuses(office: Office) -> dict[str, RecordStatus]:
    with office.database() as rows:
        return {view.record_id: view.status for view in rows.reading.recordings(EVERYBODY)}


def test_row_79_a_recording_that_ends_every_run_is_buried_and_comes_back_when_asked_to(
    office: Office, sandbox: Sandbox, starter: Starter, sounds: Path, tmp_path: Path
) -> None:
    others = range(1, 6)
    sandbox.company.add(*(lesson(number, tone(sounds, number)) for number in others))
    path = ffmpeg_that_kills_us(tmp_path / "bin", record_id(0))
    poisoned = {**office.environment, **BY_FFMPEG, "PATH": path}

    ends = [starter.start(RUN, poisoned).wait() for _ in range(MOST)]
    assert ends == [KILLED] * MOST
    found = statuses(office)
    assert {found[record_id(number)] for number in others} == {RecordStatus.DONE}

    last = starter.start(RUN, poisoned)
    assert last.wait() == exit_codes.RECORDS_FAILED
    [told] = last.report["records"]
    assert (told["record_id"], told["error_code"]) == (record_id(0), "crashed")
    assert statuses(office)[record_id(0)] is RecordStatus.DEAD

    again = starter.start(["retry", "--dead", "--json"], office.environment)
    assert again.wait() == 0
    assert len(again.report["reopened"]) == 1
    assert starter.start(RUN, office.environment).wait() == 0
    assert {row.status for row in office.rows().values()} == {RecordStatus.DONE}
    needed = {(number, place) for number in range(6) for place in BURSTS}
    assert sandbox.ledger.bursts.keys() == needed
    assert sum(sandbox.ledger.bursts.values()) <= len(needed) + MOST * len(BURSTS)
