"""`meeting sandbox`: a local Tencent Meeting and model server to try everything against."""

from enum import StrEnum
from typing import Annotated

import typer

from meeting_pipeline.sandbox.__main__ import serve
from meeting_pipeline.sandbox.limits import ROOMY, Limits
from meeting_pipeline.sandbox.server import Sandbox


class Scope(StrEnum):
    """Whose recordings the settings will list."""

    CORP = "corp"
    USER = "user"


def sandbox(
    scope: Annotated[Scope, typer.Option(help="The company's, or each user's own.")] = Scope.CORP,
    strict_rates: Annotated[
        bool, typer.Option("--strict-rates", help="The documented rates, 10 lists a minute.")
    ] = False,
) -> None:
    """Serve a local Tencent Meeting and models until Ctrl-C.

    It is as strict as the real service (signature, clock, replay, rates, expiring links); Ctrl-C
    prints every rule that was broken.
    """
    with Sandbox(limits=Limits() if strict_rates else ROOMY) as running:
        serve(running, scope.value)
