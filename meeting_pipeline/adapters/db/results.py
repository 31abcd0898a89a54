"""Conversion between transcripts, summaries and their rows."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, delete, literal_column, select

from meeting_pipeline.adapters.db import failures
from meeting_pipeline.adapters.db.mapping import columns_of, storable
from meeting_pipeline.adapters.db.schema import (
    summaries,
    transcript_segments,
    transcripts,
)
from meeting_pipeline.adapters.db.types import MYSQL
from meeting_pipeline.adapters.db.writing import Row, upsert
from meeting_pipeline.domain.model import ActionItem, Minutes, Segment, Summary, Transcript
from meeting_pipeline.runtime.type_adapters import adapter_of

_FACTS = columns_of(Transcript, "segments", "warnings")
_ESCAPED = "\\'\"\n\r\0\x1a"  # these take two bytes in a MySQL string literal
_REST_OF_STATEMENT = 64 << 10


def columns(minutes: Minutes) -> Row:
    """Return the columns of `recordings` that hold transcript, summary and phase."""
    return {
        "transcript": minutes.transcript.text,
        "summary": readable(minutes.summary),
        "phase": minutes.summary.phase,
    }


def check_size(connection: Connection, minutes: Minutes) -> None:
    """Check that the texts fit into one statement.

    MySQL closes the connection when they do not, which would look like a network problem each time.

    Args:
        connection: A connection in a transaction.
        minutes: The transcript and the summary.

    Raises:
        RecordError: "too_large" when they do not fit.
    """
    if connection.dialect.name != MYSQL:
        return
    limit = int(connection.execute(select(literal_column("@@max_allowed_packet"))).scalar_one())
    text = minutes.transcript.text + readable(minutes.summary)
    size = len(text.encode()) + sum(text.count(letter) for letter in _ESCAPED)
    if size + _REST_OF_STATEMENT > limit:
        raise failures.too_large(
            f"transcript and summary need {size} bytes, the database accepts {limit}"
        )


def replace(connection: Connection, recording_id: int, minutes: Minutes, now: datetime) -> None:
    """Write transcript, segments and summary into their tables, replacing earlier ones."""
    facts = _transcript_row(recording_id, minutes.transcript, now)
    upsert(connection, transcripts, [facts], ["recording_id"])
    _replace_segments(connection, recording_id, minutes.transcript)
    summary = _summary_row(recording_id, minutes.summary, now)
    upsert(connection, summaries, [summary], ["recording_id"])


def transcript_of(connection: Connection, recording_id: int) -> Transcript | None:
    """Return the stored transcript; None if there is none."""
    facts = transcripts.c.recording_id == recording_id
    row = connection.execute(select(transcripts).where(facts)).first()
    if row is None:
        return None
    return Transcript(
        segments=tuple(_segments(connection, recording_id)),
        warnings=tuple(row.warnings),
        **{name: getattr(row, name) for name in _FACTS},
    )


def summary_of(connection: Connection, recording_id: int) -> Summary | None:
    """Return the stored summary; None if there is none."""
    query = select(summaries.c.body).where(summaries.c.recording_id == recording_id)
    body = connection.execute(query).scalar()
    return None if body is None else adapter_of(Summary).validate_python(body)


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


def _list(heading: str, lines: list[str] | tuple[str, ...]) -> str:
    return "\n".join([f"{heading}:", *(f"- {line}" for line in lines)]) if lines else ""


def _sentence(item: ActionItem) -> str:
    return " · ".join(word for word in (item.what, item.who, item.due) if word)


def _transcript_row(recording_id: int, transcript: Transcript, now: datetime) -> Row:
    return {
        "recording_id": recording_id,
        "warnings": list(transcript.warnings),
        "created_at": now,
        **{name: getattr(transcript, name) for name in _FACTS},
    }


def _summary_row(recording_id: int, summary: Summary, now: datetime) -> Row:
    return {
        "recording_id": recording_id,
        "engine": summary.engine,
        "model": summary.model,
        "prompt": summary.prompt,
        "body": adapter_of(Summary).dump_python(summary, mode="json"),
        "created_at": now,
    }


def _replace_segments(connection: Connection, recording_id: int, transcript: Transcript) -> None:
    connection.execute(
        delete(transcript_segments).where(transcript_segments.c.recording_id == recording_id)
    )
    rows = [
        {
            "recording_id": recording_id,
            "seq": seq,
            "speaker": None if segment.speaker is None else storable(segment.speaker),
            "start_ms": round(segment.start_s * 1000),
            "end_ms": round(segment.end_s * 1000),
            "text": segment.text,
        }
        for seq, segment in enumerate(transcript.segments)
    ]
    if rows:
        connection.execute(transcript_segments.insert(), rows)


def _segments(connection: Connection, recording_id: int) -> Iterator[Segment]:
    query = select(transcript_segments).order_by(transcript_segments.c.seq)
    query = query.where(transcript_segments.c.recording_id == recording_id)
    for row in connection.execute(query):
        yield Segment(row.start_ms / 1000, row.end_ms / 1000, row.text, row.speaker)
