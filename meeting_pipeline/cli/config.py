"""`meeting config show`: the value in force of every setting, and where it comes from."""

import typer

from meeting_pipeline.cli import render
from meeting_pipeline.cli.options import AsJson
from meeting_pipeline.cli.session import begin
from meeting_pipeline.settings.config import shown
from meeting_pipeline.settings.location import locate

commands = typer.Typer(
    add_completion=False, help="设置 Settings.", no_args_is_help=True, rich_markup_mode=None
)


@commands.callback()
def _group() -> None:
    """设置 Settings."""


@commands.command("show")
def show(as_json: AsJson = False) -> None:
    """Show the value in force of every setting and its origin; secrets are redacted.

    The first line says which .env is used: that of MEETING_HOME; else of the current folder; else
    of the folder of the installation; else none, and the environment alone.
    """
    lines, location = shown(begin()), locate()
    if as_json:
        settings = [{"name": s.name, "value": s.value, "origin": s.origin} for s in lines]
        render.as_document({"env_file": location.found, "settings": settings})
        return
    render.console().print(f"设置 settings: {location.words}", soft_wrap=True, markup=False)
    rows = [(line.name, line.value, line.origin) for line in lines]
    render.console().print(render.table(("设置 setting", "值 value", "来自 from"), rows))
