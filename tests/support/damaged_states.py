"""A museum of damaged installations, built by code, and what doctor and repair must say of each.

Every exhibit begins as a sound installation of two recordings that has come so far (`Base`).
"""

import json
import os
import shutil
import socket
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from sqlalchemy import text

from meeting_pipeline.domain.retention import Cutoffs, RetainedKind
from meeting_pipeline.domain.stages import StageName
from meeting_pipeline.wiring import backends, stores
from tests.support.lessons import record_id
from tests.support.offices import Office

HASH = "c" * 64
FOREIGN = b"somebody else's \xe6\x96\x87\xe4\xbb\xb6"


class Base(StrEnum):
    """The command that an installation had come from before the damage."""

    FETCHED = "fetch"
    DOWNLOADED = "download"
    HEARD = "transcribe"
    DONE = "run"


@dataclass
class Place:
    """An installation to be damaged. cwd: where its commands run. foreign: what must not change."""

    office: Office
    cwd: Path
    foreign: dict[Path, bytes] = field(default_factory=dict)

    @property
    def data(self) -> Path:
        return self.office.folder

    def folder(self, number: int = 0) -> Path:
        """The folder of a recording."""
        return self.data / "recordings" / "tencent" / record_id(number)

    def number(self, number: int = 0) -> int:
        """Our own number of a recording."""
        with self.office.database() as rows:
            found = rows.reading.find(record_id(number))
        assert found is not None
        return found

    def sql(self, *statements: str) -> None:
        """Change the rows behind the program's back."""
        with (
            stores.raw_database(self.office.settings) as rows,
            rows.engine.begin() as connection,
        ):
            for statement in statements:
                connection.execute(text(statement))

    def put(self, path: Path) -> None:
        """Somebody else's file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(FOREIGN)
        self.foreign[path] = FOREIGN

    def link(self, path: Path, target: Path) -> None:
        """Somebody plants a link in the place of what is there."""
        if path.is_dir():
            shutil.move(path, target)
        else:
            path.unlink(missing_ok=True)
            self.put(target)
        path.symlink_to(target)


Found = dict[tuple[str, str], int]
"""How many findings there are of each kind and verdict."""


@dataclass(frozen=True)
class Exhibit:
    """One damaged state.

    red: the checks of `meeting doctor` that are. found: what `--repair` finds; after: what it finds
    the next time, without what was repaired; shown: what `--dry-run` sees, where that is less.
    in_rows: whether it concerns rows, so that it is tried on a server, too.
    """

    damage: Callable[[Place], object]
    base: Base
    red: frozenset[str]
    found: Found
    after: Found | None = None
    shown: Found | None = None
    in_rows: bool = False

    @property
    def name(self) -> str:
        return self.damage.__name__.replace("_", " ")

    @property
    def is_mended(self) -> bool:
        """Whether anything of it is repaired."""
        return any(verdict == "repair" for _, verdict in self.found)

    @property
    def is_hopeless(self) -> bool:
        """Whether the operator has to do something before the next night."""
        blocking = {"data_dir_unusable", "database_damaged", "schema_new"}
        return any(kind in blocking for kind, _ in self.found)

    @property
    def left(self) -> Found:
        """What the second repair finds."""
        if self.after is not None:
            return self.after
        return {key: count for key, count in self.found.items() if key[1] != "repair"}


MUSEUM: list[Exhibit] = []


def repairable(**kinds: int) -> Found:
    return {(kind, "repair"): count for kind, count in kinds.items()}


def left_alone(**kinds: int) -> Found:
    return {(kind, "left_alone"): count for kind, count in kinds.items()}


def needs_you(**kinds: int) -> Found:
    return {(kind, "needs_you"): count for kind, count in kinds.items()}


def exhibit(
    base: Base,
    found: Found,
    *red: str,
    after: Found | None = None,
    shown: Found | None = None,
    in_rows: bool = False,
) -> Callable[[Callable[[Place], object]], Callable[[Place], object]]:
    """Put a state into the museum."""

    def put(damage: Callable[[Place], object]) -> Callable[[Place], object]:
        MUSEUM.append(Exhibit(damage, base, frozenset(red), found, after, shown, in_rows))
        return damage

    return put


# ── half-written ─────────────────────────────────────────────────────────────────────────────────


@exhibit(Base.FETCHED, {})
def half_a_download_that_the_next_attempt_goes_on_with(place: Place) -> None:
    place.folder().mkdir(mode=0o700, parents=True)
    for folder in (place.data / "recordings", place.folder().parent):
        folder.chmod(0o700)
    for name in ("recording.m4a.part", "recording.m4a.part.json"):
        written(place.folder() / name)


@exhibit(Base.DONE, repairable(leftover=4), "damage")
def half_a_download_of_what_is_done(place: Place) -> None:
    for end in ("", ".json", ".aria2", ".aria2__temp"):
        written(place.folder() / f"recording.m4a.part{end}")


@exhibit(Base.DONE, repairable(leftover=6), "damage")
def half_written_texts(place: Place) -> None:
    for name in ("audio.mp3", "transcript.json", "summary.json", "summary.md"):
        written(place.folder() / f"{name}.part")
    (place.data / "transcripts").mkdir(mode=0o700)
    written(place.data / "transcripts" / f"{record_id(0)}.txt")
    written(place.data / "folder-index.json.part")


@exhibit(Base.HEARD, repairable(leftover=1), "damage")
def half_an_answer_to_a_call_that_is_never_made_again(place: Place) -> None:
    written(place.folder() / "calls" / f"{HASH}.json.part")


@exhibit(Base.DONE, repairable(file_lost=3), "damage", after=left_alone(foreign=3), in_rows=True)
def torn_texts_of_what_is_done(place: Place) -> None:
    for name in ("transcript.json", "summary.json", "summary.md"):
        path = place.folder() / name
        path.write_bytes(path.read_bytes()[:-9])


@exhibit(
    Base.HEARD,
    repairable(file_lost=1),
    "damage",
    after=left_alone(not_in_ledger=1),
    in_rows=True,
)
def a_torn_transcript_that_is_to_be_summarized(place: Place) -> None:
    path = place.folder() / "transcript.json"
    path.write_bytes(path.read_bytes()[:-9])


@exhibit(Base.DONE, repairable(file_lost=1), after=left_alone(foreign=1))
def a_page_changed_by_hand_to_the_same_size(place: Place) -> None:
    """Which a glance at names and sizes does not see."""
    path = place.folder() / "summary.md"
    path.write_bytes(path.read_bytes()[:-2] + b"!\n")


# ── the ledger ahead of the files ────────────────────────────────────────────────────────────────


@exhibit(
    Base.DONE,
    repairable(file_lost=3) | left_alone(file_lost=1),
    "damage",
)
def a_folder_that_is_gone(place: Place) -> None:
    shutil.rmtree(place.folder())


@exhibit(Base.HEARD, left_alone(file_lost=1))
def audio_that_is_gone_after_it_was_heard(place: Place) -> None:
    (place.folder() / "audio.m4a").unlink()


@exhibit(
    Base.DOWNLOADED,
    repairable(file_lost=2),
    "damage",
    after=left_alone(not_in_ledger=1),
)
def media_that_is_gone_or_shorter_before_it_was_heard(place: Place) -> None:
    (place.folder(0) / "recording.m4a").unlink()
    media = place.folder(1) / "recording.m4a"
    media.write_bytes(media.read_bytes()[:-100])


@exhibit(Base.DONE, {})
def files_removed_by_retention(place: Place) -> None:
    with place.office.database() as rows:
        retention = stores.retention(place.office.settings, rows)
        now = backends.utc_now()
        assert retention.remove(retention.due(Cutoffs(now, now))).count(RetainedKind.AUDIO) == 2


@exhibit(Base.DONE, {}, in_rows=True)
def transcripts_removed_by_age(place: Place) -> None:
    with place.office.database() as rows:
        retention = stores.retention(place.office.settings, rows)
        now = backends.utc_now()
        due = retention.due(Cutoffs(now, now, texts=now), [RetainedKind.TEXTS])
        assert len(retention.remove(due).removed) == 2


@exhibit(Base.DONE, needs_you(texts_half_removed=2), "damage", in_rows=True)
def a_removal_of_transcripts_that_was_broken_off(place: Place) -> None:
    with place.office.database() as rows:
        rows.retention.forget([place.number(0), place.number(1)])
    (place.folder() / "transcript.json").unlink()


@exhibit(
    Base.DONE,
    repairable(rows_lost=1),
    "damage",
    after=left_alone(not_in_ledger=1),
    in_rows=True,
)
def rows_without_the_texts_that_they_should_have(place: Place) -> None:
    place.sql(f"DELETE FROM transcripts WHERE recording_id = {place.number()}")


@exhibit(
    Base.DONE,
    repairable(rows_lost=1, file_lost=2),
    "damage",
    after=left_alone(not_in_ledger=1),
)
def texts_that_are_gone_in_rows_and_files(place: Place) -> None:
    place.sql(f"DELETE FROM summaries WHERE recording_id = {place.number()}")
    for name in ("transcript.json", "summary.json"):
        (place.folder() / name).unlink()


# ── files ahead of the ledger ────────────────────────────────────────────────────────────────────


@exhibit(Base.DONE, left_alone(foreign=2))
def folders_that_no_row_knows(place: Place) -> None:
    place.put(place.data / "recordings" / "tencent" / "999" / "transcript.json")
    place.put(place.data / "recordings" / "zoom" / "1" / "recording.mp4.part")


@exhibit(Base.HEARD, left_alone(not_in_ledger=2))
def files_that_the_ledger_does_not_know(place: Place) -> None:
    written(place.folder() / "summary.json")
    place.put(place.folder() / "audio.wav")


@exhibit(Base.DONE, left_alone(foreign=1))
def a_database_that_is_gone(place: Place) -> None:
    for path in place.data.glob("meeting.db*"):
        path.unlink()


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────

OLDER = (
    "ALTER TABLE stage_ledger DROP COLUMN file_removed_at",
    "DROP TABLE erased",
    "UPDATE alembic_version SET version_num = '0002'",
)


@exhibit(
    Base.DONE,
    repairable(schema_old=1) | left_alone(file_lost=2),
    "database_schema",
    shown=repairable(schema_old=1),
    in_rows=True,
)
def an_older_schema(place: Place) -> None:
    """It does not know yet that the media was removed by retention."""
    index = "DROP INDEX stage_ledger_by_file"
    server = " ON stage_ledger" if place.office.settings.database.host else ""
    place.sql(index + server, *OLDER)


@exhibit(Base.DONE, needs_you(schema_new=1), "database_schema", in_rows=True)
def a_newer_schema(place: Place) -> None:
    place.sql("UPDATE alembic_version SET version_num = '9999'")


@exhibit(Base.DONE, repairable(statistics=1), "damage", in_rows=True)
def statistics_that_differ_from_the_rows(place: Place) -> None:
    place.sql("UPDATE student_stats SET record_cnt = record_cnt + 1")


@exhibit(Base.DONE, repairable(run_open=2), "damage", in_rows=True)
def runs_whose_process_was_killed(place: Place) -> None:
    with place.office.database() as rows:
        rows.runs.start("cron", None)
        rows.runs.start("run", None)


@exhibit(Base.HEARD, repairable(stage_running=1, run_open=1), "damage", in_rows=True)
def an_attempt_whose_process_was_killed(place: Place) -> None:
    number = place.number()
    with place.office.database() as rows:
        rows.runs.start("run", None)
        rows.recordings.begin_stage(number, StageName.SUMMARIZE, HASH)


@exhibit(Base.DONE, needs_you(database_damaged=1), "damage")
def a_database_with_a_broken_page(place: Place) -> None:
    backed_up(place)
    damaged(place.data / "meeting.db", page=4)


@exhibit(Base.DONE, needs_you(database_damaged=1), "database")
def a_database_that_is_none(place: Place) -> None:
    backed_up(place)
    damaged(place.data / "meeting.db", page=0)


@exhibit(Base.DONE, needs_you(database_damaged=1), "damage")
def a_broken_database_whose_journal_was_left(place: Place) -> None:
    backed_up(place)
    journal_left(place)
    damaged(place.data / "meeting.db", page=4)


@exhibit(Base.DONE, {})
def a_database_whose_journal_was_left(place: Place) -> None:
    journal_left(place)


# ── the data folder and modes ────────────────────────────────────────────────────────────────────


@exhibit(Base.DONE, repairable(data_dir_missing=1))
def a_data_folder_that_is_gone(place: Place) -> None:
    """Which doctor makes anew, as every command does."""
    shutil.rmtree(place.data)


@exhibit(Base.DONE, needs_you(data_dir_unusable=1), "data_dir", "database")
def a_data_folder_that_is_a_file(place: Place) -> None:
    shutil.rmtree(place.data)
    place.data.write_bytes(FOREIGN)


@exhibit(Base.DONE, repairable(permissions=1), "data_dir", "database")
def a_data_folder_that_everybody_may_write_to(place: Place) -> None:
    place.data.chmod(0o777)


@exhibit(Base.DONE, repairable(permissions=6), "damage")
def files_and_folders_of_ours_with_other_modes(place: Place) -> None:
    (place.data / "meeting.db").chmod(0o644)
    (place.data / "recordings").chmod(0o755)
    place.folder().chmod(0o500)
    (place.folder() / "calls").chmod(0o770)
    (place.folder() / "transcript.json").chmod(0o604)
    (place.folder() / "summary.md").chmod(0o400)


@exhibit(Base.DONE, repairable(env_file_open=1), "env_file")
def keys_that_others_can_read(place: Place) -> None:
    (place.cwd / ".env").write_text("LOG_LEVEL=error\n")
    (place.cwd / ".env").chmod(0o644)


# ── what others did ──────────────────────────────────────────────────────────────────────────────


@exhibit(Base.DONE, left_alone(foreign=8))
def foreign_files(place: Place) -> None:
    for path in (
        place.data / "notes.txt",
        place.data / "meeting.db.old",
        place.data / "logs" / "mine.log",
        place.data / "recordings" / "readme.part",
        place.folder() / "my notes.part",
        place.folder() / "transcript.txt",
        place.folder() / "extra" / "audio.mp3.part",
        place.folder() / "calls" / "mine.json.part",
    ):
        place.put(path)
        path.chmod(0o644)
    for made in (place.data / "logs", place.folder() / "extra"):
        made.chmod(0o700)


@exhibit(
    Base.DONE,
    repairable(file_lost=1) | left_alone(foreign=4),
    "damage",
    after=left_alone(foreign=4),
)
def links_planted_at_our_names(place: Place) -> None:
    elsewhere = place.cwd / "elsewhere"
    place.link(place.folder() / "summary.md", elsewhere / "victim")
    place.link(place.folder() / "summary.json.part", elsewhere / "part")
    place.link(place.folder() / "calls" / f"{HASH}.json.part", elsewhere / "answer")
    place.link(place.folder(1), elsewhere / "folder")
    (elsewhere / "folder" / "transcript.json").unlink()  # which is not for us to make again there
    path = elsewhere / "folder" / "summary.json.part"
    place.put(path)


@exhibit(Base.DONE, needs_you(erasure_broken_off=1), "erasures")
def an_erasure_that_was_broken_off(place: Place) -> None:
    place.put(place.data / "erasing" / f"{HASH}.json")
    for made in (place.data / "erasing", place.data / "erasing" / f"{HASH}.json"):
        made.chmod(0o700 if made.is_dir() else 0o600)


@exhibit(Base.DONE, {})
def the_lock_file_of_a_killed_run(place: Place) -> None:
    with subprocess.Popen(["true"]) as dead:
        pass
    holder = {"command": "cron", "pid": dead.pid, "host": socket.gethostname(), "since": "then"}
    (place.data / "run.lock").write_text(json.dumps(holder))


@exhibit(Base.DONE, {})
def the_lock_file_of_a_killed_run_whose_number_lives_again(place: Place) -> None:
    holder = {"command": "cron", "pid": os.getpid(), "host": socket.gethostname(), "since": "then"}
    (place.data / "run.lock").write_text(json.dumps(holder))


# ── by hand ──────────────────────────────────────────────────────────────────────────────────────


def written(path: Path) -> None:
    """A few bytes of ours, for us alone."""
    path.write_bytes(b"half of it")
    path.chmod(0o600)


def backed_up(place: Place) -> None:
    backup = place.data / "backups" / "meeting-20260105-030000.db"
    stores.back_up(place.office.settings, backup)


def damaged(database: Path, page: int) -> None:
    """Overwrite one page of 4 KiB."""
    with database.open("r+b") as stream:
        stream.seek(page * 4096)
        stream.write(b"\xaa" * 4096)


def journal_left(place: Place) -> None:
    """As a process leaves it that is killed after a commit."""
    with closing(sqlite3.connect(place.data / "meeting.db")) as rows:
        rows.execute("UPDATE student_stats SET updated_at = '2026-01-05 00:00:00.000000'")
        rows.commit()
        kept = {path: path.read_bytes() for path in place.data.glob("meeting.db*")}
    for path, content in kept.items():
        path.write_bytes(content)
        path.chmod(0o600)
    assert (place.data / "meeting.db-wal").stat().st_size
