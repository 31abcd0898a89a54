"""A database as many nights of the program would have left it, made in minutes."""

import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Engine,
    MetaData,
    Select,
    Table,
    event,
    func,
    literal,
    select,
    text,
    union_all,
)
from sqlalchemy.sql.elements import ColumnElement

from bench.growing.rows import (
    ATTENDANCE_COLUMNS,
    NIGHT,
    RECORDING_COLUMNS,
    SETTINGS,
    SOURCE,
    Company,
    Row,
)
from meeting_pipeline.adapters.db import migrate, schema
from meeting_pipeline.adapters.db.engine import create_engine
from meeting_pipeline.domain.model import Role
from meeting_pipeline.domain.stages import RecordStatus, StageName, StageStatus

_LINES_AT_ONCE = 2000
_FACTS = ("start_ts", "duration_s", "phase", "status", "made_with", "next_attempt_at", "updated_at")
_facts = Table(  # of recordings, so that nothing below reads through gigabytes of texts
    "seeded",
    MetaData(),
    Column("id", schema.recordings.c.id.type, primary_key=True),
    *(Column(name, schema.recordings.c[name].type) for name in _FACTS),
)
_CHECKS = ("foreign_key_checks", "unique_checks", "check_constraint_checks")


def seed(url: str, company: Company, folder: Path) -> None:
    """Make our tables at `url` and fill them. folder: for a pipe to the MariaDB server."""
    engine = create_engine(url)
    event.listen(engine, "do_connect", _be_patient)
    migrate.upgrade(engine)
    is_sqlite = engine.dialect.name == "sqlite"
    load = _into_sqlite if is_sqlite else _into_mariadb
    with _without_indexes(engine):
        load(engine, "recordings", RECORDING_COLUMNS, company.recordings(), folder)
        load(engine, "attendance", ATTENDANCE_COLUMNS, company.attendance(), folder)
        derive(engine)
    engine.dispose()


def derive(engine: Engine) -> None:
    """All that follows from recordings and attendance, which are there."""
    _facts.create(engine)
    names = [column.name for column in _facts.columns]
    copied = select(*(schema.recordings.c[name] for name in names))
    _insert_from(engine, _facts, names, copied)
    for table, columns, rows in _derived():
        _insert_from(engine, table, columns, rows)
    _facts.drop(engine)


def _be_patient(dialect: object, record: object, words: object, named: dict[str, Any]) -> None:
    """A million rows take longer than anything the program itself waits for."""
    for timeout in ("read_timeout", "write_timeout"):
        named.pop(timeout, None)


@contextmanager
def _without_indexes(engine: Engine) -> Iterator[None]:
    """Indexes are sorted into place at the end, several times faster than row by row."""
    indexes = [index for table in schema.metadata.sorted_tables for index in table.indexes]
    with engine.begin() as connection:
        for index in indexes:
            index.drop(connection)
    yield
    for index in indexes:
        with engine.begin() as connection:
            index.create(connection)


def _into_sqlite(
    engine: Engine, table: str, columns: tuple[str, ...], rows: Iterable[Row], folder: Path
) -> None:
    database = engine.url.database or ""
    engine.dispose()  # no other connection may read while there is no journal
    places = ", ".join("?" * len(columns))
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=OFF")
        connection.execute("PRAGMA synchronous=OFF")
        connection.execute("BEGIN")
        connection.executemany(
            f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", rows
        )
        connection.execute("COMMIT")


def _into_mariadb(
    engine: Engine, table: str, columns: tuple[str, ...], rows: Iterable[Row], folder: Path
) -> None:
    """The server reads a pipe while we still write into it."""
    pipe = folder / f"{table}.pipe"
    os.mkfifo(pipe)
    load = text(
        f"LOAD DATA INFILE '{pipe}' INTO TABLE {table} CHARACTER SET utf8mb4 ({', '.join(columns)})"
    )
    failures: list[BaseException] = []

    def receive() -> None:
        try:
            with _unchecked(engine) as connection:
                connection.execute(load)
        except BaseException as failure:
            failures.append(failure)
            raise

    server = threading.Thread(target=receive)
    server.start()
    with pipe.open("wb") as stream:
        lines = ("\t".join(map(_field, row)) for row in rows)
        while chunk := list(islice(lines, _LINES_AT_ONCE)):
            stream.write(("\n".join(chunk) + "\n").encode())
    server.join()
    pipe.unlink()
    if failures:
        raise failures[0]


def _field(value: str | float | None) -> str:
    return "\\N" if value is None else str(value).replace("\n", "\\\n")


@contextmanager
def _unchecked(engine: Engine) -> Iterator[Connection]:
    """A transaction whose rows we vouch for."""
    checks = _CHECKS if engine.dialect.name == "mysql" else ()
    with engine.begin() as connection:
        for check in checks:
            connection.execute(text(f"SET {check}=0"))
        yield connection
        for check in checks:
            connection.execute(text(f"SET {check}=1"))


def _insert_from(engine: Engine, table: Any, columns: list[str], rows: Any) -> None:
    with _unchecked(engine) as connection:
        connection.execute(table.insert().from_select(columns, rows))


def _derived() -> Iterator[tuple[Any, list[str], Any]]:
    """What follows from recordings and attendance: (table, columns, query)."""
    yield _ledger()
    yield _usage()
    done, one = _facts.c.status == RecordStatus.DONE, _facts.c
    made = one.updated_at
    told: dict[str, ColumnElement[Any]] = {"recording_id": one.id, "created_at": made}
    spoken = {
        **told,
        "language": literal("zh"),
        "engine": literal("whisper"),
        "model": literal("base"),
        "duration_s": one.duration_s,
        "coverage": literal(0.97),
        "warnings": literal([], schema.transcripts.c.warnings.type),
    }
    yield schema.transcripts, list(spoken), select(*spoken.values()).where(done)
    body = {"title": "简历的第一页", "abstract": "两人改了简历。", "phase": "简历优化"}
    meant = {
        **told,
        "engine": literal("kimi"),
        "model": literal("kimi-k2.6"),
        "prompt": literal("phase/3"),
        "body": literal(body, schema.summaries.c.body.type),
    }
    yield schema.summaries, list(meant), select(*meant.values()).where(done)
    yield _statistics()
    watermark = (literal(SOURCE), literal(NIGHT), literal(NIGHT))
    yield schema.sync_state, ["source", "watermark", "updated_at"], select(*watermark)


def _ledger() -> tuple[Any, list[str], Any]:
    """Five stages of what is done, one of what failed or was skipped by us."""
    one, entry = _facts.c, schema.stage_ledger.c
    columns = ["recording_id", "stage", "status", "made_from", "attempts", "next_attempt_at"]
    columns += ["artifact_name", "artifact_size", "artifact_sha256", "started_at", "finished_at"]

    def part(stage: StageName, status: StageStatus, which: ColumnElement[bool]) -> Select[Any]:
        made = (one.updated_at, one.updated_at)
        left = (literal(f"{stage}.bin"), literal(1 << 20), literal(SETTINGS))
        how = (literal(stage, entry.stage.type), literal(status, entry.status.type))
        more = (literal(SETTINGS), literal(1), one.next_attempt_at)
        return select(one.id, *how, *more, *left, *made).where(which)

    parts = [part(stage, StageStatus.DONE, one.status == RecordStatus.DONE) for stage in StageName]
    for status in (RecordStatus.FAILED, RecordStatus.DEAD):
        parts.append(part(StageName.DOWNLOAD, StageStatus(status.value), one.status == status))
    by_us = (one.status == RecordStatus.SKIPPED) & one.made_with.is_not(None)
    parts.append(part(StageName.EXTRACT, StageStatus.SKIPPED, by_us))
    return schema.stage_ledger, columns, union_all(*parts)


def _usage() -> tuple[Any, list[str], Any]:
    """A call of each service for what is done."""
    one = _facts.c
    calls = (("asr", "whisper-1", 3600.0, 0), ("llm", "kimi-k2.6", 0.0, 20_000))
    columns = ["recording_id", "call", "run_id", "kind", "model", "audio_seconds"]
    columns += ["prompt_tokens", "completion_tokens", "cost", "created_at"]
    parts = [
        select(
            one.id,
            literal(f"{kind}-{SETTINGS}"),
            one.id // literal(300),
            *(literal(kind), literal(model), literal(seconds), literal(tokens), literal(tokens)),
            literal(0.1),
            one.updated_at,
        ).where(one.status == RecordStatus.DONE)
        for kind, model, seconds, tokens in calls
    ]
    return schema.usage, columns, union_all(*parts)


def _statistics() -> tuple[Any, list[str], Any]:
    """Whole hours only, so minutes need no rounding."""
    there, one = schema.attendance.c, _facts.c
    number, last = func.count(), func.max(one.start_ts)
    query = (
        select(there.person, number, number * 60, last, last)
        .join(_facts, one.id == there.recording_id)
        .where(there.role == Role.STUDENT, one.phase.is_not(None))
        .group_by(there.person)
    )
    columns = ["student_id", "record_cnt", "total_duration", "last_record_at", "updated_at"]
    return schema.student_stats, columns, query
