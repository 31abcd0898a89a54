"""The list of commands, and how any of them ends."""

import logging
import sys
from importlib import import_module
from typing import Any

import typer
from click import Command, Context
from typer.core import TyperGroup

from meeting_pipeline import __version__, exit_codes
from meeting_pipeline.cli import streams
from meeting_pipeline.cli.ended import Ended
from meeting_pipeline.domain.display import json_text, strip_control_characters
from meeting_pipeline.errors import Busy, ConfigError, FatalError, MeetingError, UsageError
from meeting_pipeline.runtime.interrupts import CommandInterrupts

log = logging.getLogger("meeting_pipeline")

_COMMANDS = {
    "run": "run:run",
    "run-range": "run:run_range",
    "cron": "cron:cron",
    "fetch": "stage_verbs:fetch",
    "download": "stage_verbs:download",
    "transcribe": "stage_verbs:transcribe",
    "summarize": "stage_verbs:summarize",
    "status": "status:status",
    "show": "show:show",
    "why": "why:why",
    "retry": "retry:retry",
    "stats": "stats:stats",
    "export": "export:export",
    "cleanup": "cleanup:cleanup",
    "erase": "erase:erase",
    "doctor": "doctor:doctor",
    "demo": "demo:demo",
    "sandbox": "sandbox:sandbox",
    "config": "config:commands",
    "db": "db:commands",
}
"""Where each is: a module of `meeting_pipeline.cli`, and its function or its group of them."""


class _Commands(TyperGroup):
    """Loads a command when it is called: all of them take as long to load as half a library."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {name: Command(name) for name in _COMMANDS}  # what a typo may have meant

    def list_commands(self, ctx: Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        if cmd_name not in _COMMANDS:
            return None
        module, _, name = _COMMANDS[cmd_name].partition(":")
        found = getattr(import_module(f"meeting_pipeline.cli.{module}"), name)
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(add_completion=False, rich_markup_mode=None)
            alone.command(cmd_name)(found)
            found = alone
        command = typer.main.get_command(found)
        command.name = cmd_name
        return command


app = typer.Typer(
    name="meeting",
    cls=_Commands,
    pretty_exceptions_enable=False,  # they would print local variables: secrets among them
    rich_markup_mode=None,  # plain help starts in half the time
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"meeting {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def meeting(
    context: typer.Context,
    version: bool = typer.Option(
        False, "--version", callback=_version, is_eager=True, help="Show the version."
    ),
    debug: bool = typer.Option(False, "--debug", help="Errors come with their traceback."),
) -> None:
    """腾讯会议录制 → 转写、总结、阶段、学员统计，每晚一次。

    Tencent Meeting recordings to transcripts, summaries, phases and student statistics.
    """
    if context.invoked_subcommand is None:
        from meeting_pipeline.cli.welcome import next_steps

        typer.echo(next_steps())


def run_program(arguments: list[str]) -> int:
    """`run_command` as a process of its own: with its streams and its signals."""
    streams.secure()
    ended, interrupts = Ended(), CommandInterrupts()
    try:
        with interrupts.handled():
            _run(arguments, ended)
            ended.exit_code = interrupts.exit_code(ended.exit_code)
            _hand_over(ended, is_night=_words(arguments)[:1] == ["cron"])
    except (KeyboardInterrupt, SystemExit):  # before the command had begun, or when it was over
        ended.exit_code = exit_codes.INTERRUPTED
    return interrupts.exit_code(ended.exit_code)


def _hand_over(ended: Ended, *, is_night: bool) -> None:
    """Write what is left of standard output, and tell of a night how it ended."""
    if not streams.flush() and not ended.exit_code:
        ended.exit_code = exit_codes.BUG
        ended.error = FatalError("output_lost", "standard output cannot be written")
    if is_night:
        from meeting_pipeline.cli import alerts  # loads all settings, which `--help` has no use for

        alerts.tell(ended)


def run_command(arguments: list[str]) -> int:
    """Run one command and return its exit code; every error is one line on standard error."""
    ended = Ended()
    _run(arguments, ended)
    return ended.exit_code


def _run(arguments: list[str], ended: Ended) -> None:
    words = _words(arguments)
    try:
        app(words, prog_name="meeting", obj=ended)
    except SystemExit as end:
        ended.exit_code = end.code if isinstance(end.code, int) else exit_codes.OK
    except MeetingError as error:
        if "--debug" in arguments:
            log.exception("%s", error.code)
        _say(error, as_json="--json" in words)
        ended.exit_code, ended.error = _exit_code(error), error
    except Exception as bug:
        log.exception("a bug in `meeting %s`", words[0] if words else "")
        sys.stderr.write(f"meeting: a bug ({type(bug).__name__}); please report the log lines\n")
        ended.exit_code, ended.error = exit_codes.BUG, bug


def _words(arguments: list[str]) -> list[str]:
    return [argument for argument in arguments if argument != "--debug"]


def _say(error: MeetingError, as_json: bool) -> None:
    hint = f" → {error.hint}" if error.hint else ""
    sys.stderr.write(
        strip_control_characters(f"meeting: {error.code}: {error.message}{hint}") + "\n"
    )
    if as_json:  # whoever reads standard output gets their one document all the same
        told = {"code": error.code, "message": error.message, "hint": error.hint}
        document = {"error": told, "exit_code": _exit_code(error)}
        sys.stdout.write(json_text(document, indent=2) + "\n")


def _exit_code(error: MeetingError) -> int:
    if isinstance(error, UsageError):
        return exit_codes.USAGE
    if isinstance(error, ConfigError):
        return exit_codes.CONFIG
    if isinstance(error, Busy):
        return exit_codes.BUSY
    if isinstance(error, FatalError):
        return exit_codes.STOPPED_EARLY
    return exit_codes.RECORDS_FAILED
