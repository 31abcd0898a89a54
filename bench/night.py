"""A whole night against the earliest end that physics and the services' limits allow.

    python bench/night.py [--records 120] [--jobs auto] [--faults] [--mariadb] [--rounds 3]
                          [--contenders ours,ours-1,shell-8,shell-15]

One server with a line of 300 Mbit/s, three speech slots and five language-model slots, which
answers 429 beyond; contenders take turns, A B then B A, and the best of the rounds counts. The
audio stage is calibrated before and after, and the quieter moment counts. Where one record follows
another (ours-1, shell-1), the measure is bare-1, the stages and nothing else, which takes turns
with them. Prints every term of the lower bound and a table, writes bench/results/night.md, and
exits 1 when a bar is missed, and 2 where a program that it needs is not installed.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.common.programs import MARIADB, SHELL, require
from bench.nights.calibration import Audio90, calibrate
from bench.nights.contenders import (
    CONTENDERS,
    Arena,
    Contender,
    Kind,
    Outcome,
    Server,
    load,
    order,
)
from bench.nights.plan import Night, Term, lower_bound, terms
from tests.support.mariadb import running_mariadb

RESULT = Path(__file__).resolve().parent / "results" / "night.md"
CLIPS = Path(tempfile.gettempdir()) / "meeting-bench-clips"
LARGE_NIGHT = 300
PLAIN = "bare-1"
BAR, BAR_LARGE, BAR_SHELL, BAR_SEQUENTIAL, BAR_FAULTS = 1.05, 1.03, 0.75, 1.02, 1.20
BAR_RSS_MB, BAR_CPU_MS = 100.0, 15.0


@dataclass(frozen=True)
class Measured:
    """All runs of a benchmark. audio: the calibration. best: the fastest run of each contender."""

    night: Night
    cores: int
    audio: Audio90
    best: dict[str, Outcome]
    loads: tuple[str, str]

    def bounds(self, night: Night) -> list[Term]:
        return terms(night, self.audio.cpu_s, self.cores)

    def least_s(self, outcome: Outcome) -> float:
        """What a run is measured against: the lower bound, or one after the other the plain sum."""
        if outcome.contender.one_by_one:
            return self.best[PLAIN].seconds
        return lower_bound(self.bounds(outcome.night)).seconds

    def ratio(self, outcome: Outcome) -> float:
        return outcome.seconds / self.least_s(outcome)

    @property
    def best_shell_s(self) -> float | None:
        full = [one.seconds for one in self.best.values() if is_full_shell(one.contender)]
        return min(full, default=None)

    def own_cpu_ms(self, outcome: Outcome) -> float | None:
        """Our own CPU per record beside the stages: without start-up, and what their `run` took."""
        start = self.best.get("ours-start")
        if start is None or outcome.contender.kind is not Kind.OURS or not outcome.night.records:
            return None
        ours = outcome.cost.own_cpu_s - start.cost.own_cpu_s - outcome.stages_cpu_s
        return 1_000 * ours / outcome.night.records


def is_full_shell(contender: Contender) -> bool:
    return contender.kind is Kind.SHELL and not contender.one_by_one


def main() -> int:
    options = _options()
    require(_programs(options.names))
    night = Night(records=options.records)
    measured = _measured(night, options)
    lines = list(_report(measured))
    misses = list(_misses(measured))
    lines += (
        ["", *(f"- missed: {miss}" for miss in misses)] if misses else ["", "Every bar is met."]
    )
    text = "\n".join(lines) + "\n"
    print(text)
    RESULT.parent.mkdir(exist_ok=True)
    RESULT.write_text(text, encoding="utf-8")
    return 1 if misses else 0


def _programs(contenders: Sequence[str]) -> set[str]:
    """Return the system programs that these contenders and their server start."""
    needed = {"ffmpeg"}
    if any(CONTENDERS[name].kind is Kind.SHELL for name in contenders):
        needed.update(SHELL)
    if _needs_mariadb(contenders):
        needed.update(MARIADB)
    return needed


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench/night.py", description=__doc__.split("\n\n")[0])
    parser.add_argument("--records", type=int, default=120)
    parser.add_argument("--few", type=int, help="records where one follows another")
    parser.add_argument("--jobs", default="auto", help="ours: records in flight")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--faults", action="store_true", help="also a night with trouble")
    parser.add_argument("--mariadb", action="store_true", help="also ours with rows in MariaDB")
    parser.add_argument("--contenders", default="ours,ours-1,shell-8,shell-15")
    options = parser.parse_args()
    names = options.contenders.split(",")
    names += ["ours-faults"] * options.faults + ["ours-mariadb"] * options.mariadb
    unknown = set(names) - CONTENDERS.keys()
    if unknown:
        parser.error(f"no such contender: {', '.join(sorted(unknown))}; {', '.join(CONTENDERS)}")
    if any(CONTENDERS[name].one_by_one for name in names):
        names.append(PLAIN)
    options.names = list(dict.fromkeys(["ours-start", *names]))
    return options


def _measured(night: Night, options: argparse.Namespace) -> Measured:
    best: dict[str, Outcome] = {}
    with ExitStack() as stack:
        server = stack.enter_context(Server(CLIPS, night))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="night-")))
        database = stack.enter_context(running_mariadb()) if _needs_mariadb(options.names) else None
        arena = Arena(server.url, folder, database)
        audio, before = calibrate(CLIPS / "0.mp4"), load()
        for name in order(options.names, options.rounds):
            contender, to_do = _contender(name, options.jobs), _night_of(name, night, options.few)
            outcome = arena.run(contender, to_do)
            print(_line(outcome), file=sys.stderr, flush=True)
            if name not in best or outcome.seconds < best[name].seconds:
                best[name] = outcome
        audio = audio.least(calibrate(CLIPS / "0.mp4"))
    return Measured(night, arena.cores, audio, best, (before, load()))


def _needs_mariadb(names: Sequence[str]) -> bool:
    contenders = [CONTENDERS[name] for name in names]
    return any(one.kind is Kind.SHELL or one.mariadb for one in contenders)


def _contender(name: str, jobs: str) -> Contender:
    contender = CONTENDERS[name]
    is_free = contender.jobs is None and jobs != "auto"
    return replace(contender, jobs=int(jobs)) if is_free else contender


def _night_of(name: str, night: Night, few: int | None) -> Night:
    contender = CONTENDERS[name]
    if name == "ours-start":
        return replace(night, records=0)
    if contender.one_by_one:
        return replace(night, records=min(few or night.records, night.records))
    return replace(night, faults=contender.faults)


def _line(outcome: Outcome) -> str:
    return (
        f"{outcome.contender.name:>14}: {outcome.seconds:7.2f} s, {outcome.done} of "
        f"{outcome.night.good} done, {outcome.refused} refused, load {load()}, others "
        f"{outcome.cost.others_cpu_s / outcome.seconds:.1f} cores, "
        f"server {outcome.report['cpu_share']:.0%} of a core"
    )


def _report(measured: Measured) -> Iterator[str]:
    night, audio = measured.night, measured.audio
    yield f"# A night of {night.records} recordings"
    yield ""
    yield f"{measured.cores} cores, load {' before and '.join(measured.loads)} after."
    yield (
        f"Clips of {night.clip_s:g} s and {night.clip_bytes / 1e6:.1f} MB, {night.megabits:g} "
        f"Mbit/s in all, speech {night.asr_s:g} s x {night.asr_slots} slots, language model "
        f"{night.llm_low_s:g}-{night.llm_high_s:g} s x {night.llm_slots} slots."
    )
    yield (
        f"One clip's audio and its pauses take {audio.cpu_s:.3f} s of CPU, "
        f"{audio.wall_s:.3f} s in all."
    )
    yield "Shell scripts get a plain list of links: they need not sign what we have to sign."
    yield ""
    yield "Lower bound, head + work / capacity + tail:"
    yield ""
    bounds = measured.bounds(night)
    yield from (f"    {term}" for term in bounds)
    yield f"    it binds: {lower_bound(bounds).name}, {lower_bound(bounds).seconds:.2f} s"
    yield ""
    yield from _table(measured)


def _table(measured: Measured) -> Iterator[str]:
    yield (
        "| contender | records | seconds | x bound | x best shell | refused | not done "
        "| paid twice | own CPU, all | beside the stages | children's CPU | peak RSS "
        "| all its CPU, s | cores taken by others |"
    )
    yield "|---|" + "---:|" * 13
    for outcome in measured.best.values():
        yield _row(measured, outcome)
    yield ""
    yield (
        "x bound: of the lower bound; where records follow each other, of the plain sum, which is"
        f" what {PLAIN} takes: the stages and nothing else. CPU in ms per"
        " record; beside the stages: without our start and what the five stages took. All its CPU:"
        " spread over all cores, a bound of its own. Where others took much of the cores, seconds"
        " say little."
    )


def _row(measured: Measured, outcome: Outcome) -> str:
    cost, records = outcome.cost, max(1, outcome.night.records)
    shell, own = measured.best_shell_s, measured.own_cpu_ms(outcome)
    compared = shell is not None and not outcome.contender.one_by_one
    ours = outcome.contender.kind is Kind.OURS
    cells = [
        outcome.contender.name,
        str(outcome.night.records),
        f"{outcome.seconds:.2f}",
        f"{measured.ratio(outcome):.3f}" if outcome.night.records else "",
        f"{outcome.seconds / shell:.2f}" if compared and shell else "",
        str(outcome.refused),
        str(outcome.failed),
        str(outcome.report["paid_twice"]),
        f"{1e3 * cost.own_cpu_s / records:.0f}" if ours else "",
        f"{own:.1f}" if own is not None else "",
        f"{1e3 * cost.children_cpu_s / records:.0f}",
        f"{cost.peak_rss_mb:.0f} MB" if ours else "",
        f"{(cost.own_cpu_s + cost.children_cpu_s) / measured.cores:.1f}",
        f"{cost.others_cpu_s / cost.seconds:.2f}",
    ]
    return f"| {' | '.join(cells)} |"


def _misses(measured: Measured) -> Iterator[str]:
    """Every bar that was not reached, in words."""
    for name, outcome in measured.best.items():
        if outcome.contender.kind is not Kind.OURS or not outcome.night.records:
            continue
        yield from (f"{name}: {miss}" for miss in _misses_of(measured, outcome))


def _misses_of(measured: Measured, outcome: Outcome) -> Iterator[str]:
    contender, ratio = outcome.contender, measured.ratio(outcome)
    bar = _bar(outcome)
    if ratio > bar:
        what = "the plain sum" if contender.one_by_one else "the lower bound"
        yield f"{ratio:.3f} x {what}, the bar is {bar}"
    if outcome.refused:
        yield f"{outcome.refused} calls refused, the bar is none"
    if outcome.failed:
        yield f"{outcome.failed} records not done that should be"
    if outcome.report["paid_twice"]:
        yield f"{outcome.report['paid_twice']} uploads paid twice"
    if outcome.report["violations"]:
        yield f"broke rules of the services: {outcome.report['violations'][:3]}"
    if contender.one_by_one or contender.faults:
        return
    shell, own = measured.best_shell_s, measured.own_cpu_ms(outcome)
    if shell and outcome.seconds > BAR_SHELL * shell:
        yield f"{outcome.seconds / shell:.2f} x the best shell pipeline, the bar is {BAR_SHELL}"
    if outcome.cost.peak_rss_mb > BAR_RSS_MB:
        yield f"{outcome.cost.peak_rss_mb:.0f} MB, the bar is {BAR_RSS_MB:g}"
    if own is not None and own > BAR_CPU_MS:
        yield f"{own:.1f} ms of own CPU per record beside the stages, the bar is {BAR_CPU_MS:g}"


def _bar(outcome: Outcome) -> float:
    if outcome.contender.one_by_one:
        return BAR_SEQUENTIAL
    if outcome.contender.faults:
        return BAR_FAULTS
    return BAR_LARGE if outcome.night.records >= LARGE_NIGHT else BAR


if __name__ == "__main__":
    sys.exit(main())
