"""`meeting sandbox`: a local Tencent Meeting and model server for trials."""

from enum import StrEnum
from typing import Annotated

import typer

from meeting_pipeline.sandbox.limits import ROOMY, Limits
from meeting_pipeline.sandbox.server import Sandbox
from meeting_pipeline.sandbox.serving import serve


class Scope(StrEnum):
    """Whose recordings the printed settings list."""

    CORP = "corp"
    USER = "user"


def sandbox(
    scope: Annotated[
        Scope, typer.Option(help="The recordings of the company, or of each user.")
    ] = Scope.CORP,
    strict_rates: Annotated[
        bool,
        typer.Option("--strict-rates", help="Enforce the documented rates, 10 listings a minute."),
    ] = False,
) -> None:
    """Serve a local Tencent Meeting and models until Ctrl-C.

    It prints the settings that point `meeting` to it, as the text of an .env file. It is as strict
    as the real service (signature, clock, replay, rates, expiring links), and Ctrl-C prints every
    rule that was broken.
    """
    with Sandbox(limits=Limits() if strict_rates else ROOMY) as running:
        serve(running, scope.value)
