"""The list of commands, and how any of them ends."""

import logging
import signal
import sys
from types import FrameType
from typing import NoReturn

import typer

from meeting_pipeline import __version__, exit_codes
from meeting_pipeline.cli import (
    cleanup,
    config,
    cron,
    db,
    demo,
    doctor,
    erase,
    export,
    retry,
    run,
    sandbox,
    show,
    stage_verbs,
    stats,
    status,
    streams,
    why,
)
from meeting_pipeline.domain.display import json_text, plain
from meeting_pipeline.errors import Busy, ConfigError, FatalError, MeetingError, UsageError

log = logging.getLogger("meeting_pipeline")

app = typer.Typer(
    name="meeting",
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


app.command("run")(run.run)
app.command("run-range")(run.run_range)
app.command("cron")(cron.cron)
app.command("fetch")(stage_verbs.fetch)
app.command("download")(stage_verbs.download)
app.command("transcribe")(stage_verbs.transcribe)
app.command("summarize")(stage_verbs.summarize)
app.command("status")(status.status)
app.command("show")(show.show)
app.command("why")(why.why)
app.command("retry")(retry.retry)
app.command("stats")(stats.stats)
app.command("export")(export.export)
app.command("cleanup")(cleanup.cleanup)
app.command("erase")(erase.erase)
app.command("doctor")(doctor.doctor)
app.command("demo")(demo.demo)
app.command("sandbox")(sandbox.sandbox)
app.add_typer(config.commands, name="config")
app.add_typer(db.commands, name="db")


def run_program(arguments: list[str]) -> int:
    """`run_command` as a process of its own: with its streams and its signals."""
    streams.secure()
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is signal.SIG_DFL:  # `nohup` means it
            signal.signal(number, _terminated)
    code = run_command(arguments)
    return code if streams.flush() or code else exit_codes.BUG


def _terminated(number: int, _frame: FrameType | None) -> NoReturn:
    """Before and after a run; it has handlers of its own."""
    raise SystemExit(exit_codes.TERMINATED)


def run_command(arguments: list[str]) -> int:
    """Run one command and return its exit code; every error is one line on standard error."""
    debug = "--debug" in arguments
    words = [argument for argument in arguments if argument != "--debug"]
    try:
        app(words, prog_name="meeting")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else exit_codes.OK
    except MeetingError as error:
        if debug:
            log.exception("%s", error.code)
        _say(error, as_json="--json" in words)
        return _exit_code(error)
    except Exception as bug:
        log.exception("a bug in `meeting %s`", words[0] if words else "")
        sys.stderr.write(f"meeting: a bug ({type(bug).__name__}); please report the log lines\n")
        return exit_codes.BUG
    return exit_codes.OK


def _say(error: MeetingError, as_json: bool) -> None:
    hint = f" → {error.hint}" if error.hint else ""
    sys.stderr.write(plain(f"meeting: {error.code}: {error.message}{hint}") + "\n")
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
