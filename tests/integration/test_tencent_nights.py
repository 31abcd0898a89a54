"""Whole nights against the sandbox: sixty recordings over seventy days, everything exactly once.

All real: signed requests, aria2, media, speech and chat endpoints over sockets, SQLite on disk.
"""

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from meeting_pipeline.domain.stages import RecordStatus
from meeting_pipeline.domain.views import RecordingView
from meeting_pipeline.sandbox.faults import Fault, Kind
from meeting_pipeline.sandbox.limits import ROOMY, Limits
from meeting_pipeline.sandbox.night import DAYS, PERIOD_S, SECONDS, Night, night
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.command import meeting
from tests.support.offices import Office

WHOLE_PAST = {"TQM_LOOKBACK_DAYS": str(DAYS + 1)}
BURSTS = range(int(SECONDS / PERIOD_S) + 1)


@dataclass(frozen=True)
class World:
    """What there is to be had, and an installation that shall have it."""

    made: Night
    sandbox: Sandbox
    office: Office

    def finish_late_ones(self) -> None:
        """Let Tencent finish what it was still transcoding, and show what it did not list yet."""
        for record in self.sandbox.company.records():
            if max(record.ready_at, record.appears_at) > time.time():
                self.sandbox.company.add(replace(record, ready_at=0.0, appears_at=0.0))

    def with_native_transcript(self) -> set[str]:
        """The record_file_ids that Tencent has a transcript of its own for."""
        records = self.sandbox.company.records()
        return {file.record_file_id for one in records for file in one.files if file.transcript}


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media")


@contextmanager
def world(
    media: Path, folder: Path, scope: str = "corp", limits: Limits = ROOMY
) -> Iterator[World]:
    made = night(media, time.time())
    with Sandbox(made.company, limits=limits) as sandbox:
        yield World(made, sandbox, Office(sandbox, folder, scope, WHOLE_PAST))


def done(rows: Mapping[str, RecordingView]) -> frozenset[str]:
    return frozenset(name for name, row in rows.items() if row.status is RecordStatus.DONE)


def assert_polite(sandbox: Sandbox) -> None:
    """No rule of the contract broken, never refused for our own rate."""
    assert sandbox.ledger.violations == []
    assert sandbox.ledger.rate_refusals == {}


def assert_paid_once(world: World, done: frozenset[str]) -> None:
    """Each second of sound without a native transcript transcribed once, each chat billed once."""
    free = world.with_native_transcript()
    numbers = [world.made.number[name] for name in done - free]
    expected = {(number, place): 1 for number in numbers for place in BURSTS}
    assert world.sandbox.ledger.bursts == expected
    assert set(world.sandbox.ledger.chats.values()) == {1}
    assert len(world.sandbox.ledger.chats) == len(done)


@pytest.mark.parametrize("scope", ["corp", "user"])
def test_sixty_recordings_over_seventy_days_are_each_had_once(
    media: Path, tmp_path: Path, scope: str
) -> None:
    with world(media, tmp_path, scope) as this:
        sandbox, office, made = this.sandbox, this.office, this.made
        sandbox.faults.add(*made.faults)
        first = office.night()
        assert (first.exit_code, first.waiting, first.stopped_by) == (0, 2, None)
        known = office.rows()
        assert done(known) == made.whole | made.arriving & known.keys()
        assert_polite(sandbox)
        assert_paid_once(this, done(known))
        print(first.seconds, sorted(sandbox.ledger.times_fetched().values())[-5:], sandbox.ledger.calls)
        return
