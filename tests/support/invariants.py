"""What must be true of an installation after any fault and one night without: I1 to I9.

I1 every listed recording has one row    I6 no call is paid twice, but one that a kill cut off
I2 and is done                           I7 the watermark is behind what is unfinished
I3 with the minutes it should have       I8 exit code and report tell what happened
I4 statistics are those of the rows      I9 no secret is anywhere
I5 no file and no process is left over
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from sqlalchemy import select

from meeting_pipeline.adapters.db.database import Database
from meeting_pipeline.adapters.db.schema import metadata
from meeting_pipeline.domain.model import Summary, Transcript
from meeting_pipeline.domain.retention import TEXTS_REMOVED
from meeting_pipeline.domain.stages import RecordStatus, StageName
from meeting_pipeline.domain.views import RecordingDetail, RecordingFilter, RecordingView
from meeting_pipeline.sandbox.server import Sandbox
from meeting_pipeline.storage.files import sha256_of
from tests.support import canaries
from tests.support.night_processes import NightEnd
from tests.support.sandbox_installation import Office

_RECORD = r"(tencent/\d+|folder/[0-9a-f]{64})"
_OURS = (
    re.compile(r"meeting\.db(-wal|-shm)?"),
    re.compile(r"run\.lock"),
    re.compile(r"logs/\w+\.log"),
    re.compile(r"rates/[\w-]+\.jsonl(\.lock)?"),
    re.compile(r"folder-index\.json"),
    re.compile(rf"recordings/{_RECORD}/calls/[0-9a-f]{{64}}\.json"),
    re.compile(rf"recordings/{_RECORD}/audio\.levels"),
)


class Harm(StrEnum):
    """What may be wrong, one column of the table each."""

    LOST = "lost"
    DUPLICATE = "duplicate"
    TORN = "torn"
    ORPHAN = "orphan"
    PAID_TWICE = "paid twice"
    SECRET = "secrets found"


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong."""

    harm: Harm
    what: str

    def __str__(self) -> str:
        return f"{self.harm}: {self.what}"


@dataclass(frozen=True)
class Truth:
    """What one undisturbed night makes of the same recordings.

    media: the digest of each finished recording's file. minutes: its texts. unfinished: recordings
    that the source has not finished, and when they began. paid: calls of services in all.
    seconds: how long that night took.
    """

    media: Mapping[str, str]
    minutes: Mapping[str, tuple[Transcript | None, Summary | None]]
    unfinished: Mapping[str, datetime]
    paid: int
    seconds: float = 0.0


def paid_calls(sandbox: Sandbox) -> int:
    """How many transcriptions and chats were answered so far."""
    return sum(sandbox.ledger.uploads.values()) + sum(sandbox.ledger.chats.values())


def harm_to_rows(office: Office, rows: Database, truth: Truth) -> Iterator[Finding]:
    """I1 to I4 and I7."""
    views = rows.reading.recordings(RecordingFilter())
    for record_id, number in Counter(view.record_id for view in views).items():
        if number > 1:
            yield Finding(Harm.DUPLICATE, f"{record_id} has {number} rows")
    by_id = {view.record_id: view for view in views}
    for record_id in truth.media:
        yield from _harm_to_recording(rows, by_id.get(record_id), record_id, truth, office)
    for record_id in truth.unfinished:
        view = by_id.get(record_id)
        if view and view.status is not RecordStatus.WAITING:
            yield Finding(Harm.TORN, f"{record_id} is {view.status} before it is finished")
    for pair in rows.stats.differences():
        yield Finding(Harm.DUPLICATE, f"statistics {pair[0]}, recomputed {pair[1]}")
    watermark = rows.runs.watermark("tencent")
    if watermark and any(watermark > began for began in truth.unfinished.values()):
        yield Finding(Harm.LOST, f"the watermark {watermark} is ahead of what is unfinished")


def _harm_to_recording(
    rows: Database, view: RecordingView | None, record_id: str, truth: Truth, office: Office
) -> Iterator[Finding]:
    detail = rows.reading.show(view.id) if view else None
    if view is None or detail is None:
        yield Finding(Harm.LOST, f"{record_id} has no row")
        return
    stages = {name: entry.status for name, entry in view.stages.items()}
    if view.status is not RecordStatus.DONE or list(stages) != list(StageName):
        yield Finding(Harm.LOST, f"{record_id} is {view.status}, its stages {stages}")
    if (detail.transcript, detail.summary) != _minutes_of(view, truth):
        yield Finding(Harm.TORN, f"{record_id} has other texts than it should have")
    yield from _harm_to_files(detail, truth.media[record_id], office)


def _minutes_of(view: RecordingView, truth: Truth) -> tuple[Transcript | None, Summary | None]:
    """What it should have: of a transcript that was removed on purpose, all but what was said."""
    transcript, summary = truth.minutes[view.record_id]
    if view.skip_reason == TEXTS_REMOVED and transcript is not None:
        transcript = replace(transcript, segments=())
    return transcript, summary


def _harm_to_files(detail: RecordingDetail, media: str, office: Office) -> Iterator[Finding]:
    """Every file that a stage left is what its ledger says, and the media is the source's."""
    view = detail.recording
    folder = office.folder / "recordings" / view.source / view.record_id
    for stage, entry in view.stages.items():
        if not entry.artifact:
            continue
        path = folder / entry.artifact.name
        if path.exists() and sha256_of(path) != entry.artifact.sha256:
            yield Finding(Harm.TORN, f"{path.name} of {view.record_id} is not what was made")
        if stage is StageName.DOWNLOAD and entry.artifact.sha256 != media:
            yield Finding(Harm.TORN, f"{view.record_id} was made from other media")
    if not (folder / "summary.md").exists():
        yield Finding(Harm.LOST, f"{view.record_id} has no summary.md")


def harm_to_folder(office: Office, rows: Database) -> Iterator[Finding]:
    """I5: no file but those that belong there."""
    views = rows.reading.recordings(RecordingFilter())
    artifacts = {
        f"recordings/{view.source}/{view.record_id}/{entry.artifact.name}"
        for view in views
        for entry in view.stages.values()
        if entry.artifact
    }
    for path in sorted(office.folder.rglob("*")):
        name = str(path.relative_to(office.folder))
        belongs = name in artifacts or any(ours.fullmatch(name) for ours in _OURS)
        if path.is_file() and not belongs:
            yield Finding(Harm.ORPHAN, f"{name} is left over")


def left_in(temporary: Path) -> Iterator[Finding]:
    """I5, of the folder for temporary files."""
    for path in sorted(temporary.rglob("*")):
        if path.is_file():
            name = path.relative_to(temporary)
            yield Finding(Harm.ORPHAN, f"{name} is left among the temporary files")


def harm_to_report(last: NightEnd) -> Iterator[Finding]:
    """I8, of the night after the fault: nothing fails there."""
    if last.code != 0:
        yield Finding(Harm.LOST, f"the next night ends with {last.code}: {last.err[-500:]}")
        return
    told = last.report
    outcomes = sum(told[word] for word in ("done", "failed", "skipped", "deferred"))
    adds_up = told["listed"] == told["new"] + told["known"] and told["due"] == outcomes
    if not adds_up or told["failed"] or told["deferred"] or told["exit_code"]:
        yield Finding(Harm.LOST, f"the report does not add up: {last.out[:500]}")


def harm_to_purse(paid: int, truth: Truth, interrupted: int) -> Iterator[Finding]:
    """I6. paid: answered calls. interrupted: how many of them may have been lost on their way."""
    if paid > truth.paid + interrupted:
        yield Finding(Harm.PAID_TWICE, f"{paid} calls, {truth.paid} needed, {interrupted} excused")


def secrets_in_files(folder: Path) -> Iterator[Finding]:
    """I9, of everything below a folder: output, logs, the embedded database, what else is there."""
    return (Finding(Harm.SECRET, found) for found in canaries.found_in_files(folder))


def secrets_in_rows(rows: Database) -> Iterator[Finding]:
    """I9, of every value of every table."""
    with rows.engine.connect() as connection:
        for table in metadata.sorted_tables:
            for row in connection.execute(select(table)):
                for kind in canaries.found_in(repr(tuple(row)).encode()):
                    yield Finding(Harm.SECRET, f"{kind} in table {table.name}")
