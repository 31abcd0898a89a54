"""Which files were removed on purpose, and which recordings must not come back."""

import sqlalchemy as sa
from alembic import context, op

from meeting_pipeline.adapters.db.types import UtcDateTime, word

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """MySQL commits each statement, so after a break-off some of it may be there already."""
    ledger, index = "stage_ledger", "stage_ledger_by_file"
    if "file_removed_at" not in _names("get_columns", ledger):
        op.add_column(ledger, sa.Column("file_removed_at", UtcDateTime()))
    if index not in _names("get_indexes", ledger):
        op.create_index(index, ledger, ["stage", "file_removed_at", "finished_at"])
    op.create_table(
        "erased",
        sa.Column("word_hash", word(64), nullable=False),
        sa.Column("erased_at", UtcDateTime(), nullable=False),
        sa.PrimaryKeyConstraint("word_hash"),
        if_not_exists=True,
        mysql_engine="InnoDB",
        mysql_charset="utf8mb4",
        mysql_collate="utf8mb4_unicode_ci",
    )


def downgrade() -> None:
    raise NotImplementedError("what was erased must stay known; restore a backup instead")


def _names(what: str, table: str) -> set[str]:
    """The columns or indexes that are there; none while the script is only printed."""
    if context.is_offline_mode():
        return set()
    return {found["name"] for found in getattr(sa.inspect(op.get_bind()), what)(table)}
