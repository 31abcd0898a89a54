"""Whether a file is a whole export: it is read to its end, because only that may be replaced."""

import csv as csv_files
import io
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

from meeting_pipeline.reporting import csv, html

JSON_OPENING = '{"recordings": ['
JSON_CLOSING = "]}"

_LONGEST_OPENING = 1024
_LONGEST_LINE = 64 << 20  # the transcript of a day is a hundredth of it
_ID = re.compile(r"'?\d+", re.ASCII)  # a long one has the apostrophe of a spreadsheet
_KNOWN = csv.COLUMNS.index("participants_known")


def is_export(stream: BinaryIO) -> bool:
    """Return whether a file is one whole export of any form, or is empty.

    A page has our opening, as many articles as it says and our closing; every row of a sheet and
    every line of JSON is one of a recording.

    Args:
        stream: The file, at its beginning.
    """
    first = stream.read(_LONGEST_OPENING)
    stream.seek(0)
    if not first:
        return True
    if first.startswith(html.OPENING.encode()):
        return _is_page(stream)
    if first.startswith(csv.HEADERS):
        return _is_sheet(stream)
    return _is_json(stream)


def _is_page(stream: BinaryIO) -> bool:
    lines = _lines(stream)
    if html.HEADING not in lines:  # reads up to it
        return False
    count, inside = 0, False
    for line in lines:
        if inside:
            inside = line != b"</article>\n"
        elif line == b"<article>\n":
            count, inside = count + 1, True
        else:
            rest = [line, *lines]
            return html.is_foot(b"".join(rest).decode(errors="replace"), count)
    return False


def _is_sheet(stream: BinaryIO) -> bool:
    text = io.TextIOWrapper(stream, "utf-8-sig", newline="")
    try:
        with _long_cells():
            rows = csv_files.reader(text, strict=True)
            width = len(next(rows))
            return all(_is_row(row, width) for row in rows)
    except (ValueError, csv_files.Error):
        return False
    finally:
        text.detach()  # the stream is its owner's


def _is_row(row: list[str], width: int) -> bool:
    is_own = len(row) == width and bool(_ID.fullmatch(row[0]))
    return is_own and row[_KNOWN] in ("true", "false")


@contextmanager
def _long_cells() -> Iterator[None]:
    """Let cells be longer than the limit of the library, which is one of the whole process."""
    before = csv_files.field_size_limit(_LONGEST_LINE)
    try:
        yield
    finally:
        csv_files.field_size_limit(before)


def _is_json(stream: BinaryIO) -> bool:
    lines = _lines(stream)
    first = next(lines)
    if first != f"{JSON_OPENING}\n".encode():
        return _is_recording(first) and all(map(_is_recording, lines))
    for line in lines:
        if line == f"{JSON_CLOSING}\n".encode():
            return next(lines, None) is None
        if not _is_recording(line.removesuffix(b"\n").removesuffix(b",")):
            return False
    return False


def _is_recording(line: bytes) -> bool:
    """Return whether a line is the row of a recording."""
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):
        return False
    if not isinstance(row, dict) or {*row} - {"transcript"} != {*csv.COLUMNS}:
        return False
    return isinstance(row["id"], str) and bool(_ID.fullmatch(row["id"]))


def _lines(stream: BinaryIO) -> Iterator[bytes]:
    while line := stream.readline(_LONGEST_LINE):
        yield line
