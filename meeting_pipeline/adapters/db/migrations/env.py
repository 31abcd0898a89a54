"""Alembic's environment, which `meeting_pipeline.adapters.db.migrate` runs."""

from typing import Any

from alembic import context
from alembic.ddl.mysql import MySQLImpl
from sqlalchemy import Table

from meeting_pipeline.adapters.db.schema import metadata
from meeting_pipeline.adapters.db.types import MYSQL, SQLITE

_TABLE_OPTIONS = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_unicode_ci",
}


class _MySQL(MySQLImpl):
    """Alembic's MySQL support, with the options of our tables for its own table."""

    __dialect__ = MYSQL

    def version_table_impl(self, **wanted: Any) -> Table:
        table = super().version_table_impl(**wanted)
        table.dialect_kwargs.update(_TABLE_OPTIONS)
        return table


def run() -> None:
    """Apply the revisions to the given connection, or print them for the given dialect."""
    connection = context.config.attributes["connection"]
    dialect = connection.dialect.name if connection else context.config.attributes["dialect"]
    context.configure(
        connection=connection,
        dialect_name=dialect,
        target_metadata=metadata,
        render_as_batch=True,
        literal_binds=connection is None,
        transactional_ddl=dialect == SQLITE,
    )
    with context.begin_transaction():
        context.run_migrations()


run()
