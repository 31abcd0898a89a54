"""Run benchmarks one after the other: python -m bench [NAME …]; without names, all of them.

Exits 1 when a bar was missed, and 2 when a name is unknown or a program that a benchmark needs is
not installed.
"""

import subprocess
import sys
from pathlib import Path

from bench.common.programs import EXIT_MISSING

FOLDER = Path(__file__).resolve().parent


def names() -> list[str]:
    """Return the names of all benchmarks: the files beside this one."""
    return sorted(file.stem for file in FOLDER.glob("*.py") if not file.stem.startswith("_"))


def main(wanted: list[str]) -> int:
    unknown = set(wanted) - set(names())
    if unknown:
        print(f"There is no benchmark {', '.join(sorted(unknown))}. Choose: {', '.join(names())}")
        return EXIT_MISSING
    codes = {name: _run(name) for name in wanted or names()}
    incomplete = [name for name, code in codes.items() if code == EXIT_MISSING]
    missed = [name for name, code in codes.items() if code not in (0, EXIT_MISSING)]
    if incomplete:
        print(f"not measured: {', '.join(incomplete)}; the reason is above")
    if missed:
        print(f"bars missed: {', '.join(missed)}")
    return 1 if missed else EXIT_MISSING if incomplete else 0


def _run(name: str) -> int:
    print(f"── {name} ──", flush=True)
    command = [sys.executable, "-m", f"bench.{name}"]
    return subprocess.run(command, check=False, cwd=FOLDER.parent).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
