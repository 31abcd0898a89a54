"""Versions of summaries, and phases that are set by hand.

On MySQL every statement that changes a table commits, and rows are copied a few thousand at a time,
so an upgrade of a large database can be broken off at any instant and resumed.
"""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import context, op

from meeting_pipeline.adapters.db.types import (
    DOCUMENT,
    ID,
    MEDIUM_TEXT,
    UtcDateTime,
    word,
)

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_CHUNK = 2_000
_PHASES = ("简历优化", "项目深挖", "面试模拟", "Offer后续", "其他")
_OPTIONS = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_unicode_ci",
}
_COPY = """
INSERT INTO summaries
(recording_id, version, made_from, engine, model, prompt, phase, body, created_at)
SELECT old.recording_id, 1, '', old.engine, old.model, old.prompt, recordings.phase, old.body,
old.created_at FROM summaries_old AS old JOIN recordings ON recordings.id = old.recording_id
WHERE old.recording_id > {after} AND old.recording_id <= {upto}
"""
_CURRENT = """
UPDATE recordings SET summary_version = 1 WHERE id > {after} AND id <= {upto}
AND summary_version IS NULL AND id IN (SELECT recording_id FROM summaries)
"""


def upgrade() -> None:
    _add_columns(
        "recordings",
        sa.Column("summary_version", sa.Integer()),
        sa.Column("summary_asked_at", UtcDateTime()),
        sa.Column("phase_by_hand", word(16)),
        sa.Column("phase_by", sa.String(255)),
        sa.Column("phase_at", UtcDateTime()),
    )
    _rebuild_summaries()


def downgrade() -> None:
    raise NotImplementedError("versions of summaries would be lost; restore a backup instead")


def _rebuild_summaries() -> None:
    if not _has("summaries_old"):
        if "version" in _names("get_columns", "summaries"):
            return
        op.rename_table("summaries", "summaries_old")
    _create_summaries()
    for after, upto in _spans():
        op.execute(_COPY.format(after=after, upto=upto))
        op.execute(_CURRENT.format(after=after, upto=upto))
        _commit()
    op.drop_table("summaries_old")


def _create_summaries() -> None:
    op.create_table(
        "summaries",
        sa.Column("id", ID, autoincrement=True, nullable=False),
        sa.Column("recording_id", ID, autoincrement=False, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("made_from", word(64), nullable=False),
        sa.Column("engine", word(64), nullable=False),
        sa.Column("model", word(255), nullable=False),
        sa.Column("prompt", word(255), nullable=False),
        sa.Column("model_code", word(64)),
        sa.Column("prompt_id", ID),
        sa.Column("prompt_version", sa.Integer()),
        sa.Column("user_prompt", sa.String(2000)),
        sa.Column("task_id", word(36)),
        sa.Column("phase", sa.Enum(*_PHASES, name="summaries_phase", create_constraint=True)),
        sa.Column("body", DOCUMENT, nullable=False),
        sa.Column("text", MEDIUM_TEXT),
        sa.Column("md_name", word(255)),
        sa.Column("created_at", UtcDateTime(), nullable=False),
        sa.ForeignKeyConstraint(["recording_id"], ["recordings.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("recording_id", "version", name="summaries_key"),
        sa.UniqueConstraint("task_id", name="summaries_task"),
        if_not_exists=True,
        **_OPTIONS,
    )
    _add_index("summaries_by_origin", "summaries", ["recording_id", "made_from"])


def _add_columns(table: str, *columns: sa.Column[Any]) -> None:
    there = _names("get_columns", table)
    for column in columns:
        if column.name not in there:
            op.add_column(table, column)


def _add_index(name: str, table: str, columns: list[str]) -> None:
    if name not in _names("get_indexes", table):
        op.create_index(name, table, columns)


def _spans() -> Iterator[tuple[int, int]]:
    """Yield the spans of recordings whose summaries are not copied yet, one chunk each."""
    if context.is_offline_mode():
        yield 0, 2**62
        return
    bind = op.get_bind()
    after = bind.scalar(sa.text("SELECT COALESCE(MAX(recording_id), 0) FROM summaries"))
    find = sa.text(
        "SELECT MAX(recording_id) FROM (SELECT recording_id FROM summaries_old "
        "WHERE recording_id > :after ORDER BY recording_id LIMIT :chunk) AS span"
    )
    while (upto := bind.scalar(find, {"after": after, "chunk": _CHUNK})) is not None:
        yield after, upto
        after = upto


def _commit() -> None:
    """Commit a chunk on MySQL; SQLite keeps the whole upgrade in one transaction."""
    if not context.is_offline_mode() and op.get_bind().dialect.name == "mysql":
        op.execute("COMMIT")


def _names(what: str, table: str) -> set[str]:
    """Return the columns or indexes that exist; none while the script is only printed."""
    if context.is_offline_mode():
        return set()
    return {found["name"] for found in getattr(sa.inspect(op.get_bind()), what)(table)}


def _has(table: str) -> bool:
    return not context.is_offline_mode() and sa.inspect(op.get_bind()).has_table(table)
