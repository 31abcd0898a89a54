"""Draw docs/demo.svg: what `meeting demo` prints on a terminal.

    .venv/bin/python tools/draw_demo.py

It runs the demo in a temporary folder and draws its report and statistics. The picture uses no font
and no other file from the network.
"""

import html
import os
import re
import subprocess
import sys
from itertools import groupby
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "demo.svg"
COLUMNS = 140
PROMPT = "$ ./deploy.sh demo"
CELL = 12.2  # the width of a terminal cell in the units of rich's pictures
FONTS = "ui-monospace, Menlo, Consolas, 'Noto Sans Mono CJK SC', 'Microsoft YaHei', monospace"
END = "摘要示例"  # the heading of the part that is not drawn


def output_of_demo() -> str:
    """Run the demo as on a terminal with colours, and return what it prints."""
    with TemporaryDirectory() as home:
        settings = {"DATA_DIR": f"{home}/data", "COLUMNS": str(COLUMNS), "FORCE_COLOR": "1"}
        ended = subprocess.run(
            [sys.executable, "-m", "meeting_pipeline", "demo"],
            env={**os.environ, **settings, "PYTHONPATH": str(ROOT)},
            cwd=home,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    return ended.stdout


def drawn(output: str) -> str:
    """Return the picture of an output with colours, up to the heading END."""
    lines = output.splitlines()
    end = next(number for number, line in enumerate(lines) if END in line)
    with Path(os.devnull).open("w") as nowhere:
        console = Console(file=nowhere, record=True, width=COLUMNS, force_terminal=True)
        console.print(Text(PROMPT, style="bold"))
        for line in lines[:end]:
            console.print(Text.from_ansi(line.rstrip()))
        console.print()  # rich cuts off the lower edge of the last line
        svg = console.export_svg(title="meeting", unique_id="demo")
    return _with_true_widths(_without_fonts(svg))


def _without_fonts(svg: str) -> str:
    """Replace the font that the picture would fetch by those of the reader's system."""
    svg = re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)
    return svg.replace("Fira Code, monospace", FONTS)


def _with_true_widths(svg: str) -> str:
    """Put every run of Chinese or other characters where its cells are: a Chinese one takes two.

    Rich gives every character one cell, and some viewers ignore the width of a text.
    """
    element = r'<text ([^>]*?)x="([^"]*)"([^>]*?)textLength="[^"]*"([^>]*)>([^<]*)</text>'
    return re.sub(element, _in_runs, svg)


def _in_runs(found: re.Match[str]) -> str:
    before, x, between, after, escaped = found.groups()
    text = html.unescape(escaped).replace("\xa0", " ")
    left, runs = float(x), []
    for cells, characters in groupby(text, key=cell_len):
        run = "".join(characters)
        for words in re.finditer(r"\S+(?: \S+)*", run):
            start = left + words.start() * cells * CELL
            length = len(words[0]) * cells * CELL
            place = f'x="{start:.1f}"{between}textLength="{length:.1f}"{after}'
            runs.append(f"<text {before}{place}>{html.escape(words[0])}</text>")
        left += len(run) * cells * CELL
    return "".join(runs)


if __name__ == "__main__":
    PICTURE.write_text(drawn(output_of_demo()), "utf-8")
    print(f"{PICTURE.relative_to(ROOT)}: {PICTURE.stat().st_size / 1000:.0f} kB")
