"""Decoders work in other processes: the same comes out, and nobody is left behind."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from meeting_pipeline.adapters.asr import choice, openai_compatible, packets, tencent
from meeting_pipeline.adapters.asr.packets import packets_of
from meeting_pipeline.adapters.media import ffmpeg, pyav
from meeting_pipeline.adapters.media.pyav import PyAVMedia
from meeting_pipeline.adapters.media.worker_process import WorkerProcessMedia
from meeting_pipeline.adapters.processes.decoders import Decoders
from meeting_pipeline.adapters.processes.process_group import LIMITS
from meeting_pipeline.errors import RecordError, RetryableError, Stopped
from tests.support.speech_service import tones

PACKETS = (packets.__name__, packets_of.__name__)
PROBE = (pyav.__name__, pyav.probe.__name__)


@pytest.fixture
def decoders() -> Iterator[Decoders]:
    made = Decoders(2)
    yield made
    made.close()


def test_what_is_found_there_is_what_is_found_here(decoders: Decoders, tmp_path: Path) -> None:
    paths = [tones(tmp_path / f"{length}.mp3", length).path for length in (20, 21, 22, 23)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda one: decoders.call(*PACKETS, one), paths))
    assert found == [packets_of(one) for one in paths]
    assert len({len(one.starts) for one in found}) == 4


def test_a_look_into_a_file_tells_the_same_there(decoders: Decoders, tmp_path: Path) -> None:
    recording = tones(tmp_path / "1.mp3", 20).path
    assert decoders.call(*PROBE, recording) == PyAVMedia().probe(recording)


def test_a_file_is_looked_into_once_whatever_its_name_and_again_when_it_has_changed(
    decoders: Decoders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    part, media, asked = tones(tmp_path / "1.mp3", 20).path, tmp_path / "recording.mp3", list[str]()
    call = decoders.call

    def counted(module: str, function: str, *given: Any, **how: Any) -> Any:
        asked.append(function)
        return call(module, function, *given, **how)

    monkeypatch.setattr(decoders, "call", counted)
    tool = WorkerProcessMedia(decoders)

    first = tool.probe(part)
    again = tool.probe(part.rename(media))
    assert (again, asked) == (first, ["probe"])

    shutil.copy(tones(tmp_path / "2.mp3", 30).path, media)
    assert tool.probe(media).duration_s != first.duration_s
    assert asked == ["probe", "probe"]


def test_a_broken_file_is_refused_and_the_next_one_heard(
    decoders: Decoders, tmp_path: Path
) -> None:
    whole = tones(tmp_path / "whole.mp3", 10).path
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(b"\xff" * 4_000)
    with pytest.raises(RecordError) as refused:
        decoders.call(*PACKETS, broken)
    assert refused.value.code == "corrupt_media"
    assert decoders.call(*PACKETS, whole) == packets_of(whole)


def test_nobody_works_after_the_end(decoders: Decoders, tmp_path: Path) -> None:
    whole = tones(tmp_path / "whole.mp3", 10).path
    decoders.call(*PACKETS, whole)
    decoders.close()
    with pytest.raises(Stopped):
        decoders.call(*PACKETS, whole)


def test_the_main_program_needs_no_decoder_of_its_own() -> None:
    """That, and numpy, would be a third of its memory."""
    wanted = [module.__name__ for module in (openai_compatible, tencent, choice, ffmpeg)]
    modules = ", ".join([*wanted, Decoders.__module__])
    program = f"import sys, {modules}; print({{'av', 'numpy'}} & set(sys.modules))"
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ
    )
    assert said.stdout.strip() == "set()"


def test_those_that_are_made_ready_before_are_the_ones_that_are_asked(tmp_path: Path) -> None:
    modules = [name for name, _ in (PACKETS, PROBE)]
    made, others = Decoders(4, modules), children()
    try:
        for _ in range(3):
            made.prepare()
        ready = children() - others
        whole = tones(tmp_path / "whole.mp3", 10).path
        for _ in range(3):
            made.call(*PACKETS, whole)
        assert len(ready) == 1
        assert children() - others == ready
    finally:
        made.close()
    made.prepare()
    assert children() <= others, "nobody is started after the end"


def test_one_that_cannot_be_made_ready_says_so_when_it_is_asked(tmp_path: Path) -> None:
    made = Decoders(1, ["no_such_module"])
    made.prepare()
    try:
        with pytest.raises(RuntimeError, match="ModuleNotFoundError"):
            made.call(*PACKETS, tones(tmp_path / "whole.mp3", 10).path)
    finally:
        made.close()


def test_row_47_one_that_hangs_is_ended_and_the_next_call_has_another(decoders: Decoders) -> None:
    others = children()
    with pytest.raises(RetryableError) as hung:
        decoders.call("time", "sleep", 3_600, stall_s=0.3)
    assert hung.value.code == "worker_stalled"
    assert children() <= others
    assert decoders.call("math", "sqrt", 4) == 2


def test_security_07_a_decoder_has_what_any_recording_needs_and_no_more(
    decoders: Decoders,
) -> None:
    for kind, most in LIMITS.items():
        assert decoders.call("resource", "getrlimit", kind) == (most, most)


def children() -> set[int]:
    """Processes that we started and that still run."""
    tasks = Path("/proc/self/task").iterdir()
    return {int(pid) for task in tasks for pid in (task / "children").read_text().split()}


def test_one_that_cannot_be_started_before_costs_no_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = Decoders(1)
    try:
        with monkeypatch.context() as patch:
            patch.setattr(sys, "executable", str(tmp_path / "no-python"))
            made.prepare()
        assert made.call("math", "sqrt", 4) == 2
    finally:
        made.close()
