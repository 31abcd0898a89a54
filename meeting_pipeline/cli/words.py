"""Words and signs for people, in one place."""

from rich.cells import cell_len, set_cell_size

from meeting_pipeline.domain.display import strip_control_characters

STAGE_WORDS = {
    "download": "下载 download",
    "extract": "取音 extract",
    "transcribe": "转写 transcribe",
    "summarize": "总结 summarize",
    "store": "入库 store",
}

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
    """At most so many terminal cells of it; a Chinese character takes two."""
    text = strip_control_characters(text)
    return text if cell_len(text) <= cells else set_cell_size(text, cells - 1).rstrip() + "…"


def minutes(seconds: float | None) -> str:
    """A duration as mm:ss or h:mm:ss."""
    if seconds is None:
        return "–"
    whole = round(seconds)
    hours, rest = divmod(whole, 3600)
    clock = f"{rest // 60:02d}:{rest % 60:02d}"
    return f"{hours}:{clock}" if hours else clock
