"""Both downloaders against the sandbox's download host, which counts bytes and credentials."""

from pathlib import Path
from random import Random

import pytest

from meeting_pipeline.ports.progress import no_progress
from meeting_pipeline.ports.sources import MediaLink
from meeting_pipeline.sandbox.company import Company, Person, Record, RecordFile
from meeting_pipeline.sandbox.limits import ROOMY
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.downloaders import KINDS, make
from tests.support.sandbox_client import Clock, SandboxClient

SOUND = Random(7).randbytes(3_000_000)
NAME = "13339451618278424870"


@pytest.mark.parametrize("kind", KINDS)
def test_every_byte_is_fetched_once_and_nothing_is_refused(kind: str, tmp_path: Path) -> None:
    clock, part = Clock(), tmp_path / "recording.m4a.part"
    file = RecordFile(NAME, clock() - 90, clock(), audio=SOUND, transcript="王")
    record = Record("7", "8", "9", "admin", "周会", clock() - 90, (file,))
    company = Company([Person("admin", "管理员", is_admin=True)], [record])
    made = make(kind, tmp_path, connections=1)  # several overrun shares that are cut down
    with Sandbox(company, limits=ROOMY, now=clock) as sandbox:
        link = SandboxClient(sandbox, clock).media_link("7")
        made.fetch(MediaLink(link, "m4a"), part, no_progress)
        fetched = sandbox.ledger.times_fetched()
        violations = sandbox.ledger.violations
    made.close()

    assert part.read_bytes() == SOUND
    assert fetched[f"{NAME}.m4a"] <= 1.02
    assert not violations
