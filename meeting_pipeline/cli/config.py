"""`meeting config show`: the value in force of every setting, and where it comes from."""

import typer

from meeting_pipeline.cli import render
from meeting_pipeline.cli.options import AsJson
from meeting_pipeline.cli.session import begin
from meeting_pipeline.settings.config import shown

commands = typer.Typer(
    add_completion=False, help="设置 Settings.", no_args_is_help=True, rich_markup_mode=None
)


@commands.callback()
def _group() -> None:
    """设置 Settings."""


@commands.command("show")
def show(as_json: AsJson = False) -> None:
    """Show the value in force of every setting and its origin; secrets are redacted."""
    lines = shown(begin())
    if as_json:
        render.as_document(
            {"settings": [{"name": s.name, "value": s.value, "origin": s.origin} for s in lines]}
        )
        return
    rows = [(line.name, line.value, line.origin) for line in lines]
    render.console().print(render.table(("设置 setting", "值 value", "来自 from"), rows))
