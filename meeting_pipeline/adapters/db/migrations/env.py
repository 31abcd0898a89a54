"""How Alembic reaches our database; `meeting_pipeline.adapters.db.migrate` starts it."""

from alembic import context

from meeting_pipeline.adapters.db.schema import metadata
from meeting_pipeline.adapters.db.types import SQLITE


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
