"""Students are found by name without reading everybody's attendance."""

import sqlalchemy as sa
from alembic import context, op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_NAME, _TABLE = "attendance_by_name", "attendance"


def upgrade() -> None:
    """MySQL commits each statement, so after a break-off the index may be there already."""
    there = [] if context.is_offline_mode() else sa.inspect(op.get_bind()).get_indexes(_TABLE)
    if _NAME not in [index["name"] for index in there]:
        op.create_index(_NAME, _TABLE, ["name", "role", "person"])


def downgrade() -> None:
    op.drop_index(_NAME, _TABLE)
