"""The versions of a recording's summary, and which one is current."""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, Row, and_, func, or_, select

from meeting_pipeline.adapters.db.schema import recordings, summaries
from meeting_pipeline.domain.enums import Phase
from meeting_pipeline.domain.model import ActionItem, Summary
from meeting_pipeline.domain.summary_versions import CurrentSummary, SummaryVersion
from meeting_pipeline.runtime.type_adapters import adapter_of

_COLUMNS = (*summaries.c, recordings.c.summary_version)
_BASE = select(*_COLUMNS).join(recordings, recordings.c.id == summaries.c.recording_id)


def store(
    connection: Connection, recording_id: int, summary: Summary, asked_at: datetime, now: datetime
) -> None:
    """Store a summary as a version, unless it is one already, and make it the current one.

    Args:
        connection: A connection in a transaction that writes.
        recording_id: Our number of the recording.
        summary: The summary.
        asked_at: When it was asked for: it becomes current unless a later request already is.
        now: The current time.
    """
    recording = select(recordings.c.id).where(recordings.c.id == recording_id)
    connection.execute(recording.with_for_update())  # one writer of a recording at a time
    body = adapter_of(Summary).dump_python(summary, mode="json")
    made_from = _fingerprint(body)
    is_it = and_(summaries.c.recording_id == recording_id, summaries.c.made_from == made_from)
    number = connection.execute(select(summaries.c.version).where(is_it)).scalar()
    if number is None:
        number = _next_number(connection, recording_id)
        row = {
            "recording_id": recording_id,
            "version": number,
            "made_from": made_from,
            **{name: getattr(summary, name) for name in ("engine", "model", "prompt", "phase")},
            "body": body,
            "created_at": now,
        }
        connection.execute(summaries.insert(), row)
    choose(connection, recording_id, number, asked_at, now)


def choose(
    connection: Connection, recording_id: int, version: int, asked_at: datetime, now: datetime
) -> bool:
    """Make a version the current one; return False if a later request chose another.

    The phase of the recording follows, unless it was set by hand.
    """
    found = by_number(connection, recording_id, version)
    if found is None:
        return False
    values = {
        "summary_version": version,
        "summary_asked_at": asked_at,
        "summary": readable(found.summary),
        "phase": func.coalesce(recordings.c.phase_by_hand, found.phase.value),
        "updated_at": now,
    }
    asked = recordings.c.summary_asked_at
    is_latest = and_(recordings.c.id == recording_id, or_(asked.is_(None), asked <= asked_at))
    return connection.execute(recordings.update().where(is_latest).values(values)).rowcount == 1


def set_phase(
    connection: Connection, recording_id: int, phase: Phase | None, who: str, now: datetime
) -> bool:
    """Set the phase by hand, or give it back to the current version; False: no such recording."""
    of_version = select(summaries.c.phase).where(
        summaries.c.recording_id == recording_id,
        summaries.c.version
        == select(recordings.c.summary_version)
        .where(recordings.c.id == recording_id)
        .scalar_subquery(),
    )
    own = phase.value if phase else connection.execute(of_version).scalar()
    values = {
        "phase": own,
        "phase_by_hand": phase.value if phase else None,
        "phase_by": who,
        "phase_at": now,
        "updated_at": now,
    }
    changed = recordings.update().where(recordings.c.id == recording_id).values(values)
    return connection.execute(changed).rowcount == 1


def current(connection: Connection, recording_id: int) -> CurrentSummary | None:
    """Return what the recording shows; None if there is no such recording."""
    names = ("summary_version", "phase", "phase_by_hand", "phase_by", "phase_at")
    query = select(*(recordings.c[name] for name in names))
    row = connection.execute(query.where(recordings.c.id == recording_id)).first()
    if row is None:
        return None
    by_hand = Phase(row.phase_by_hand) if row.phase_by_hand else None
    return CurrentSummary(row.summary_version, row.phase, by_hand, row.phase_by, row.phase_at)


def all_of(connection: Connection, recording_id: int) -> list[SummaryVersion]:
    """Return all versions, the newest first."""
    query = _BASE.where(summaries.c.recording_id == recording_id)
    rows = connection.execute(query.order_by(summaries.c.version.desc()))
    return [_version(row) for row in rows]


def by_number(connection: Connection, recording_id: int, version: int) -> SummaryVersion | None:
    """Return a version; None if there is no such number."""
    is_it = and_(summaries.c.recording_id == recording_id, summaries.c.version == version)
    row = connection.execute(_BASE.where(is_it)).first()
    return None if row is None else _version(row)


def current_version(connection: Connection, recording_id: int) -> SummaryVersion | None:
    """Return the current version; None without one."""
    is_it = and_(
        summaries.c.recording_id == recording_id,
        summaries.c.version == recordings.c.summary_version,
    )
    row = connection.execute(_BASE.where(is_it)).first()
    return None if row is None else _version(row)


def current_summary(connection: Connection, recording_id: int) -> Summary | None:
    """Return the summary of the current version; None without one."""
    found = current_version(connection, recording_id)
    return None if found is None else found.summary


def readable(summary: Summary) -> str:
    """Return the summary as text, for people who query the table."""
    parts = [
        summary.title,
        summary.abstract,
        _list("要点", summary.key_points),
        _list("决定", summary.decisions),
        _list("待办", [_sentence(item) for item in summary.action_items]),
        _list("学员", [f"{one.student}: {one.note}" for one in summary.student_notes]),
    ]
    return "\n\n".join(part for part in parts if part)


def _list(heading: str, lines: Sequence[str]) -> str:
    return "\n".join([f"{heading}:", *(f"- {line}" for line in lines)]) if lines else ""


def _sentence(item: ActionItem) -> str:
    return " · ".join(word for word in (item.what, item.who, item.due) if word)


def _fingerprint(body: object) -> str:
    text = json.dumps(body, ensure_ascii=False, sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _next_number(connection: Connection, recording_id: int) -> int:
    mine = summaries.c.recording_id == recording_id
    last = connection.execute(select(func.max(summaries.c.version)).where(mine)).scalar()
    return (last or 0) + 1


def _version(row: "Row[tuple[object, ...]]") -> SummaryVersion:
    return SummaryVersion(
        recording_id=row.recording_id,
        version=row.version,
        is_current=row.version == row.summary_version,
        summary=adapter_of(Summary).validate_python(row.body),
        created_at=row.created_at,
    )
