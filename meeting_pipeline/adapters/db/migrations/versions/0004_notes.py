"""What a source did not understand about a recording, and whether its damage is accepted."""

import sqlalchemy as sa
from alembic import context, op

from meeting_pipeline.adapters.db.types import DOCUMENT

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TABLE = "recordings"


def upgrade() -> None:
    """MySQL commits each statement, so after a break-off a column may be there already."""
    there = [] if context.is_offline_mode() else sa.inspect(op.get_bind()).get_columns(_TABLE)
    known = {column["name"] for column in there}
    if "notes" not in known:
        op.add_column(_TABLE, sa.Column("notes", DOCUMENT))
    if "accept_damaged" not in known:
        no = sa.Column("accept_damaged", sa.Boolean, nullable=False, server_default=sa.false())
        op.add_column(_TABLE, no)


def downgrade() -> None:
    op.drop_column(_TABLE, "accept_damaged")
    op.drop_column(_TABLE, "notes")
