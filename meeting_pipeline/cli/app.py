"""The table of commands, and the end of every command: exit code, error message, notice."""

import logging
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from click import Command, Context, HelpFormatter
from typer.core import TyperGroup

from meeting_pipeline import __version__, exit_codes
from meeting_pipeline.cli import streams
from meeting_pipeline.cli.ended import Ended
from meeting_pipeline.cli.welcome import next_steps
from meeting_pipeline.domain.display import (
    json_text,
    mask_credentials,
    strip_control_characters,
)
from meeting_pipeline.errors import Busy, ConfigError, FatalError, MeetingError, UsageError
from meeting_pipeline.runtime.interrupts import CommandInterrupts

log = logging.getLogger("meeting_pipeline")


@dataclass(frozen=True)
class _Listed:
    """A command in the list, which is shown without loading any command.

    Attributes:
        where: A module of `meeting_pipeline.cli` and its function, or its group of functions.
        help: The first line of the command's help page.
    """

    where: str
    help: str


COMMANDS = {
    "run": _Listed("run:run", "List a window, then process every record in it that is due."),
    "run-range": _Listed(
        "run:run_range", "Run over a time span with a start and an end, to fill gaps."
    ),
    "cron": _Listed("cron:cron", "Run the incremental night: what is new and what is due."),
    "fetch": _Listed("stage_verbs:fetch", "List a window into rows; download nothing."),
    "download": _Listed("stage_verbs:download", "List a window and download what is due."),
    "transcribe": _Listed(
        "stage_verbs:transcribe", "List a window, download what is due, and transcribe it."
    ),
    "summarize": _Listed(
        "stage_verbs:summarize", "List a window and process what is due up to its summary."
    ),
    "status": _Listed("status:status", "List recordings, newest first, with status and stages."),
    "show": _Listed("show:show", "Show attendance, summary and transcript of a recording."),
    "why": _Listed("why:why", "Explain why a recording is not finished, and what is next."),
    "summaries": _Listed(
        "summaries:summaries", "List the versions of a recording's summary, or choose one."
    ),
    "phase": _Listed(
        "summaries:phase",
        "Set the phase by hand; later summaries do not change it.",
    ),
    "retry": _Listed("retry:retry", "Make failed, dead or skipped recordings due again."),
    "stats": _Listed("stats:stats", "List students with recordings, attended minutes and phases."),
    "export": _Listed("export:export", "Export recordings as CSV, HTML or JSON."),
    "cleanup": _Listed(
        "cleanup:cleanup", "Remove expired media and audio, and old transcripts if asked."
    ),
    "erase": _Listed("erase:erase", "Erase a student from rows, files and logs, for good."),
    "doctor": _Listed("doctor:doctor", "Test every setting for real, or repair what is damaged."),
    "notify": _Listed(
        "notify:notify",
        "Send a test notice, and say what each address made of it.",
    ),
    "demo": _Listed("demo:demo", "Run the real pipeline over the sample recordings."),
    "sandbox": _Listed("sandbox:sandbox", "Serve a local Tencent Meeting and models until Ctrl-C."),
    "config": _Listed("config:commands", "设置 Settings."),
    "db": _Listed("db:commands", "数据库 Database."),
}


class _Commands(TyperGroup):
    """Commands that are loaded when they are called: all of them take a third of a second."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = {name: Command(name, help=listed.help) for name, listed in COMMANDS.items()}

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name].where.partition(":")
        found = getattr(import_module(f"meeting_pipeline.cli.{module}"), name)
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(add_completion=False, rich_markup_mode=None)
            alone.command(cmd_name)(found)
            found = alone
        command = typer.main.get_command(found)
        command.name = cmd_name
        return command

    def format_commands(self, ctx: Context, formatter: HelpFormatter) -> None:
        room = formatter.width - 6 - max(map(len, self.commands))
        with formatter.section("Commands"):
            formatter.write_dl(
                [(name, one.get_short_help_str(room)) for name, one in self.commands.items()]
            )


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
    debug: bool = typer.Option(False, "--debug", help="Log the traceback of an error."),
) -> None:
    """腾讯会议录制 → 转写、摘要、辅导阶段、学员统计，每晚一次。

    Tencent Meeting recordings to transcripts, summaries, phases and student statistics.
    """
    if context.invoked_subcommand is None:
        typer.echo(next_steps())


def run_program(arguments: list[str]) -> int:
    """Run one command as this process, with its streams and signals, and return its exit code."""
    streams.secure()
    ended, interrupts = Ended(), CommandInterrupts()
    try:
        with interrupts.handled():
            _run(arguments, ended)
            ended.exit_code = interrupts.exit_code(ended.exit_code)
            _hand_over(ended, is_night=_words(arguments)[:1] == ["cron"])
            return ended.exit_code  # whatever a signal ends now, it is not the command
    except (KeyboardInterrupt, SystemExit):  # before the command began, or after it ended
        ended.exit_code = exit_codes.INTERRUPTED
    return interrupts.exit_code(ended.exit_code)


def _hand_over(ended: Ended, *, is_night: bool) -> None:
    """Write what is left of standard output, and tell how a night or a run has ended."""
    if not streams.flush() and not ended.exit_code:
        ended.exit_code = exit_codes.BUG
        ended.error = FatalError("output_lost", "standard output cannot be written")
    if is_night or ended.is_watched:
        from meeting_pipeline.cli import alerts  # loads the settings and what sends notices

        alerts.tell_end(ended, is_night=is_night)


def run_command(arguments: list[str]) -> int:
    """Run one command and return its exit code; an error is one line on standard error."""
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
        _print_error(error, as_json="--json" in words)
        ended.exit_code, ended.error = _exit_code(error), error
    except Exception as bug:
        log.exception("a bug in `meeting %s`", words[0] if words else "")
        sys.stderr.write(
            f"meeting: a bug ({type(bug).__name__}); report the traceback in the log\n"
        )
        ended.exit_code, ended.error = exit_codes.BUG, bug


def _words(arguments: list[str]) -> list[str]:
    return [argument for argument in arguments if argument != "--debug"]


def _print_error(error: MeetingError, as_json: bool) -> None:
    message, hint = mask_credentials(error.message), mask_credentials(error.hint)
    line = f"meeting: {error.code}: {message}" + (f" → {hint}" if hint else "")
    sys.stderr.write(strip_control_characters(line) + "\n")
    if as_json:  # a program that reads standard output finds one document there in any case
        details = {"code": error.code, "message": message, "hint": hint}
        document = {"error": details, "exit_code": _exit_code(error)}
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
