"""Compare the database time of a night over few and over many recordings: `python bench/growth.py`

The same night over few and over many recordings, through our own stores, in database time; and a
whole `meeting cron` with nothing new over the many. Exits with 1 when a bar is missed.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from heapq import nlargest
from pathlib import Path

from bench.common.programs import MARIADB, require
from bench.growing.night import COMMAND, Clock, work_through
from bench.growing.places import ENGINES, Place, seeded
from bench.growing.rows import PER_DAY
from bench.growing.timing import DatabaseTime
from meeting_pipeline.adapters.db.database import Database

LARGEST_RATIO, LONGEST_S, LARGEST_MB = 1.2, 1.0, 80.0
RESULT = Path(__file__).parent / "results" / "growth.md"
_ORDER = (0, 1, 0, 1, 1, 0, 0, 1)  # one of each to warm up, then three of each
_TRIES = 5
_WATCHER = """
import json, resource, subprocess, sys, time
started = time.perf_counter()
subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL, check=True)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
waited = time.perf_counter() - started
print(json.dumps([waited, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]))
"""  # a process of its own: what is forked from a large one is never smaller
_SHOWN = 6


@dataclass(frozen=True)
class Quiet:
    """A process with nothing new: seconds waited and worked, MB of its largest resident set."""

    wall_s: float
    cpu_s: float
    megabytes: float


@dataclass(frozen=True)
class Measured:
    """Seconds of one night in the database: waited for, by statement, and worked by a processor."""

    by_statement: Mapping[str, float]
    cpu_s: float

    @property
    def waited_s(self) -> float:
        return sum(self.by_statement.values())


@dataclass(frozen=True)
class Compared:
    """Three nights over each size; and the process with nothing new over the larger."""

    engine: str
    sizes: tuple[int, int]
    nights: tuple[list[Measured], list[Measured]]
    quiet: Quiet

    @property
    def waited_s(self) -> list[float]:
        """The best of each size."""
        return [min(one.waited_s for one in nights) for nights in self.nights]

    @property
    def cpu_s(self) -> list[float]:
        return [min(one.cpu_s for one in nights) for nights in self.nights]

    @property
    def ratio(self) -> float:
        return self.waited_s[1] / self.waited_s[0]

    @property
    def cpu_ratio(self) -> float:
        return self.cpu_s[1] / self.cpu_s[0]

    @property
    def holds(self) -> bool:
        within = self.quiet.wall_s <= LONGEST_S and self.quiet.megabytes <= LARGEST_MB
        return self.ratio <= LARGEST_RATIO and within

    def best(self, which: int) -> Mapping[str, float]:
        return min(self.nights[which], key=lambda one: one.waited_s).by_statement


class Nights:
    """One night after the other over one database."""

    def __init__(self, place: Place, new: int) -> None:
        self._place, self._new, self._clock = place, new, Clock()
        self._rows = Database(place.url, now=self._clock)
        self._time = DatabaseTime(self._rows.engine, place.server)

    def next(self) -> Measured:
        """Work through the next night that this database has not seen."""
        night = sum(run.command == COMMAND for run in self._rows.reading.runs(10_000))
        with self._time.measured():
            report = work_through(self._rows, self._place.company, night, self._clock, self._new)
        if (report.new, report.due) != (self._new, self._new) or not report.adds_up():
            raise RuntimeError(f"not the night that was meant: {report.new} new, {report.due} due")
        return Measured(dict(self._time.by_statement), self._time.cpu_s)

    def close(self) -> None:
        self._rows.close()


def compare(engine: str, small: int, large: int, new: int, folder: Path) -> Compared:
    """Interleaved, so that a busy moment of the machine does not fall on one of them alone."""
    with seeded(engine, small, large, folder) as places:
        nights = [Nights(place, new) for place in places]
        measured: tuple[list[Measured], list[Measured]] = ([], [])
        for turn, which in enumerate(_ORDER):
            one = nights[which].next()
            size = places[which].company.size
            print(f"{engine} {size}: {one.waited_s:.2f} s, CPU {one.cpu_s:.2f} s", flush=True)
            if turn >= len(places):
                measured[which].append(one)
        for one_place in nights:
            one_place.close()
        quiet = nothing_new(places[1], folder)
    return Compared(engine, (small, large), measured, quiet)


def nothing_new(place: Place, folder: Path) -> Quiet:
    """A whole `meeting cron` over an empty folder, the best of five."""
    empty = folder / "empty"
    empty.mkdir(exist_ok=True)
    ours = {"DATA_DIR": str(folder / "data"), "MEETING_SOURCE": "folder", **place.env}
    env = {**os.environ, **ours, "MEETING_FOLDER": str(empty), "LOG_LEVEL": "ERROR"}
    tries = [_cron(env, empty) for _ in range(_TRIES)]
    return Quiet(*(min(tried) for tried in zip(*tries, strict=True)))


def _cron(env: dict[str, str], folder: Path) -> tuple[float, float, float]:
    told = subprocess.run(
        [sys.executable, "-c", _WATCHER, sys.executable, "-m", "meeting_pipeline", "cron"],
        env=env,
        cwd=folder,
        check=True,
        capture_output=True,
        text=True,
    )
    wall_s, cpu_s, megabytes = json.loads(told.stdout.splitlines()[-1])
    return wall_s, cpu_s, megabytes


def table(results: list[Compared], new: int) -> Iterator[str]:
    """What README and people read."""
    yield f"# A night with {new} new recordings, however many are there\n"
    yield (
        "Seconds in the database (statements, fetches, commits) for all that a night writes: "
        f"a listing with {7 * PER_DAY} known ones, five stages, 45 kB transcripts, statistics, "
        "its own row; best of three, interleaved. CPU ratio: the same in processor seconds of the "
        "database, which other work on the machine does not stretch. Quiet: a whole `meeting cron` "
        f"with nothing new over the larger table. {os.cpu_count()} cores; MariaDB with its default "
        "buffer pool of 128 MB, and commits that do not wait for the disk, whose constant cost "
        "would hide growth.\n"
    )
    yield "| engine | rows | a night | rows | a night | ratio | CPU ratio | quiet | its CPU | RSS |"
    yield "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|"
    for one in results:
        few, many = one.sizes
        yield (
            f"| {one.engine} | {few:,} | {one.waited_s[0]:.2f} s | {many:,} "
            f"| {one.waited_s[1]:.2f} s | **{one.ratio:.2f}** | {one.cpu_ratio:.2f} "
            f"| {one.quiet.wall_s:.2f} s | {one.quiet.cpu_s:.2f} s | {one.quiet.megabytes:.0f} MB |"
        )
    yield f"\nBars: ratio {LARGEST_RATIO}, {LONGEST_S:.0f} s, {LARGEST_MB:.0f} MB.\n"
    for one in results:
        yield f"Where the time is spent on {one.engine}, in seconds:\n"
        yield "| statement | small | large |\n|---|--:|--:|"
        small, large = one.best(0), one.best(1)
        for statement in nlargest(_SHOWN, large, key=lambda one: large[one]):
            shown = " ".join(statement.split())[:90].replace("|", "¦")
            yield f"| `{shown}` | {small.get(statement, 0.0):.3f} | {large[statement]:.3f} |"
        yield ""


def main() -> int:
    """The exit code: 1 when a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--small", type=int, default=10_000)
    parser.add_argument("--new", type=int, default=PER_DAY, choices=range(1, PER_DAY + 1))
    parser.add_argument("--engine", choices=[*ENGINES, "both"], default="both")
    parser.add_argument("--keep", type=Path, help="a folder whose databases are used again")
    wanted = parser.parse_args()
    if wanted.engine != "sqlite":
        require(MARIADB)
    engines = ENGINES if wanted.engine == "both" else (wanted.engine,)
    print(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory(prefix="growth") as made:
        folder = (wanted.keep or Path(made)).absolute()
        sizes = (wanted.small, wanted.rows)
        results = [compare(engine, *sizes, wanted.new, folder) for engine in engines]
    text = "\n".join(table(results, wanted.new))
    print(text, f"load average {os.getloadavg()[0]:.1f}", sep="\n")
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(text.rstrip() + "\n", encoding="utf-8")
    return 0 if all(one.holds for one in results) else 1


if __name__ == "__main__":
    sys.exit(main())
