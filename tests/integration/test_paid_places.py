"""An answer that was paid for is on disk before its place at the service goes to the next call.

Else one kill could cost two: the one whose answer is still to be written, and the one on its way.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from meeting_pipeline.sandbox.company import Company
from meeting_pipeline.sandbox.limits import ROOMY
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.kimi import Desk, kimi
from tests.support.sandbox_client import Clock
from tests.support.speech_service import context, tones, transcriber


@dataclass
class Watched:
    """A gate that looks, whenever a place is left, how many answers are below a folder."""

    folder: Path
    kept: list[int] = field(default_factory=list)

    @contextmanager
    def slot(self) -> Iterator[None]:
        yield
        self.kept.append(len(list(self.folder.rglob("calls/*.json"))))


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Company([]), limits=ROOMY) as box:
        yield box


def test_of_the_speech_service(sandbox: Sandbox, tmp_path: Path) -> None:
    recording, gate = tones(tmp_path / "audio.mp3", 60.0), Watched(tmp_path)
    by_place = transcriber(sandbox, gate=gate, max_chunk_s=30.0)
    by_place.transcribe(recording, context(tmp_path))
    assert gate.kept == list(range(1, len(sandbox.ledger.uploads) + 1))
    assert len(gate.kept) > 1


def test_of_the_language_model(sandbox: Sandbox, tmp_path: Path) -> None:
    gate = Watched(tmp_path)
    Desk(tmp_path).summarize(kimi(sandbox, Clock(), gate=gate))
    assert gate.kept == [1]
