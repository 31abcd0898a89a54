"""A sandbox with a few short lessons, and installations there to be killed and looked at."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256
from itertools import count
from pathlib import Path

from meeting_pipeline.adapters.downloads.aria2 import LARGE_BYTES
from meeting_pipeline.sandbox.company import Content
from meeting_pipeline.sandbox.faults import Fault, Kind
from meeting_pipeline.sandbox.limits import ROOMY
from meeting_pipeline.sandbox.server import Sandbox
from meeting_pipeline.storage.files import sha256_of
from tests.support import invariants
from tests.support.invariants import Finding, Harm, Truth
from tests.support.night_processes import RUN, NightEnd, NightOrder, NightProcesses
from tests.support.sandbox_installation import Office
from tests.support.short_recordings import (
    BY_FFMPEG,
    SHORT_IS_FINE,
    company,
    large,
    lesson,
    record_id,
    tone,
)
from tests.support.system_programs import require_program

SETTINGS = {
    **SHORT_IS_FINE,
    "ASR_BACKEND": "openai",
    "DOWNLOADER": "aria2",
    "LOG_LEVEL": "error",
    "MAX_ATTEMPTS": "1000",  # a kill counts as an attempt, and we kill often
}

TWO_CONNECTIONS = {"DOWNLOAD_CONNECTIONS": "2"}
"""The setting for aria2, which downloads a large file."""

NEVER = 4e9
"""Unix seconds of what does not happen."""

_numbers = count(1)


@dataclass
class Victim:
    """One installation. folder: its files, its temporary files and what it prints.

    kills: so far. paid_before, violations_before: what the sandbox had counted before it was made.
    """

    folder: Path
    office: Office
    order: NightOrder
    kills: int = 0
    paid_before: int = 0
    violations_before: int = 0

    @property
    def temporary(self) -> Path:
        """Where its temporary files are."""
        return self.folder / "tmp"

    def forget(self) -> None:
        """Remove all of it."""
        shutil.rmtree(self.folder)


@dataclass
class CrashSite:
    """`lessons` recordings and one that the source has not finished.

    template: a DATA_DIR to begin with, None for none.
    changes: of the settings. before_each: called before an installation is made.
    ffmpeg: whether nights need it, and find it on the path; without it they take half the time.
    """

    sandbox: Sandbox
    processes: NightProcesses
    folder: Path
    lessons: int
    words: Sequence[str] = RUN
    template: Path | None = None
    changes: Mapping[str, str] = field(default_factory=dict)
    before_each: Callable[[], object] = lambda: None
    ffmpeg: bool = False
    truth: Truth = field(init=False)

    def __post_init__(self) -> None:
        self.truth = self._undisturbed()

    def paid_calls(self) -> int:
        """How many calls of services were answered so far."""
        return invariants.paid_calls(self.sandbox)

    def media(self) -> Mapping[str, str]:
        """The digest of each finished recording's file, by its record id."""
        digests = {
            file.record_file_id: _digest(file.video or file.audio)
            for record in self.sandbox.company.records()
            for file in record.files
        }
        return {one: digests[one] for one in map(record_id, range(self.lessons))}

    def victim(self) -> Victim:
        """A new installation."""
        self.before_each()
        folder = self.folder / f"victim{next(_numbers)}"
        needs = BY_FFMPEG if self.ffmpeg else {}
        changes = {**SETTINGS, **needs, **self.changes}
        office = Office(self.sandbox, folder / "data", changes=changes)
        if self.template:
            shutil.copytree(self.template, office.folder)
        where = {"TMPDIR": str(folder / "tmp"), "PATH": self._path()}
        order = NightOrder(folder, {**office.environment, **where}, self.words)
        paid, broken = self.paid_calls(), len(self.sandbox.ledger.violations)
        victim = Victim(folder, office, order, paid_before=paid, violations_before=broken)
        victim.temporary.mkdir(parents=True)
        return victim

    def harm(self, victim: Victim, in_flight: int = 1) -> list[Finding]:
        """What is wrong after one more night, which begins at once.

        in_flight: how many calls one kill may have interrupted.
        """
        found = list(invariants.secrets_in_files(victim.folder))
        last = self.processes.run(victim.order)
        return [*found, *self.harm_after(victim, last, in_flight)]

    def harm_after(self, victim: Victim, last: NightEnd, in_flight: int = 1) -> list[Finding]:
        """What is wrong now that the `last` night was not disturbed."""
        office, truth = victim.office, self.truth
        violations = self.sandbox.ledger.violations[victim.violations_before :]
        paid = self.paid_calls() - victim.paid_before
        with office.database() as rows:
            in_rows = [
                *invariants.harm_to_rows(office, rows, truth),
                *invariants.harm_to_folder(office, rows),
                *invariants.secrets_in_rows(rows),
            ]
        return [
            *invariants.harm_to_report(last),
            *in_rows,
            *invariants.left_in(victim.temporary),
            *invariants.harm_to_purse(paid, truth, victim.kills * in_flight),
            *invariants.secrets_in_files(victim.folder),
            *(Finding(Harm.ORPHAN, command) for command in self.processes.orphans()),
            *(Finding(Harm.LOST, str(broken)) for broken in violations),
        ]

    def _path(self) -> str:
        programs = self.folder / "programs"
        programs.mkdir(exist_ok=True)
        packages = {"aria2c": "aria2", **({"ffmpeg": "ffmpeg"} if self.ffmpeg else {})}
        for name, package in packages.items():
            program, found = programs / name, require_program(name, package)
            if not program.exists():
                program.symlink_to(found)
        return str(programs)

    def _undisturbed(self) -> Truth:
        unfinished = {
            record.files[0].record_file_id: datetime.fromtimestamp(record.started_at, UTC)
            for record in self.sandbox.company.records()
            if record.ready_at == NEVER
        }
        self.truth = Truth({}, {}, {}, 0)
        victim = self.victim()
        began = time.monotonic()
        ended = self.processes.run(victim.order)
        seconds = time.monotonic() - began
        assert ended.code == 0, ended.err
        media = self.media()
        details = {one: victim.office.detail(one) for one in media}
        truth = Truth(
            media=media,
            minutes={one: (detail.transcript, detail.summary) for one, detail in details.items()},
            unfinished=unfinished,
            paid=self.paid_calls() - victim.paid_before,
            seconds=seconds,
        )
        assert all(None not in texts for texts in truth.minutes.values())
        victim.forget()
        return truth


def _digest(content: Content | None) -> str:
    assert content is not None
    return sha256(content).hexdigest() if isinstance(content, bytes) else sha256_of(content)


@contextmanager
def sandbox_with(lessons: int, sounds: Path) -> Iterator[Sandbox]:
    """A sandbox with so many finished lessons and one unfinished."""
    finished = [lesson(number, tone(sounds, number)) for number in range(lessons)]
    unfinished = replace(lesson(lessons, tone(sounds, 0)), ready_at=NEVER)
    with Sandbox(company(*finished, unfinished), limits=ROOMY) as sandbox:
        yield sandbox


@contextmanager
def sandbox_with_a_large_file(sounds: Path) -> Iterator[Sandbox]:
    """A sandbox with one lesson that aria2 downloads, slowly enough to be killed meanwhile."""
    slow = Fault(Kind.THROTTLE, "media", record_id(0), amount=24 << 20)
    with Sandbox(company(lesson(0, large(tone(sounds), LARGE_BYTES))), limits=ROOMY) as sandbox:
        sandbox.faults.add(slow)
        yield sandbox
