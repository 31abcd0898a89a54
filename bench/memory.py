"""How much memory a run takes with sixteen recordings in flight, and with ten times the input.

    python bench/memory.py [--records 32] [--jobs 16]

Two nights, each with a server of its own: recordings of 90 s and 10 MB, then of 900 s and 102 MB.
The peak of our process counts (VmHWM); what runs in children is theirs. Writes
bench/results/memory.md, and exits 1 when the bar is missed.
"""

import argparse
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.nights.contenders import CONTENDERS, Arena, Outcome, Server, load
from bench.nights.plan import Night

RESULT = Path(__file__).resolve().parent / "results" / "memory.md"
TIMES = 10
BAR_MB = 110.0


@dataclass(frozen=True)
class Peaks:
    """Of our process, in MB: over short recordings, and over ten times as long ones."""

    short: float
    long: float

    @property
    def grown(self) -> float:
        """What the larger input took more."""
        return self.long - self.short

    @property
    def is_met(self) -> bool:
        """Whether both nights meet the bar."""
        return max(self.short, self.long) <= BAR_MB


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/memory.py", description=__doc__.split("\n\n")[0])
    parser.add_argument("--records", type=int, default=32)
    parser.add_argument("--jobs", type=int, default=16)
    options = parser.parse_args()
    short = Night(records=options.records, megabits=1_000.0)
    long = replace(short, clip_s=TIMES * short.clip_s, clip_bytes=TIMES * short.clip_bytes)
    first, second = (night_of(night, options.jobs) for night in (short, long))
    peaks = Peaks(first.cost.peak_rss_mb, second.cost.peak_rss_mb)
    text = "\n".join(report(first, second, peaks, options.jobs)) + "\n"
    print(text)
    RESULT.write_text(text, encoding="utf-8")
    return int(not peaks.is_met)


def night_of(night: Night, jobs: int) -> Outcome:
    """One run over these recordings; it must get all of them done."""
    clips = Path(tempfile.gettempdir()) / f"meeting-bench-clips-{night.clip_s:g}"
    with Server(clips, night) as server, tempfile.TemporaryDirectory(prefix="memory-") as folder:
        arena = Arena(server.url, Path(folder), None)
        outcome = arena.run(replace(CONTENDERS["ours"], jobs=jobs), night)
    if outcome.failed:
        raise SystemExit(f"{outcome.failed} recordings were not done")
    return outcome


def report(first: Outcome, second: Outcome, peaks: Peaks, jobs: int) -> list[str]:
    lines = ["# Memory", "", f"{jobs} recordings in flight, load {load()}.", ""]
    lines += ["| recordings | each | peak of our process | bar |", "|---:|---|---:|---:|"]
    for outcome in (first, second):
        night = outcome.night
        each = f"{night.clip_s:g} s, {night.clip_bytes / 1e6:.0f} MB"
        peak = f"{outcome.cost.peak_rss_mb:.0f} MB"
        lines.append(f"| {night.records} | {each} | {peak} | {BAR_MB:g} MB |")
    lines += ["", f"Ten times the input: {peaks.grown:+.0f} MB."]
    return lines


if __name__ == "__main__":
    sys.exit(main())
