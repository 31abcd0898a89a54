"""Run benchmarks one after the other: python -m bench [NAME …]; without names, all of them."""

import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent


def names() -> list[str]:
    """Every benchmark there is: a file beside this one."""
    return sorted(file.stem for file in FOLDER.glob("*.py") if not file.stem.startswith("_"))


def main(wanted: list[str]) -> int:
    unknown = set(wanted) - set(names())
    if unknown:
        print(f"no such benchmark: {', '.join(sorted(unknown))}; there are {', '.join(names())}")
        return 2
    missed = [name for name in wanted or names() if not _met(name)]
    if missed:
        print(f"bars missed: {', '.join(missed)}")
    return int(bool(missed))


def _met(name: str) -> bool:
    print(f"── {name} ──", flush=True)
    return subprocess.run([sys.executable, FOLDER / f"{name}.py"], check=False).returncode == 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
