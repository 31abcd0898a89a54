"""Conversion between transcripts and their rows."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import Connection, delete, literal_column, select

from meeting_pipeline.adapters.db import failures
from meeting_pipeline.adapters.db.mapping import columns_of, storable
from meeting_pipeline.adapters.db.schema import (
    transcript_segments,
    transcripts,
)
from meeting_pipeline.adapters.db.types import MYSQL
from meeting_pipeline.adapters.db.writing import Row, upsert
from meeting_pipeline.domain.model import Segment, Transcript

_FACTS = columns_of(Transcript, "segments", "warnings")
_ESCAPED = "\\'\"\n\r\0\x1a"  # these take two bytes in a MySQL string literal
_REST_OF_STATEMENT = 64 << 10


def check_size(connection: Connection, transcript: Transcript) -> None:
    """Check that the text fits into one statement.

    MySQL closes the connection when it does not, which would look like a network problem each time.

    Args:
        connection: A connection in a transaction.
        transcript: The transcript.

    Raises:
        RecordError: "too_large" when it does not fit.
    """
    if connection.dialect.name != MYSQL:
        return
    limit = int(connection.execute(select(literal_column("@@max_allowed_packet"))).scalar_one())
    text = transcript.text
    size = len(text.encode()) + sum(text.count(letter) for letter in _ESCAPED)
    if size + _REST_OF_STATEMENT > limit:
        raise failures.too_large(f"the transcript needs {size} bytes, the database accepts {limit}")


def replace(
    connection: Connection, recording_id: int, transcript: Transcript, now: datetime
) -> None:
    """Write a transcript and its segments into their tables, replacing earlier ones."""
    facts = _transcript_row(recording_id, transcript, now)
    upsert(connection, transcripts, [facts], ["recording_id"])
    _replace_segments(connection, recording_id, transcript)


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


def _transcript_row(recording_id: int, transcript: Transcript, now: datetime) -> Row:
    return {
        "recording_id": recording_id,
        "warnings": list(transcript.warnings),
        "created_at": now,
        **{name: getattr(transcript, name) for name in _FACTS},
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
