"""Damaged installations, built by code: what repair must find, and what the next night heals.

Every one begins as a sound installation of two recordings that has come so far (`Base`).
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
from tests.support.sandbox_installation import Office
from tests.support.short_recordings import record_id

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

    red: the checks of `meeting doctor` that are. found: what `--repair` finds, once. refused: the
    error with which it ends instead. in_rows: whether it concerns rows, so that it is tried on a
    server, too.
    """

    damage: Callable[[Place], object]
    base: Base
    red: frozenset[str] = frozenset()
    found: Found = field(default_factory=dict)
    refused: str | None = None
    in_rows: bool = False

    @property
    def name(self) -> str:
        return self.damage.__name__.replace("_", " ")

    @property
    def is_hopeless(self) -> bool:
        """Whether the operator has to do something before the next night."""
        return self.refused is not None or ("database_damaged", "needs_you") in self.found

    @property
    def left(self) -> Found:
        """What the second repair finds."""
        return {key: count for key, count in self.found.items() if key[1] == "needs_you"}


MUSEUM: list[Exhibit] = []
"""What a night does not heal by itself."""
HEALED: list[Exhibit] = []
"""What the next night heals, or what is no damage at all."""

Damage = Callable[[Place], object]


def repairable(**kinds: int) -> Found:
    return {(kind, "repair"): count for kind, count in kinds.items()}


def needs_you(**kinds: int) -> Found:
    return {(kind, "needs_you"): count for kind, count in kinds.items()}


def exhibit(
    base: Base, found: Found, *red: str, refused: str | None = None, in_rows: bool = False
) -> Callable[[Damage], Damage]:
    """Add a state to the collection."""

    def put(damage: Damage) -> Damage:
        MUSEUM.append(Exhibit(damage, base, frozenset(red), found, refused, in_rows))
        return damage

    return put


def healed_by_a_night(base: Base) -> Callable[[Damage], Damage]:
    """Put a state among those of which repair finds nothing."""

    def put(damage: Damage) -> Damage:
        HEALED.append(Exhibit(damage, base))
        return damage

    return put


# ── half-written ─────────────────────────────────────────────────────────────────────────────────


@healed_by_a_night(Base.FETCHED)
def half_a_download_that_the_next_attempt_goes_on_with(place: Place) -> None:
    place.folder().mkdir(mode=0o700, parents=True)
    for folder in (place.data / "recordings", place.folder().parent):
        folder.chmod(0o700)
    for name in ("recording.m4a.part", "recording.m4a.part.json"):
        written(place.folder() / name)


@healed_by_a_night(Base.HEARD)
def half_an_answer_and_half_a_summary(place: Place) -> None:
    written(place.folder() / "calls" / f"{HASH}.json.part")
    written(place.folder() / "summary.json.part")
    written(place.folder() / "summary.md.part")


@healed_by_a_night(Base.DOWNLOADED)
def half_of_the_audio_and_of_the_transcript(place: Place) -> None:
    written(place.folder() / "audio.mp3.part")
    written(place.folder() / "transcript.json.part")


@exhibit(Base.DONE, repairable(texts_lost=3), "damage", in_rows=True)
def torn_texts_of_what_is_done(place: Place) -> None:
    for name in ("transcript.json", "summary.json", "summary.md"):
        path = place.folder() / name
        path.write_bytes(path.read_bytes()[:-9])


@healed_by_a_night(Base.HEARD)
def a_torn_transcript_that_is_to_be_summarized(place: Place) -> None:
    path = place.folder() / "transcript.json"
    path.write_bytes(path.read_bytes()[:-9])


@exhibit(Base.DONE, repairable(texts_lost=1))
def a_page_changed_by_hand_to_the_same_size(place: Place) -> None:
    """Which a glance at names and sizes does not see."""
    path = place.folder() / "summary.md"
    path.write_bytes(path.read_bytes()[:-2] + b"!\n")


# ── the ledger ahead of the files ────────────────────────────────────────────────────────────────


@exhibit(Base.DONE, repairable(texts_lost=3), "damage")
def a_folder_that_is_gone(place: Place) -> None:
    shutil.rmtree(place.folder())


@healed_by_a_night(Base.HEARD)
def audio_that_is_gone_after_it_was_heard(place: Place) -> None:
    (place.folder() / "audio.m4a").unlink()


@healed_by_a_night(Base.DOWNLOADED)
def media_that_is_gone_or_shorter_before_it_was_heard(place: Place) -> None:
    (place.folder(0) / "recording.m4a").unlink()
    media = place.folder(1) / "recording.m4a"
    media.write_bytes(media.read_bytes()[:-100])


@healed_by_a_night(Base.DONE)
def files_removed_by_retention(place: Place) -> None:
    with place.office.database() as rows:
        retention = stores.retention(place.office.settings, rows)
        now = backends.utc_now()
        assert retention.remove(retention.due(Cutoffs(now, now))).count(RetainedKind.AUDIO) == 2


@healed_by_a_night(Base.DONE)
def transcripts_removed_by_age(place: Place) -> None:
    with place.office.database() as rows:
        retention = stores.retention(place.office.settings, rows)
        now = backends.utc_now()
        due = retention.due(Cutoffs(now, now, texts=now), [RetainedKind.TEXTS])
        assert len(retention.remove(due).removed) == 2


@exhibit(Base.DONE, needs_you(erasure_broken_off=2), "damage", in_rows=True)
def a_removal_of_transcripts_that_was_broken_off(place: Place) -> None:
    with place.office.database() as rows:
        rows.retention.forget([place.number(0), place.number(1)])
    (place.folder() / "transcript.json").unlink()


@exhibit(Base.DONE, repairable(texts_lost=1), "damage", in_rows=True)
def rows_without_the_texts_that_they_should_have(place: Place) -> None:
    place.sql(f"DELETE FROM transcripts WHERE recording_id = {place.number()}")


# ── files ahead of the ledger ────────────────────────────────────────────────────────────────────


@healed_by_a_night(Base.DONE)
def folders_that_no_row_knows(place: Place) -> None:
    for path in (
        place.data / "recordings" / "tencent" / "999" / "transcript.json",
        place.data / "recordings" / "zoom" / "1" / "recording.mp4.part",
    ):
        place.put(path)
        path.chmod(0o600)
        path.parent.chmod(0o700)
        path.parent.parent.chmod(0o700)


@healed_by_a_night(Base.HEARD)
def files_that_the_ledger_does_not_know(place: Place) -> None:
    written(place.folder() / "summary.json")
    place.put(place.folder() / "audio.wav")
    (place.folder() / "audio.wav").chmod(0o600)


@healed_by_a_night(Base.DONE)
def a_database_that_is_gone(place: Place) -> None:
    for path in place.data.glob("meeting.db*"):
        path.unlink()


# ── rows ─────────────────────────────────────────────────────────────────────────────────────────

OLDER = (
    "ALTER TABLE stage_ledger DROP COLUMN file_removed_at",
    "DROP TABLE erased",
    "UPDATE alembic_version SET version_num = '0002'",
)


@exhibit(Base.DONE, repairable(schema_old=1), "database_schema", in_rows=True)
def an_older_schema(place: Place) -> None:
    """It does not know yet that the media was removed by retention."""
    index = "DROP INDEX stage_ledger_by_file"
    server = " ON stage_ledger" if place.office.settings.database.host else ""
    place.sql(index + server, *OLDER)


@exhibit(Base.DONE, {}, "database_schema", refused="schema_new", in_rows=True)
def a_newer_schema(place: Place) -> None:
    place.sql("UPDATE alembic_version SET version_num = '9999'")


@exhibit(Base.DONE, repairable(run_open=2), "damage", in_rows=True)
def runs_whose_process_was_killed(place: Place) -> None:
    with place.office.database() as rows:
        rows.runs.start("cron", None)
        rows.runs.start("run", None)


@healed_by_a_night(Base.HEARD)
def an_attempt_whose_process_was_killed(place: Place) -> None:
    number = place.number()
    with place.office.database() as rows:
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


@healed_by_a_night(Base.DONE)
def a_database_whose_journal_was_left(place: Place) -> None:
    journal_left(place)


# ── the data folder and modes ────────────────────────────────────────────────────────────────────


@healed_by_a_night(Base.DONE)
def a_data_folder_that_is_gone(place: Place) -> None:
    shutil.rmtree(place.data)


@exhibit(Base.DONE, {}, "data_dir", "database", refused="data_dir")
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


@exhibit(Base.DONE, repairable(permissions=1), "env_file")
def keys_that_others_can_read(place: Place) -> None:
    (place.cwd / ".env").write_text("LOG_LEVEL=error\n")
    (place.cwd / ".env").chmod(0o644)


# ── what others did ──────────────────────────────────────────────────────────────────────────────


@healed_by_a_night(Base.DONE)
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


@exhibit(Base.DONE, repairable(texts_lost=1), "damage")
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


@healed_by_a_night(Base.DONE)
def the_lock_file_of_a_killed_run(place: Place) -> None:
    with subprocess.Popen(["true"]) as dead:
        pass
    holder = {"command": "cron", "pid": dead.pid, "host": socket.gethostname(), "since": "then"}
    (place.data / "run.lock").write_text(json.dumps(holder))


@healed_by_a_night(Base.DONE)
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
