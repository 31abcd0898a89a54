"""How long `meeting --help` and `meeting status` take, in starts of the bare interpreter.

    python bench/startup.py [--runs 15]

The three commands take turns; the least of each counts. Writes bench/results/startup.md, exits 1
when a bar is missed.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RESULT = ROOT / "bench" / "results" / "startup.md"
BARE = "python -c pass"
MEETING = (sys.executable, "-m", "meeting_pipeline")
COMMANDS: Mapping[str, tuple[str, ...]] = {
    BARE: (sys.executable, "-c", "pass"),
    "meeting --help": (*MEETING, "--help"),
    "meeting status": (*MEETING, "status"),
}
BARS = {"meeting --help": 18.0, "meeting status": 45.0}


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/startup.py", description=__doc__.split("\n\n")[0])
    parser.add_argument("--runs", type=int, default=15)
    times = measure(parser.parse_args().runs)
    least = {name: min(taken) for name, taken in times.items()}
    ratios = {name: least[name] / least[BARE] for name in COMMANDS}
    load = ", ".join(f"{one:.1f}" for one in os.getloadavg())
    lines = ["# Start-up", "", f"{os.cpu_count()} cores, load {load}; ms.", ""]
    lines += ["| command | min | median | x bare interpreter | bar |", "|---|---:|---:|---:|---:|"]
    for name, taken in times.items():
        median = statistics.median(taken)
        bar = f"{BARS[name]:g}" if name in BARS else ""
        cells = (name, f"{least[name]:.1f}", f"{median:.1f}", f"{ratios[name]:.1f}", bar)
        lines.append(f"| {' | '.join(cells)} |")
    text = "\n".join(lines) + "\n"
    print(text)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(text, encoding="utf-8")
    return int(any(ratios[name] > bar for name, bar in BARS.items()))


def measure(runs: int) -> dict[str, list[float]]:
    """Milliseconds of every run by command; `status` shows an installation that has its tables."""
    times: dict[str, list[float]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
            "DATA_DIR": f"{folder}/data",
        }
        for name in COMMANDS:
            _timed(name, environment, folder)
        for _ in range(runs):
            for name in COMMANDS:
                times[name].append(_timed(name, environment, folder))
    return times


def _timed(name: str, environment: Mapping[str, str], folder: str) -> float:
    began = time.perf_counter()
    subprocess.run(
        COMMANDS[name], env=environment, cwd=folder, check=True, stdout=subprocess.DEVNULL
    )
    return 1_000 * (time.perf_counter() - began)


if __name__ == "__main__":
    sys.exit(main())
