"""The first tables."""

from typing import Any

import sqlalchemy as sa
from alembic import context, op

from meeting_pipeline.adapters.db.types import (
    DOCUMENT,
    ID,
    LONG_TEXT,
    MEDIUM_TEXT,
    UtcDateTime,
    word,
)

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    create_table(
        "recordings",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("source", word(32), nullable=False),
        sa.Column("record_id", word(64), nullable=False),
        sa.Column("meeting_record_id", word(64)),
        sa.Column("meeting_id", word(64)),
        sa.Column("meeting_code", word(64)),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("teacher_id", word(255)),
        sa.Column("start_ts", UtcDateTime(), nullable=False),
        sa.Column("end_ts", UtcDateTime()),
        sa.Column("duration_s", sa.Double()),
        sa.Column("student_ids", DOCUMENT, nullable=False),
        sa.Column("participants", DOCUMENT),
        sa.Column("phase", one_of("recordings_phase", "简历优化", "项目深挖", "面试模拟", "Offer后续", "其他")),
        sa.Column("play_url", sa.Text()),
        sa.Column("download_url", sa.Text()),
        sa.Column("size_bytes", sa.BigInteger()),
        sa.Column("status", one_of("recordings_status", "waiting", "pending", "failed", "dead", "skipped", "done"), nullable=False),
        sa.Column("skip_reason", word(64)),
        sa.Column("next_attempt_at", UtcDateTime()),
        sa.Column("made_with", word(64)),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.Column("transcript", LONG_TEXT),
        sa.Column("summary", MEDIUM_TEXT),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("source", "record_id", name="recordings_key"),
    )
    create_index("recordings_by_record_id", "recordings", ["record_id"])
    create_index("recordings_by_start", "recordings", ["start_ts"])
    create_index("recordings_by_status", "recordings", ["status", "start_ts"])
    create_table(
        "transcript_segments",
        sa.Column("recording_id", ID, autoincrement=False, nullable=False),
        sa.Column("seq", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("speaker", sa.String(255)),
        sa.Column("start_ms", sa.BigInteger(), nullable=False),
        sa.Column("end_ms", sa.BigInteger(), nullable=False),
        sa.Column("text", MEDIUM_TEXT, nullable=False),
        sa.ForeignKeyConstraint(["recording_id"], ["recordings.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("recording_id", "seq"),
    )
    create_table(
        "transcripts",
        sa.Column("recording_id", ID, autoincrement=False, nullable=False),
        sa.Column("language", word(32), nullable=False),
        sa.Column("engine", word(64), nullable=False),
        sa.Column("model", word(255), nullable=False),
        sa.Column("duration_s", sa.Double(), nullable=False),
        sa.Column("coverage", sa.Double()),
        sa.Column("warnings", DOCUMENT, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["recording_id"], ["recordings.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("recording_id"),
    )
    create_table(
        "summaries",
        sa.Column("recording_id", ID, autoincrement=False, nullable=False),
        sa.Column("engine", word(64), nullable=False),
        sa.Column("model", word(255), nullable=False),
        sa.Column("prompt", word(255), nullable=False),
        sa.Column("body", DOCUMENT, nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["recording_id"], ["recordings.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("recording_id"),
    )
    create_table(
        "stage_ledger",
        sa.Column("recording_id", ID, autoincrement=False, nullable=False),
        sa.Column("stage", one_of("stage_ledger_stage", "download", "extract", "transcribe", "summarize", "store"), nullable=False),
        sa.Column("status", one_of("stage_ledger_status", "running", "done", "failed", "dead", "skipped", "waiting"), nullable=False),
        sa.Column("made_from", word(64), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", UtcDateTime()),
        sa.Column("error_code", word(64)),
        sa.Column("message", sa.String(1000)),
        sa.Column("artifact_name", word(255)),
        sa.Column("artifact_size", sa.BigInteger()),
        sa.Column("artifact_sha256", word(64)),
        sa.Column("artifact_duration_s", sa.Double()),
        sa.Column("started_at", UtcDateTime()),
        sa.Column("finished_at", UtcDateTime()),
        sa.ForeignKeyConstraint(["recording_id"], ["recordings.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("recording_id", "stage"),
    )
    create_index("stage_ledger_by_status", "stage_ledger", ["status"])
    create_table(
        "attendance",
        sa.Column("recording_id", ID, autoincrement=False, nullable=False),
        sa.Column("person", word(255), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("role", one_of("attendance_role", "teacher", "student"), nullable=False),
        sa.Column("intervals", DOCUMENT, nullable=False),
        sa.Column("seconds", sa.Double(), nullable=False),
        sa.ForeignKeyConstraint(["recording_id"], ["recordings.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("recording_id", "person"),
    )
    create_index("attendance_by_person", "attendance", ["person", "role", "recording_id", "seconds"])
    create_table(
        "student_stats",
        sa.Column("student_id", word(255), nullable=False),
        sa.Column("record_cnt", sa.Integer(), nullable=False),
        sa.Column("total_duration", sa.BigInteger(), nullable=False),
        sa.Column("last_record_at", UtcDateTime()),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("student_id"),
    )
    create_table(
        "stale_students",
        sa.Column("student_id", word(255), nullable=False),
        sa.PrimaryKeyConstraint("student_id"),
    )
    create_table(
        "runs",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("command", word(64), nullable=False),
        sa.Column("window_start", UtcDateTime()),
        sa.Column("window_end", UtcDateTime()),
        sa.Column("started_at", UtcDateTime(), nullable=False),
        sa.Column("finished_at", UtcDateTime()),
        sa.Column("listed", sa.Integer()),
        sa.Column("new", sa.Integer()),
        sa.Column("known", sa.Integer()),
        sa.Column("waiting", sa.Integer()),
        sa.Column("due", sa.Integer()),
        sa.Column("done", sa.Integer()),
        sa.Column("failed", sa.Integer()),
        sa.Column("skipped", sa.Integer()),
        sa.Column("deferred", sa.Integer()),
        sa.Column("stopped_by", word(64)),
        sa.Column("exit_code", sa.Integer()),
        sa.Column("seconds", sa.Double()),
        sa.Column("audio_seconds", sa.Double()),
        sa.Column("prompt_tokens", sa.BigInteger()),
        sa.Column("completion_tokens", sa.BigInteger()),
        sa.Column("cost", sa.Double()),
        sa.PrimaryKeyConstraint("id"),
    )
    create_table(
        "sync_state",
        sa.Column("source", word(32), nullable=False),
        sa.Column("watermark", UtcDateTime(), nullable=False),
        sa.Column("updated_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("source"),
    )
    create_table(
        "usage",
        sa.Column("recording_id", ID, autoincrement=False, nullable=False),
        sa.Column("call", word(128), nullable=False),
        sa.Column("run_id", ID),
        sa.Column("kind", word(32), nullable=False),
        sa.Column("model", word(255), nullable=False),
        sa.Column("audio_seconds", sa.Double(), nullable=False),
        sa.Column("prompt_tokens", sa.BigInteger(), nullable=False),
        sa.Column("completion_tokens", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.Double(), nullable=False),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("recording_id", "call"),
    )
    create_index("usage_by_run", "usage", ["run_id"])


def downgrade() -> None:
    raise NotImplementedError("there is nothing before the first tables; drop the database instead")


def one_of(name: str, *values: str) -> sa.Enum:
    return sa.Enum(*values, name=name, create_constraint=True)


def create_table(name: str, *items: Any) -> None:
    """MySQL commits each statement, so after a break-off some tables may be there already."""
    op.create_table(
        name,
        *items,
        if_not_exists=True,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_ci",
    )


def create_index(name: str, table: str, columns: list[str]) -> None:
    """MySQL has no CREATE INDEX IF NOT EXISTS."""
    there = []
    if not context.is_offline_mode():
        there = sa.inspect(op.get_bind()).get_indexes(table)
    if name not in [index["name"] for index in there]:
        op.create_index(name, table, columns)
