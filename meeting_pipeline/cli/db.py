"""`meeting db …`: the tables of the database, and backups of it."""

from pathlib import Path
from typing import Annotated

import typer

from meeting_pipeline import exit_codes
from meeting_pipeline.actions.backup import back_up
from meeting_pipeline.actions.schema import schema_sql, schema_status, upgrade_schema
from meeting_pipeline.cli import render
from meeting_pipeline.cli.options import AsJson
from meeting_pipeline.cli.session import begin

commands = typer.Typer(
    add_completion=False, help="数据库 Database.", no_args_is_help=True, rich_markup_mode=None
)


@commands.command("init")
def init() -> None:
    """Make the tables in an empty database; existing tables stay as they are."""
    upgrade()


@commands.command("upgrade")
def upgrade() -> None:
    """Bring the tables to what this version needs; it can be stopped and repeated."""
    now = upgrade_schema(begin())
    typer.echo(f"数据库结构 schema {now.current}: 最新 up to date")


@commands.command("status")
def status(as_json: AsJson = False) -> None:
    """Show which schema the database has, and which one this version needs."""
    found = schema_status(begin())
    if as_json:
        document = {"current": found.current, "needed": found.needed, "ok": found.is_current}
        render.as_document(document)
    else:
        have = found.current or "none"
        result = "最新 up to date" if found.is_current else "→ meeting db upgrade"
        typer.echo(f"schema: {have}, needed: {found.needed}: {result}")
    if not found.is_current:
        raise typer.Exit(exit_codes.CONFIG)


@commands.command("dump-sql")
def dump_sql(
    dialect: Annotated[str, typer.Argument(help="mysql or sqlite")] = "mysql",
) -> None:
    """Print the whole schema as SQL, as in `sql/init.sql`."""
    typer.echo(schema_sql(dialect), nl=False)


@commands.command("backup")
def backup(
    file: Annotated[
        Path | None, typer.Argument(help="The copy (default: DATA_DIR/backups/meeting-DATE.db).")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Copy the embedded database, also while a run is at work, and check the copy.

    To restore it, copy it to DATA_DIR/meeting.db while nothing runs.
    """
    made = back_up(begin(), file)
    if as_json:
        document = {"file": str(made.path), "size_bytes": made.size_bytes}
        render.as_document({**document, "recordings": made.recordings})
        return
    size_mb = made.size_bytes / 1e6
    typer.echo(f"备份 backup {made.path}: {made.recordings} recordings, {size_mb:.1f} MB, checked")
