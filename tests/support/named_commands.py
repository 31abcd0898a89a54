"""Command lines of `meeting` that documents name, compared with the real commands."""

from collections.abc import Iterator

import typer
from click import Command, Context, Group

from meeting_pipeline.cli.app import app


def unknown_words(words: list[str]) -> Iterator[str]:
    """Yield a sentence for each word behind `meeting` that names no command and no option.

    Args:
        words: The words of the command line, without `meeting`.
    """
    command: Command = typer.main.get_command(app)
    while words and isinstance(command, Group) and not words[0].startswith("-"):
        name, *words = words
        found = command.get_command(Context(command), name)
        if found is None:
            yield f"no command {name}"
            return
        command = found
    options = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    yield from (
        f"meeting {command.name} has no {word}"
        for word in words
        if word.startswith("-") and word not in options
    )
