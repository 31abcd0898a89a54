"""Recordings are listened to in other processes: the same is heard, and nobody is left behind."""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from meeting_pipeline.adapters.asr.ears import Ears
from meeting_pipeline.adapters.asr.loudness import listen
from meeting_pipeline.errors import RecordError, Stopped
from tests.support.speech_service import tones


@pytest.fixture
def ears() -> Iterator[Ears]:
    made = Ears(2)
    yield made
    made.close()


def test_what_is_heard_there_is_what_is_heard_here(ears: Ears, tmp_path: Path) -> None:
    recordings = [tones(tmp_path / f"{number}.mp3", 20, number=number) for number in range(4)]
    with ThreadPoolExecutor(4) as pool:
        heard = list(pool.map(ears.listen, recordings))
    assert heard == [listen(one) for one in recordings]
    assert all(one.speech for one in heard)


def test_a_broken_file_is_refused_and_the_next_one_heard(ears: Ears, tmp_path: Path) -> None:
    whole = tones(tmp_path / "whole.mp3", 10)
    broken = tmp_path / "broken.mp3"
    broken.write_bytes(b"\xff" * 4_000)
    with pytest.raises(RecordError) as refused:
        ears.listen(replace(whole, path=broken))
    assert refused.value.code == "corrupt_media"
    assert ears.listen(whole).duration_s == pytest.approx(10, abs=0.3)


def test_nobody_listens_after_the_end(ears: Ears, tmp_path: Path) -> None:
    whole = tones(tmp_path / "whole.mp3", 10)
    ears.listen(whole)
    ears.close()
    with pytest.raises(Stopped):
        ears.listen(whole)


def test_the_main_program_needs_no_decoder_of_its_own() -> None:
    """That, and numpy, would be a third of its memory."""
    wanted = ("openai_compatible", "tencent", "ears", "choice")
    modules = ", ".join(f"meeting_pipeline.adapters.asr.{name}" for name in wanted)
    program = f"import sys, {modules}; print({{'av', 'numpy'}} & set(sys.modules))"
    said = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, env=os.environ
    )
    assert said.stdout.strip() == "set()"
