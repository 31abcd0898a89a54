"""The pace of the good records of a night in which one record in twenty is poison.

    python bench/poison.py [--records 120] [--rounds 2]

The same night with and without trouble takes turns, A B then B A, and the better of the rounds
counts; everything outside is the server of bench/night.py. Poison is truncated media, HTML for
media, no sound, speech that is always refused; another record in twenty meets trouble that passes.
Prints a table, writes bench/results/poison.md, and exits 1 when a bar is missed.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.common.programs import require
from bench.nights.contenders import CONTENDERS, Arena, Outcome, Server, load, order
from bench.nights.plan import Night

RESULT = Path(__file__).resolve().parent / "results" / "poison.md"
CLIPS = Path(tempfile.gettempdir()) / "meeting-bench-clips"
WITHOUT, WITH = "ours", "ours-faults"
BAR_PACE = 0.95


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench/poison.py", description=__doc__.split("\n\n")[0])
    parser.add_argument("--records", type=int, default=120)
    parser.add_argument("--rounds", type=int, default=2)
    options = parser.parse_args()
    require({"ffmpeg"})
    before = load()
    best = _measured(Night(records=options.records), options.rounds)
    misses = list(_misses(best))
    lines = [*_report(best, before), ""]
    lines += [f"- missed: {miss}" for miss in misses] or ["Every bar is met."]
    text = "\n".join(lines) + "\n"
    print(text)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(text, encoding="utf-8")
    return 1 if misses else 0


def _measured(night: Night, rounds: int) -> Mapping[str, Outcome]:
    """The run of each kind with the best pace."""
    best: dict[str, Outcome] = {}
    with Server(CLIPS, night) as server, tempfile.TemporaryDirectory(prefix="poison-") as folder:
        arena = Arena(server.url, Path(folder), None)
        for name in order([WITHOUT, WITH], rounds):
            outcome = arena.run(CONTENDERS[name], replace(night, faults=name == WITH))
            if name not in best or pace(outcome) > pace(best[name]):
                best[name] = outcome
    return best


def pace(outcome: Outcome) -> float:
    """Records done in a second."""
    return outcome.done / outcome.seconds


def _report(best: Mapping[str, Outcome], before: str) -> Iterator[str]:
    yield f"# A night of {best[WITHOUT].night.records} recordings with poison among them"
    yield ""
    yield f"Load {before} before and {load()} after."
    yield ""
    yield "| night | could be done | done | paid twice | refused | seconds | pace |"
    yield "|---|" + "---:|" * 6
    for name, outcome in best.items():
        kind = "with poison" if name == WITH else "without"
        counts = f"{outcome.night.good} | {outcome.done} | {outcome.report['paid_twice']}"
        ratio = pace(outcome) / pace(best[WITHOUT])
        yield f"| {kind} | {counts} | {outcome.refused} | {outcome.seconds:.2f} | {ratio:.3f} |"


def _misses(best: Mapping[str, Outcome]) -> Iterator[str]:
    poisoned = best[WITH]
    ratio = pace(poisoned) / pace(best[WITHOUT])
    if ratio < BAR_PACE:
        yield f"the others keep {ratio:.1%} of their pace, the bar is {BAR_PACE:.0%}"
    if poisoned.failed:
        yield f"{poisoned.failed} records not done that should be"
    if poisoned.report["paid_twice"]:
        yield f"{poisoned.report['paid_twice']} uploads paid twice"


if __name__ == "__main__":
    sys.exit(main())
