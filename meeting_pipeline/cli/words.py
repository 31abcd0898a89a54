"""Words, colours and short forms for people."""

from collections.abc import Iterable, Iterator

from rich.cells import cell_len, set_cell_size

from meeting_pipeline.domain.display import strip_control_characters

RESOURCE_WORDS = {
    "tencent": "腾讯 Tencent",
    "download": "下载 downloads",
    "cpu": "CPU",
    "asr": "ASR",
    "llm": "LLM",
}

STATUS_STYLES = {
    "done": "green",
    "failed": "red",
    "dead": "bold red",
    "skipped": "yellow",
    "deferred": "cyan",
    "pending": "cyan",
    "waiting": "cyan",
    "running": "cyan",
}


def shorten(text: str, cells: int) -> str:
    """Return a text cut to a number of terminal cells; a Chinese character takes two."""
    text = strip_control_characters(text)
    return text if cell_len(text) <= cells else set_cell_size(text, cells - 1).rstrip() + "…"


def note_lines(notes: Iterable[str]) -> Iterator[str]:
    """Yield what the source of a recording did not understand, a line each, below a heading."""
    notes = list(notes)
    if notes:
        yield "注意 notes from the source:"
        yield from (f"  ! {note}" for note in notes)


def minutes(seconds: float | None) -> str:
    """Return a duration as mm:ss or h:mm:ss; "–" when it is unknown."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    clock = f"{rest // 60:02d}:{rest % 60:02d}"
    return f"{hours}:{clock}" if hours else clock
