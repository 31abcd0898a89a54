"""Local speech recognition against faster-whisper called directly, in one run.

    python -m bench.local_speech [--rounds 3] [--quick]

It needs no network and no other files: the sound is made of the packaged samples.
Both contenders have their model loaded before the clock starts, and take turns. Ends with 1 when
ours has less than 0.97 of the throughput on one file, or less than 1.8 of it on several files where
there are two cores.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from bench.common.character_errors import character_error_rate
from meeting_pipeline.adapters.asr.packaged_model import packaged_base
from meeting_pipeline.adapters.asr.whisper import WhisperTranscriber
from meeting_pipeline.domain.model import Audio, RecordKey
from meeting_pipeline.errors import SkipRecord
from meeting_pipeline.ports.progress import no_progress
from meeting_pipeline.ports.stage_context import StageContext
from meeting_pipeline.storage.files import RecordFolder
from tests.support import speech
from tests.support.fakes import meta

RESULTS = Path(__file__).parent / "results" / "local_speech.md"
MANDARIN = ("445999969", "445999970", "445999971")
ONE_FILE, SEVERAL = 0.97, 1.8
BATCH = 8
PLAIN: dict[str, bool] = {}
LIKE_OURS = {"without_timestamps": False, "word_timestamps": True}


@dataclass(frozen=True)
class Recording:
    audio: Audio
    text: str


@dataclass
class Contender:
    """One way to turn all recordings into text; takes: (wall, CPU seconds) of each turn."""

    name: str
    hear: Callable[[Sequence[Recording]], list[str]]
    takes: list[tuple[float, float]] = field(default_factory=list)
    errors: float = 0.0

    @property
    def wall_s(self) -> float:
        return min(wall for wall, _ in self.takes)

    @property
    def cpu_s(self) -> float:
        return min(cpu for _, cpu in self.takes)

    def take(self, recordings: Sequence[Recording]) -> None:
        wall, cpu = time.monotonic(), cpu_of_family()
        texts = self.hear(recordings)
        self.takes.append((time.monotonic() - wall, cpu_of_family() - cpu))
        said = "".join(one.text for one in recordings)
        self.errors = character_error_rate(said, "".join(texts))
        print(
            f"  {self.name}: {self.takes[-1][0]:.1f} s, CPU {self.takes[-1][1]:.1f} s, "
            f"CER {self.errors:.1%}, load {os.getloadavg()[0]:.1f}",
            flush=True,
        )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="turns of each contender")
    parser.add_argument("--quick", action="store_true", help="half the sound, one turn each")
    options = parser.parse_args()
    rounds, quick = 1 if options.quick else options.rounds, options.quick
    cores = len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        model = str(packaged_base(work / "model").resolve())
        with ours(work, cores) as hear, direct(model, cores) as ask:
            one = [
                Contender("ours", hear),
                Contender("faster-whisper", lambda files: ask(files, PLAIN)),
                Contender("faster-whisper, timed words", lambda files: ask(files, LIKE_OURS)),
            ]
            several = [Contender("ours", hear), Contender("faster-whisper", one[1].hear)]
            lines = [headline(rounds, cores)]
            single = compared("one file", one, [long_recording(work, quick)], rounds, lines)
            many = compared("several files", several, short_recordings(work, quick), rounds, lines)
    return verdict(single, many, cores, lines)


def headline(rounds: int, cores: int) -> str:
    load = " ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"Whisper base, int8, beam 5; {cores} cores; best of {rounds}, taking turns; model loaded "
        f"before. Load average at the start: {load}."
        + ("" if os.getloadavg()[0] < 0.5 else " **The machine was not idle.**")
    )


def compared(
    name: str,
    contenders: Sequence[Contender],
    recordings: Sequence[Recording],
    rounds: int,
    lines: list[str],
) -> float:
    """Ours as a multiple of the second contender's throughput; adds a table to the lines."""
    seconds = sum(one.audio.duration_s for one in recordings)
    print(f"{name}: {len(recordings)} of {seconds:.0f} s together", flush=True)
    for turn in range(rounds):
        for contender in contenders if turn % 2 == 0 else contenders[::-1]:
            contender.take(recordings)
    base = contenders[1]
    lines += [
        f"## {name.capitalize()}: {len(recordings)} × {seconds / len(recordings):.0f} s",
        "| | seconds | × real time | throughput | CPU seconds | per CPU second | CER |\n"
        "|---|---|---|---|---|---|---|\n"
        + "\n".join(
            f"| {one.name} | {one.wall_s:.1f} | {seconds / one.wall_s:.1f} "
            f"| {base.wall_s / one.wall_s:.2f} | {one.cpu_s:.1f} | {base.cpu_s / one.cpu_s:.2f} "
            f"| {one.errors:.1%} |"
            for one in contenders
        ),
    ]
    return base.wall_s / contenders[0].wall_s


def verdict(single: float, many: float, cores: int, lines: list[str]) -> int:
    checks = [("one file", single, ONE_FILE)]
    if cores > 1:
        checks.append(("several files", many, SEVERAL))
    else:
        lines.append("**ONLY ONE CORE HERE: THE BAR FOR SEVERAL FILES WAS NOT CHECKED.**")
    lines += [
        f"{'Met' if ratio >= bar else 'NOT MET'}: {name} {ratio:.2f} (bar {bar})"
        for name, ratio, bar in checks
    ]
    text = "# Local speech recognition\n\n" + "\n\n".join(lines) + "\n"
    print(text)
    RESULTS.write_text(text)
    return 0 if all(ratio >= bar for _, ratio, bar in checks) else 1


def sample_text(name: str) -> str:
    file = next(speech.SAMPLES.glob(f"*{name}*.txt"))
    return "".join(line.partition(":")[2] for line in file.read_text().splitlines())


def recording(names: Sequence[str], path: Path) -> Recording:
    """The samples one after another, with pauses of 1 to 5 seconds."""
    sounds = []
    for at, name in enumerate(names):
        sounds += [speech.spoken(name, 0, 1000), speech.silence(1 + 2 * at % 5)]
    return Recording(
        speech.audio_of(np.concatenate(sounds), path), "".join(map(sample_text, names))
    )


def long_recording(work: Path, quick: bool) -> Recording:
    first, second, third = MANDARIN
    names = MANDARIN if quick else (first, second, third, second, first, third)
    return recording(names, work / "long.flac")


def short_recordings(work: Path, quick: bool) -> list[Recording]:
    names = MANDARIN[:2] if quick else (*MANDARIN, MANDARIN[1])
    return [recording((name,), work / f"short{at}.flac") for at, name in enumerate(names)]


@contextmanager
def ours(work: Path, cores: int) -> Iterator[Callable[[Sequence[Recording]], list[str]]]:
    """The program's own transcriber, asked from as many threads as it has processes."""
    transcriber = WhisperTranscriber(cache_dir=work / "model", processes=cores)
    nothing = speech.audio_of(speech.silence(1), work / "nothing.flac")

    def transcribed(audio: Audio) -> str:
        context = StageContext(
            1, meta(1), RecordFolder(work, RecordKey("bench", "1")), no_progress, print_none
        )
        return "".join(one.text for one in transcriber.transcribe(audio, context).segments)

    def loaded(_: int) -> None:
        with suppress(SkipRecord):
            transcribed(nothing)

    with ThreadPoolExecutor(cores) as threads:
        list(threads.map(loaded, range(cores)))
        try:
            yield lambda files: list(threads.map(transcribed, [one.audio for one in files]))
        finally:
            transcriber.close()


def print_none(_: object) -> None:
    """What a transcription costs is of no interest here."""


@contextmanager
def direct(model: str, cores: int) -> Iterator[Callable[..., list[str]]]:
    """faster-whisper in a process of its own with all cores, one file after the other."""
    context = get_context("spawn")
    mine, theirs = context.Pipe()
    child = context.Process(target=serve_direct, args=(theirs, model, cores), daemon=True)
    child.start()
    mine.recv()

    def ask(files: Sequence[Recording], options: dict[str, bool]) -> list[str]:
        mine.send(([str(one.audio.path) for one in files], options))
        answer: list[str] = mine.recv()
        return answer

    yield ask
    mine.send(None)
    child.join()


def serve_direct(connection: Any, model: str, cores: int) -> None:
    from faster_whisper import BatchedInferencePipeline, WhisperModel

    whisper = WhisperModel(model, device="cpu", compute_type="int8", cpu_threads=cores)
    pipeline = BatchedInferencePipeline(whisper)
    connection.send("loaded")
    while (task := connection.recv()) is not None:
        files, options = task
        texts = []
        for file in files:
            segments, _ = pipeline.transcribe(
                file, language="zh", batch_size=BATCH, beam_size=5, **options
            )
            texts.append("".join(one.text for one in segments))
        connection.send(texts)


def cpu_of_family() -> float:
    """User and system seconds of this process and all below it."""
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            process = int(stat.parent.name)
            parents[process], ticks[process] = int(fields[1]), int(fields[11]) + int(fields[12])
    family, known = {os.getpid()}, 0
    while len(family) > known:
        known = len(family)
        family |= {child for child, parent in parents.items() if parent in family}
    return sum(ticks[process] for process in family) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
