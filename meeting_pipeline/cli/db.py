"""`meeting db …`: the tables behind everything."""

from typing import Annotated

import typer

from meeting_pipeline.cli.options import AsJson

commands = typer.Typer(help="数据库 Database.", no_args_is_help=True, rich_markup_mode=None)


@commands.command("init")
def init() -> None:
    """Make the tables in an empty database; where they are, nothing changes."""
    upgrade()


@commands.command("upgrade")
def upgrade() -> None:
    """Bring the tables to what this version needs; may be repeated and broken off."""
    from meeting_pipeline import wiring
    from meeting_pipeline.cli.session import begin

    now = wiring.upgrade_schema(begin())
    typer.echo(f"数据库结构 schema {now.current}: 最新 up to date")


@commands.command("status")
def status(as_json: AsJson = False) -> None:
    """Which schema the database has, and which one this version needs."""
    from meeting_pipeline import exit_codes, wiring
    from meeting_pipeline.cli import render
    from meeting_pipeline.cli.session import begin

    found = wiring.schema_status(begin())
    if as_json:
        document = {"current": found.current, "needed": found.needed, "ok": found.is_current}
        render.as_document(document)
    else:
        have = found.current or "none"
        said = "最新 up to date" if found.is_current else "→ meeting db upgrade"
        typer.echo(f"schema: {have}, needed: {found.needed}: {said}")
    if not found.is_current:
        raise typer.Exit(exit_codes.CONFIG)


@commands.command("dump-sql")
def dump_sql(
    dialect: Annotated[str, typer.Argument(help="mysql or sqlite")] = "mysql",
) -> None:
    """The whole schema as SQL, as `sql/init.sql` has it."""
    from meeting_pipeline import wiring

    typer.echo(wiring.schema_sql(dialect), nl=False)
