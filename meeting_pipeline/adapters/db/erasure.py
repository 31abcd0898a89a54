"""Erasure of a student's rows."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    Column,
    Connection,
    Engine,
    Enum,
    LargeBinary,
    String,
    Table,
    Text,
    and_,
    cast,
    delete,
    or_,
    select,
    type_coerce,
)

from meeting_pipeline.adapters.db import failures
from meeting_pipeline.adapters.db.engine import in_transaction, outside_transaction, read
from meeting_pipeline.adapters.db.mapping import storable
from meeting_pipeline.adapters.db.schema import (
    attendance,
    erased,
    metadata,
    recordings,
    stage_ledger,
    stale_students,
    student_stats,
    summaries,
    transcript_segments,
    transcripts,
)
from meeting_pipeline.adapters.db.types import SQLITE
from meeting_pipeline.adapters.db.writing import chunks, mark_stale, upsert
from meeting_pipeline.domain.erasure import ERASED, Scope, Words, is_erased, person_hash
from meeting_pipeline.domain.erasure import hashes_of as hashes_of_meta
from meeting_pipeline.domain.model import RecordKey, RecordMeta, Role
from meeting_pipeline.domain.stages import RecordStatus
from meeting_pipeline.errors import FatalError
from meeting_pipeline.ports.upkeep import Remnant

_TEXTS = (transcript_segments, transcripts, summaries, stage_ledger)


class SqlErasureStore:
    """Implementation of `ports.upkeep.ErasureStore`.

    Args:
        engine: The database.
        now: Returns the current time, aware UTC.
    """

    def __init__(self, engine: Engine, now: Callable[[], datetime]) -> None:
        self._engine = engine
        self._now = now

    def find(self, student: str) -> Scope:
        return read(self._engine, lambda connection: _find(connection, storable(student)))

    def was_erased(self, student: str) -> bool:
        query = select(erased.c.word_hash)
        query = query.where(erased.c.word_hash == person_hash(storable(student)))
        return read(self._engine, lambda connection: connection.execute(query).first() is not None)

    def erase(self, scope: Scope) -> None:
        now = self._now()
        in_transaction(self._engine, lambda connection: _erase(connection, scope, now))

    def compact(self) -> None:
        if self._engine.dialect.name != SQLITE:
            return  # a server's files and logs are the responsibility of its operator
        if not self._is_compacted():
            raise FatalError(
                "database_busy",
                "another program has the database open, so its file still contains erased data",
                hint="end that program, then run the same command again",
            )

    def remnants(self, words: Words) -> list[Remnant]:
        def work(connection: Connection) -> list[Remnant]:
            found = (_remnants(connection, table, words) for table in metadata.sorted_tables)
            return [remnant for of_table in found for remnant in of_table]

        return read(self._engine, work)

    def _is_compacted(self) -> bool:
        """Rewrite the file and empty its journal; return False if a reader prevents that."""
        try:
            truncate = "PRAGMA wal_checkpoint(TRUNCATE)"
            is_busy, *_ = outside_transaction(self._engine, "VACUUM", truncate)
        except FatalError as error:
            if error.__cause__ and failures.may_pass(error.__cause__):
                return False
            raise
        return not is_busy


def not_erased(connection: Connection, metas: Sequence[RecordMeta]) -> list[RecordMeta]:
    """Return the recordings of a listing that may have a row.

    Left out are erased recordings, and recordings of an erased student from before the erasure.
    """
    if connection.execute(select(erased.c.word_hash).limit(1)).first() is None:
        return list(metas)
    hashes = sorted(set().union(*map(hashes_of_meta, metas)))
    when: dict[str, datetime] = {}
    for chunk in chunks(hashes):
        query = select(erased.c.word_hash, erased.c.erased_at)
        rows = connection.execute(query.where(erased.c.word_hash.in_(chunk)))
        when.update({row.word_hash: row.erased_at for row in rows})
    return [meta for meta in metas if not is_erased(meta, when)]


# ── finding ──────────────────────────────────────────────────────────────────────────────────────


def _find(connection: Connection, student: str) -> Scope:
    mine = select(attendance.c.recording_id).where(attendance.c.person == student)
    numbers = sorted(set(connection.execute(mine).scalars()))
    people = _people(connection, numbers)
    rows = _rows(connection, numbers)
    whole: list[RecordKey] = []
    shared: list[RecordKey] = []
    names: set[str] = set()
    is_student = False
    for number, row in rows.items():
        learners = {person for person, role, _ in people[number] if role is Role.STUDENT}
        (whole if learners == {student} else shared).append(RecordKey(row.source, row.record_id))
        is_student |= student in learners
        names |= {name for person, _, name in people[number] if person == student}
        names |= {stay["name"] for stay in row.participants or () if _person(stay) == student}
    names -= {"", student}
    return Scope(
        student,
        tuple(sorted(names)),
        tuple(whole),
        tuple(shared),
        tuple(_namesakes(connection, student, names)),
        is_student,
    )


def _people(
    connection: Connection, numbers: Iterable[int]
) -> Mapping[int, list[tuple[str, Role, str]]]:
    people: dict[int, list[tuple[str, Role, str]]] = defaultdict(list)
    for chunk in chunks(numbers):
        query = select(attendance).where(attendance.c.recording_id.in_(chunk))
        for row in connection.execute(query):
            people[row.recording_id].append((row.person, row.role, row.name))
    return people


def _rows(connection: Connection, numbers: Iterable[int]) -> dict[int, Any]:
    columns = (
        recordings.c.id,
        recordings.c.source,
        recordings.c.record_id,
        recordings.c.subject,
        recordings.c.student_ids,
        recordings.c.participants,
    )
    rows = {}
    for chunk in chunks(numbers):
        query = select(*columns).where(recordings.c.id.in_(chunk)).order_by(recordings.c.id)
        rows.update({row.id: row for row in connection.execute(query)})
    return rows


def _namesakes(connection: Connection, student: str, names: set[str]) -> list[str]:
    """Return other people with one of these names, or with a name in place of an id."""
    same = [cast(attendance.c.name, LargeBinary) == name.encode() for name in sorted(names)]
    if not same:
        return []
    bare = attendance.c.person.in_(sorted(names))
    query = select(attendance.c.person).where(attendance.c.person != student, or_(bare, *same))
    return sorted(set(connection.execute(query).scalars()))


def _person(stay: Mapping[str, str | None]) -> str | None:
    return stay["person_id"] or stay["name"]


# ── erasing ──────────────────────────────────────────────────────────────────────────────────────


def _erase(connection: Connection, scope: Scope, now: datetime) -> None:
    rows = [{"word_hash": one, "erased_at": now} for one in sorted(scope.hashes())]
    upsert(connection, erased, rows, ["word_hash"])
    for chunk in chunks(sorted(_numbers(connection, scope.whole))):
        connection.execute(delete(recordings).where(recordings.c.id.in_(chunk)))
    for chunk in chunks(sorted(_numbers(connection, scope.shared))):
        _redact(connection, chunk, scope, now)
    for table in (student_stats, stale_students):
        connection.execute(delete(table).where(table.c.student_id == scope.student))


def _numbers(connection: Connection, keys: Iterable[RecordKey]) -> Iterator[int]:
    by_source: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        by_source[key.source].append(key.record_id)
    for source, record_ids in by_source.items():
        for chunk in chunks(record_ids):
            these = and_(recordings.c.source == source, recordings.c.record_id.in_(chunk))
            yield from connection.execute(select(recordings.c.id).where(these)).scalars()


def _redact(connection: Connection, numbers: Sequence[int], scope: Scope, now: datetime) -> None:
    """Remove the texts and this student; the statistics of the other students do not change."""
    for table in _TEXTS:
        connection.execute(delete(table).where(table.c.recording_id.in_(numbers)))
    theirs = and_(attendance.c.recording_id.in_(numbers), attendance.c.person == scope.student)
    connection.execute(delete(attendance).where(theirs))
    named = Words((scope.student, *scope.names))
    for number, row in _rows(connection, numbers).items():
        others = [one for one in row.student_ids if one != scope.student]
        stays = row.participants and [
            stay for stay in row.participants if _person(stay) != scope.student
        ]
        values = {
            "student_ids": others,
            "participants": stays,
            "notes": None,
            "subject": named.without(row.subject)[:255],
            "play_url": None,
            "download_url": None,
            "transcript": None,
            "summary": None,
            "summary_version": None,
            "summary_asked_at": None,
            "phase_by_hand": None,
            "phase_by": None,
            "phase_at": None,
            "status": RecordStatus.SKIPPED,
            "skip_reason": ERASED,
            "made_with": None,
            "next_attempt_at": None,
            "updated_at": now,
        }
        connection.execute(recordings.update().where(recordings.c.id == number).values(values))
        mark_stale(connection, others)


# ── proving ──────────────────────────────────────────────────────────────────────────────────────


def _remnants(connection: Connection, table: Table, words: Words) -> Iterator[Remnant]:
    number = next((c for c in table.c if c.name in ("recording_id", "run_id")), None)
    number = table.c.id if table is recordings else number
    for column in filter(_holds_text, table.c):
        text = type_coerce(column, Text)
        held = [text.contains(word, autoescape=True) for word in words.sought]
        if not held:
            return
        query = select(text, *([] if number is None else [number])).where(or_(*held))
        for value, *of in connection.execute(query):
            if words.found_in(value):
                yield Remnant(f"{table.name}.{column.name}", of[0] if of else None)


def _holds_text(column: Column[Any]) -> bool:
    return isinstance(column.type, String | JSON) and not isinstance(column.type, Enum)
