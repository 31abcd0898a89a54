"""How Alembic reaches our database; `meeting_pipeline.adapters.db.migrate` starts it."""

from typing import Any

from alembic import context
from alembic.ddl.mysql import MySQLImpl
from sqlalchemy import Table

from meeting_pipeline.adapters.db.schema import metadata
from meeting_pipeline.adapters.db.types import MYSQL, SQLITE

_AS_ALL = {
    "mysql_engine": "InnoDB",
    "mysql_charset": "utf8mb4",
    "mysql_collate": "utf8mb4_unicode_ci",
}


class _MySQL(MySQLImpl):
    """Alembic's own table as all the others, whatever the default of the database is."""

    __dialect__ = MYSQL

    def version_table_impl(self, **wanted: Any) -> Table:
        table = super().version_table_impl(**wanted)
        table.dialect_kwargs.update(_AS_ALL)
        return table


def run() -> None:
    """Run the revisions on the given connection, or print them for the given dialect."""
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
