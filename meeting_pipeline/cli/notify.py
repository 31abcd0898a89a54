"""`meeting notify --test`: one test notice to every address in NOTIFY_URLS."""

from typing import Annotated

import typer

from meeting_pipeline import exit_codes
from meeting_pipeline.actions.notices import send_test_notice
from meeting_pipeline.cli import render
from meeting_pipeline.cli.alerts import place
from meeting_pipeline.cli.options import AsJson
from meeting_pipeline.cli.session import begin


def notify(
    test: Annotated[bool, typer.Option("--test", help="Send one test notice.")] = False,
    as_json: AsJson = False,
) -> None:
    """Send a test notice, and say what each address made of it.

    It goes to every address in NOTIFY_URLS. The exit code is 3 when one did not accept it, or when
    there is none. Addresses hold
    tokens and are not shown; they are counted from 1 in the order of NOTIFY_URLS.
    """
    if not test:
        raise typer.BadParameter("add --test: nights send their notices by themselves")
    deliveries = send_test_notice(begin(), place())
    if as_json:
        rows = [
            {"number": one.number, "service": one.service, "problem": one.problem}
            for one in deliveries
        ]
        render.as_document({"deliveries": rows})
    else:
        for one in deliveries:
            result = f"✗ {one.problem}" if one.problem else "✓ 已接受 accepted"
            service = f" ({one.service})" if one.service else ""
            line = f"第 {one.number} 个 number {one.number}{service}: {result}"
            render.console().print(line, soft_wrap=True, markup=False)
    failed = sum(one.problem is not None for one in deliveries)
    if not as_json:
        render.console().print(_verdict(failed, len(deliveries)), soft_wrap=True, markup=False)
    if failed:
        raise typer.Exit(exit_codes.CONFIG)


def _verdict(failed: int, count: int) -> str:
    if failed:
        return (
            f"{count} 个地址中有 {failed} 个没有接受 of {count} addresses {failed} refused: "
            "检查 .env 中的 NOTIFY_URLS，再试一次 check NOTIFY_URLS in .env and try again"
        )
    return "请在群里或邮箱确认已收到 now see whether it has arrived"
