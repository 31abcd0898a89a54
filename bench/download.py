"""The download stage beside `aria2c` (and yt-dlp) on the same lists, from the same server.

    python bench/download.py [--rounds N] [--only WORD] [--mbit N] [--connection-mbit N]

Lists: many small, some medium, few large files. Servers: one without a limit, one behind a line
that all connections share, one that limits each connection. Contenders take turns, A B then B A;
the best of the rounds counts. Writes bench/results/download.md; exits 1 when we need more than
1.05 times what aria2c needs on some list, and 2 where no aria2c can be started. The system's
aria2c is measured, or the packaged one where the system has none.

Our time is that from the first record to the last. It does not contain the start of the interpreter
and of the decoders, but that of our aria2c, and work that aria2c alone does not do: media probe,
sha256, fsync. All files are in the page cache.
"""

import argparse
import hashlib
import itertools
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.common.programs import EXIT_MISSING
from meeting_pipeline.adapters.downloads.aria2_keeper import find_aria2c
from tests.support.tone_recordings import tone_recording

ROOT = Path(__file__).resolve().parent.parent
BAR = 1.05
MEGABYTE = 1_000_000
WIDTH, CONNECTIONS = 4, 8
YT_DLP = Path(sys.executable).parent / "yt-dlp"


@dataclass(frozen=True)
class FileList:
    name: str
    count: int
    size_bytes: int

    @property
    def names(self) -> list[str]:
        return [f"{self.name}-{place}.m4a" for place in range(self.count)]

    def __str__(self) -> str:
        return f"{self.name} ({self.count} x {self.size_bytes / MEGABYTE:g} MB)"


@dataclass(frozen=True)
class Took:
    """seconds: wall time; detail: for people."""

    seconds: float
    detail: str = ""


LISTS = (
    FileList("small", 60, 2 * MEGABYTE),
    FileList("medium", 30, 10 * MEGABYTE),
    FileList("large", 6, 100 * MEGABYTE),
)


def seed(folder: Path) -> dict[str, str]:
    """The files of all lists, each a valid recording of its size; returns their hashes by list."""
    sound = tone_recording(folder / "sound.m4a", seconds=30)
    hashes = {}
    for files in LISTS:
        first, *others = files.names
        data = sound.read_bytes()
        box = files.size_bytes - len(data)
        data += box.to_bytes(4, "big") + b"free" + os.urandom(box - 8)
        (folder / first).write_bytes(data)
        for name in others:
            os.link(folder / first, folder / name)
        hashes[files.name] = hashlib.sha256(data).hexdigest()
    return hashes


@contextmanager
def served(folder: Path, *limits: str) -> Iterator[str]:
    """The address of a file server in a process of its own."""
    command = [sys.executable, "-m", "bench.downloading.file_server", str(folder), *limits]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as server:
        assert server.stdout
        try:
            yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        finally:
            server.terminate()


def ours(links: Path, folder: Path, sha256: str) -> Took:
    """`Download` with its real adapters, in a process of its own."""
    settings = {
        "ALLOW_PRIVATE_HOSTS": "1",
        "MEETING_SOURCE": "tencent",
        "DB_HOST": "",
        "DATA_DIR": str(folder),
        "DOWNLOAD_CONCURRENCY": str(WIDTH),
        "DOWNLOAD_CONNECTIONS": str(CONNECTIONS),
    }
    command = [sys.executable, "-m", "bench.downloading.ours", str(links), str(folder)]
    environment = {**os.environ, **settings}
    said = subprocess.run(
        command, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    report = json.loads(said.stdout)
    assert set(report["hashes"]) == {sha256}, "a wrong byte was taken for a recording"
    cpu = f"CPU {report['cpu_here']:.2f} s + children {report['cpu_children']:.2f} s"
    return Took(report["seconds"], f"{cpu}, {report['rss_mb']:.0f} MB")


def aria2c(links: Path, folder: Path, sha256: str) -> Took:
    program = find_aria2c()
    assert program
    limits = [f"-j{WIDTH}", f"-x{CONNECTIONS}", f"-s{CONNECTIONS}", "-k1M"]
    return _timed(
        [str(program), "-i", str(links), *limits, "--file-allocation=none", "-q", "-d", str(folder)]
    )


def yt_dlp(links: Path, folder: Path, sha256: str) -> Took:
    return _timed([str(YT_DLP), "-q", "-a", str(links), "-P", str(folder), "-o", "%(id)s.%(ext)s"])


def _timed(command: list[str]) -> Took:
    started = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return Took(time.monotonic() - started)


def race(address: str, files: FileList, sha256: str, rounds: int, peers: bool) -> dict[str, Took]:
    """The best of each contender, who take turns."""
    best: dict[str, Took] = {}
    turns = [ours, aria2c]
    with tempfile.TemporaryDirectory(prefix="meeting-bench-") as scratch:
        links = Path(scratch) / "links"
        links.write_text("".join(f"{address}/{name}\n" for name in files.names))
        plan = list(
            itertools.chain.from_iterable(
                turns[:: 1 if place % 2 == 0 else -1] for place in range(rounds)
            )
        )
        for contender in [*plan, *([yt_dlp] if peers else [])]:
            folder = Path(scratch) / "downloads"
            took = contender(links, folder, sha256)
            whole = [
                path for path in folder.rglob("*.m4a") if path.stat().st_size == files.size_bytes
            ]
            assert len(whole) == files.count, f"{contender.__name__} left files out"
            shutil.rmtree(folder)
            if took.seconds < best.get(contender.__name__, Took(float("inf"))).seconds:
                best[contender.__name__] = took
    return best


def row(server: str, files: FileList, best: dict[str, Took]) -> tuple[str, float]:
    """A line of the table, and our ratio to aria2c."""
    mine, theirs, other = best["ours"], best["aria2c"], best.get("yt_dlp")
    ratio = mine.seconds / theirs.seconds
    peer = f"{other.seconds:.2f} s ({other.seconds / theirs.seconds:.2f})" if other else "–"
    cells = [
        server,
        str(files),
        f"{mine.seconds:.2f} s",
        f"{theirs.seconds:.2f} s",
        f"**{ratio:.2f}**",
        peer,
        mine.detail,
    ]
    return f"| {' | '.join(cells)} |", ratio


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", default="", help="a list's or a server's name")
    parser.add_argument("--mbit", type=float, default=300.0, help="of the shared line")
    parser.add_argument("--connection-mbit", type=float, default=40.0)
    parser.add_argument("--no-peers", action="store_true", help="leave yt-dlp out")
    said = parser.parse_args()
    program = find_aria2c()
    if program is None:
        print("This benchmark needs aria2c. Install: apt-get install aria2", file=sys.stderr)
        return EXIT_MISSING
    print(f"aria2c: {program}")
    servers = {
        "no limit": (),
        f"line of {said.mbit:g} Mbit/s": ("--line-mbit", str(said.mbit)),
        f"connection of {said.connection_mbit:g} Mbit/s": (
            "--connection-mbit",
            str(said.connection_mbit),
        ),
    }
    peers = YT_DLP.exists() and not said.no_peers
    if not peers:
        print("yt-dlp is NOT measured: it is not installed, or was left out", file=sys.stderr)
    load = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} at the start"
    lines = [
        "| server | list | ours | aria2c | ratio | yt-dlp (ratio), once | of ours |",
        "|---|---|---|---|---|---|---|",
    ]
    print(load, *lines, sep="\n")
    ratios = []
    with tempfile.TemporaryDirectory(prefix="meeting-bench-") as scratch:
        hashes = seed(Path(scratch))
        for server, limits in servers.items():
            with served(Path(scratch), *limits) as address:
                for files in LISTS:
                    if said.only and said.only not in f"{server} {files.name}":
                        continue
                    alone = peers and "connection" not in server
                    best = race(address, files, hashes[files.name], said.rounds, alone)
                    line, ratio = row(server, files, best)
                    lines.append(line)
                    ratios.append(ratio)
                    print(line, flush=True)
    load += f", {os.getloadavg()[0]:.1f} at the end; best of {said.rounds}, {WIDTH} at once"
    verdict = f"worst ratio {max(ratios):.2f}, the bar is {BAR}"
    print(load, verdict, sep="\n")
    results = ROOT / "bench" / "results"
    results.mkdir(exist_ok=True)
    (results / "download.md").write_text(
        "\n".join(["# Download stage", "", load, "", *lines, "", verdict, ""])
    )
    return int(max(ratios) > BAR)


if __name__ == "__main__":
    sys.exit(main())
