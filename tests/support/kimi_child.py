"""Summarizes one long meeting in a process of its own, which may be killed when it has paid.

    python -m tests.support.kimi_child BASE_URL API_KEY FOLDER CHARACTERS [--die-when-paid]

Prints the phase, the calls it planned, and the most memory it ever had, in MiB.
"""

import os
import signal
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

from meeting_pipeline.adapters.http.rate_limit import RateLimit
from meeting_pipeline.adapters.llm.openai_compatible import ChatSummarizer
from meeting_pipeline.domain.model import Segment, Transcript, Usage
from tests.support.transcripts import summary_job

TURN = "我们先看简历的排版，再看自我评价，下周三之前把改好的简历发给我，好不好。" * 2


def long_meeting(characters: int) -> Transcript:
    turns = characters // len(TURN)
    segments = tuple(
        Segment(4.0 * n, 4.0 * n + 4, f"{n}：{TURN}", "李老师" if n % 2 else "王小明")
        for n in range(turns)
    )
    return Transcript("zh", "script", "none", segments, 4.0 * turns)


def die(usage: Usage) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def main(base_url: str, api_key: str, folder: str, characters: str, *flags: str) -> None:
    stop = threading.Event()
    summarizer = ChatSummarizer(
        base_url=base_url,
        api_key=api_key,
        model="kimi-k2.6",
        rate=RateLimit(stop=stop, clock=time.monotonic),
        stop=stop,
        zone=ZoneInfo("Asia/Shanghai"),
    )
    job = summary_job(Path(folder))
    if "--die-when-paid" in flags:
        job = replace(job, spent=die)
    said = long_meeting(int(characters))
    summary = summarizer.summarize(said, job)
    sys.stdout.write(f"{summary.phase} {summarizer.planned_calls(said)} {most_mib()}\n")


def most_mib() -> int:
    """The most memory this process ever had; `getrusage` would count the parent it came from."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
