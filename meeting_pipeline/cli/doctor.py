"""`meeting doctor`: is everything here that the night needs?"""

import typer

from meeting_pipeline import exit_codes
from meeting_pipeline.cli.options import AsJson

_SIGNS = {True: "✓", False: "✗", None: "–"}


def doctor(as_json: AsJson = False) -> None:
    """Test every setting for real and say how to mend what is red; exit code 3 when one is."""
    from meeting_pipeline.cli import render
    from meeting_pipeline.cli.session import ENV_FILE, begin
    from meeting_pipeline.doctor import examine

    checks = examine(begin(even_if_open=True), ENV_FILE)
    red = sum(check.ok is False for check in checks)
    if as_json:
        render.as_document({"checks": [vars(check) for check in checks]})
    else:
        rows = [(_SIGNS[c.ok], c.code, c.message, c.hint) for c in checks]
        columns = ("", "检查 check", "结果 result", "怎么办 what to do")
        render.console().print(render.table("", columns, rows))
        render.console().print(f"要处理 to mend: {red}" if red else "全部就绪 ready for the night")
    if red:
        raise typer.Exit(exit_codes.CONFIG)
