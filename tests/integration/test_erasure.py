"""One student is erased: rows, files, logs and free pages hold nothing of them any more."""

import gzip
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import pytest

from meeting_pipeline.adapters.db import engine
from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.domain.model import Audio, Participant, RecordMeta, Segment, Transcript
from meeting_pipeline.domain.views import RecordingFilter
from meeting_pipeline.errors import FatalError, UsageError
from meeting_pipeline.ports.stage_context import StageContext
from meeting_pipeline.storage.files import RecordFolder
from meeting_pipeline.storage.paid_calls import PaidCalls
from meeting_pipeline.upkeep.erasure import Erased, Erasure
from tests.support.crash import killed_at
from tests.support.fakes import FakeTranscriber, meta
from tests.support.nights import Installation

STUDENT, NAME, CANARY = "stu_zhao", "赵小花", "我的手机号是一三八零零"
OTHER = "stu_qian"
EVERY = 5  # a fifth of the steps on every run; `make faults` takes them all


def of(number: int, *students: tuple[str, str]) -> RecordMeta:
    teacher = Participant("teacher_li", "李老师")
    people = [Participant(person, name) for person, name in students]
    names = "、".join(name for _, name in students)
    return meta(number, participants=(teacher, *people), subject=f"{names}的课")


ALONE = of(0, (STUDENT, NAME))
SHARED = of(1, (STUDENT, NAME), (OTHER, "钱多多"))
OTHERS = of(2, (OTHER, "钱多多"))


@dataclass
class Tape(FakeTranscriber):
    """What was said in the student's lessons must not be found anywhere afterwards."""

    def transcribe(self, audio: Audio, context: StageContext) -> Transcript:
        theirs = any(one.person == STUDENT for one in context.meta.participants or ())
        said = CANARY if theirs else "今天改简历。"
        answer = f'{{"text": "{said}"}}'.encode()
        PaidCalls(context.folder).remember("c" * 64, lambda keep: keep(answer))
        line = Segment(0.0, 5.0, said, NAME if theirs else "钱多多")
        return Transcript("zh", "fake", self.settings, (line,), audio.duration_s, 1.0)


@dataclass
class Office(Installation):
    """An installation with logs, over three lessons."""

    metas: list[RecordMeta] = field(default_factory=lambda: [ALONE, SHARED, OTHERS])
    transcriber: FakeTranscriber = field(default_factory=Tape)

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    def erasure(self, rows: Database) -> Erasure:
        return Erasure(rows.erasure, rows.stats, self.folder, (self.logs,))

    def erase(self, student: str = STUDENT) -> Erased:
        rows = self.rows()
        try:
            return self.erasure(rows).erase(student)
        finally:
            rows.close()

    def with_traces(self) -> "Office":
        """A night is done, and has left its lines and copies."""
        self.folder.mkdir(exist_ok=True)
        assert self.run().exit_code == 0
        self.logs.mkdir()
        line = f"listed {NAME}.mp4\n#1 is {ALONE.key}\n#3 is {OTHERS.key}\n"
        (self.logs / "record_worker.log").write_text(line, "utf-8")
        (self.logs / "record_worker.log.1").write_text(f'{{"who": "{STUDENT}"}}\nkept\n', "utf-8")
        (self.logs / "cron.out").write_text(f"#1 {NAME} done\nkept\n", "utf-8")
        (self.logs / "old.log.2.gz").write_bytes(gzip.compress(f"{NAME}\nkept\n".encode()))
        (self.folder / "folder-index.json").write_text(f'{{"{NAME}.mp4": 1}}', "utf-8")
        return self

    def holds(self) -> Iterator[str]:
        """Every file below the installation that has a trace of the student in its bytes."""
        words = [STUDENT, NAME, CANARY, ALONE.key.record_id]
        sought = [form for word in words for form in (word.encode(), ascii(word)[1:-1].encode())]
        for path in sorted(self.folder.rglob("*")):
            if path.is_file():
                content = path.read_bytes()
                content += gzip.decompress(content) if path.suffix == ".gz" else b""
                if any(form in content for form in sought):
                    yield str(path.relative_to(self.folder))


@pytest.fixture
def office(tmp_path: Path) -> Office:
    return Office(tmp_path / "office").with_traces()


def test_what_is_looked_for_is_there_before(office: Office) -> None:
    found = list(office.holds())

    assert {"meeting.db", "folder-index.json", "logs/old.log.2.gz"} <= {*found, "meeting.db"}
    assert len([path for path in found if path.startswith("recordings/")]) >= 6


def test_security_09_nothing_of_a_student_is_left_in_rows_free_pages_files_and_logs(
    office: Office,
) -> None:
    done = office.erase()

    assert list(office.holds()) == []
    assert done.remnants == []
    assert (done.scope.whole, done.scope.shared) == ((ALONE.key,), (SHARED.key,))
    assert (len(done.files), done.log_lines) == (14, 5)
    assert not list((office.folder / "erasing").iterdir())
    assert (office.logs / "record_worker.log").read_text() == f"#3 is {OTHERS.key}\n"
    assert (office.logs / "cron.out").read_text() == "kept\n"
    assert gzip.decompress((office.logs / "old.log.2.gz").read_bytes()) == b"kept\n"


def test_the_parts_and_temporary_copies_of_texts_go_too(office: Office) -> None:
    left = ("folder-index.json.part", "transcripts.part", "folder-index.json.tmp")
    for name in left:
        (office.folder / name).write_text(json.dumps({f"{STUDENT}.mp3": {}}), "utf-8")
    log = office.logs / "record_worker.log.part"
    log.write_text(f"{STUDENT}\n", "utf-8")

    assert office.erase().remnants == []

    assert list(office.holds()) == []
    assert [name for name in left if (office.folder / name).exists()] == []


def test_the_lessons_of_others_stay_whole(office: Office) -> None:
    folder = RecordFolder(office.folder / "recordings", OTHERS.key).path
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    office.erase()

    assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before
    rows = office.rows()
    assert [one.record_cnt for one in rows.reading.stats(OTHER)] == [2]
    assert rows.stats.differences() == []
    rows.close()


def test_security_09_the_next_nights_bring_nothing_back(office: Office) -> None:
    office.erase()
    office.transcriber.settings = "fake model-2"

    report = office.run(everywhere=False)

    assert (report.exit_code, report.listed, report.new) == (0, 3, 0)
    assert [one.record_id for one in report.records] == [OTHERS.key.record_id]
    assert list(office.holds()) == []


def test_a_dry_run_says_it_all_and_touches_nothing(office: Office) -> None:
    before = {path: path.stat().st_mtime_ns for path in office.folder.rglob("*.*")}
    rows = office.rows()
    plan = office.erasure(rows).plan(STUDENT)
    rows.close()
    done = office.erase()

    assert (plan.scope, plan.files, plan.log_lines) == (done.scope, done.files, done.log_lines)
    kept = [path for path in before if path.exists() and "recordings" in path.parts]
    assert all(path.stat().st_mtime_ns == before[path] for path in kept)


def test_erased_again_is_fine_and_a_stranger_is_said(office: Office) -> None:
    office.erase()
    again = office.erase()

    assert (again.scope.keys, again.files, again.remnants) == ((), [], [])
    for wrong, code in (("stu_nobody", "no_such_student"), ("teacher_li", "not_a_student")):
        with pytest.raises(UsageError) as refusal:
            office.erase(wrong)
        assert refusal.value.code == code


def test_a_name_in_the_lesson_of_another_is_pointed_to_and_left(tmp_path: Path) -> None:
    office = Office(tmp_path / "office", [ALONE, of(2, (OTHER, f"{NAME}的妹妹"))]).with_traces()

    done = office.erase()

    places = {one.where for one in done.remnants}
    assert {"attendance.name", "recordings.subject"} <= places
    assert any(place.startswith("recordings/fake/") for place in places)


def test_a_reader_that_holds_old_pages_is_said_and_the_same_command_completes_it(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_BUSY_S", 0.1)
    reader = office.rows()
    with reader.engine.execution_options(meeting_read_only=True).connect() as reading:
        reading.exec_driver_sql("SELECT COUNT(*) FROM recordings").scalar()
        with pytest.raises(FatalError) as busy:
            office.erase()
    reader.close()
    assert busy.value.code == "database_busy"

    assert office.erase().scope.whole == (ALONE.key,)
    assert list(office.holds()) == []


def test_killed_at_any_step_it_is_completed_by_the_same_command(tmp_path: Path) -> None:
    template = Office(tmp_path / "template").with_traces().folder
    killed = 0
    for step in count(1, EVERY):
        office = Office(tmp_path / str(step))
        shutil.copytree(template, office.folder)
        if not killed_at(step, office.erase):
            break
        killed += 1
        office.erase()
        assert list(office.holds()) == [], f"killed at step {step}"
        rows = office.rows()
        views = rows.reading.recordings(RecordingFilter())
        assert {view.record_id for view in views} == {SHARED.key.record_id, OTHERS.key.record_id}
        assert rows.stats.differences() == []
        rows.close()
    assert killed > 8
