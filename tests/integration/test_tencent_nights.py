"""Whole nights against the sandbox: sixty recordings over seventy days, everything exactly once.

All real: signed requests, aria2, media, speech and chat endpoints over sockets, SQLite on disk.
"""

import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from random import Random

import pytest

from meeting_pipeline.domain.stages import RecordStatus
from meeting_pipeline.domain.views import RecordingView
from meeting_pipeline.sandbox.company import RecordKind
from meeting_pipeline.sandbox.limits import ROOMY, Limits
from meeting_pipeline.sandbox.server import Sandbox
from tests.support.command import meeting
from tests.support.night_company import DAYS, PERIOD_S, SECONDS, Night, night
from tests.support.sandbox_installation import Office
from tests.support.short_recordings import BURSTS, SHORT_IS_FINE, company, lesson, record_id, tone

NIGHT_BURSTS = range(int(SECONDS / PERIOD_S) + 1)


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

    def oldest_unfinished(self) -> datetime:
        """When the first recording began that is listed but has no files yet."""
        now = time.time()
        records = [one for one in self.sandbox.company.records() if one.appears_at <= now]
        start = min(one.started_at for one in records if one.ready_at > now)
        return datetime.fromtimestamp(start, UTC)

    def twins(self) -> set[str]:
        """The record_file_ids of rows that only carry text."""
        records = self.sandbox.company.records()
        texts = [one for one in records if one.kind is RecordKind.TRANSCRIPTION]
        return {file.record_file_id for one in texts for file in one.files}

    def with_native_transcript(self) -> set[str]:
        """The record_file_ids that Tencent has a transcript of its own for."""
        records = self.sandbox.company.records()
        return {file.record_file_id for one in records for file in one.files if file.transcript}


@pytest.fixture(scope="module")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("media")


@pytest.fixture(scope="module")
def short_media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("short_media")


@contextmanager
def world(media: Path, folder: Path, scope: str, settings: Mapping[str, str]) -> Iterator[World]:
    made = night(media, time.time())
    with Sandbox(made.company, limits=ROOMY) as sandbox:
        yield World(made, sandbox, Office(sandbox, folder, scope, settings))


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
    expected = {(number, place): 1 for number in numbers for place in NIGHT_BURSTS}
    assert world.sandbox.ledger.bursts == expected
    assert set(world.sandbox.ledger.chats.values()) == {1}
    assert len(world.sandbox.ledger.chats) == len(done)


def assert_fetched_once(sandbox: Sandbox, downloader: str) -> None:
    """Every media byte, but for the file whose link died half way when aria2 fetches it.

    That one is so small that it has left the sandbox whole before aria2 hangs up and asks for the
    rest; row 27 of the download faults measures a large one.
    """
    often = [share for share in sandbox.ledger.times_fetched().values() if share > 1.02]
    assert len(often) <= (1 if downloader == "aria2" else 0)


@pytest.mark.parametrize(("scope", "downloader"), [("corp", "aria2"), ("user", "http")])
def test_sixty_recordings_over_seventy_days_are_each_had_once(
    media: Path, tmp_path: Path, scope: str, downloader: str
) -> None:
    settings = {"TQM_LOOKBACK_DAYS": str(DAYS + 1), "DOWNLOADER": downloader}
    with world(media, tmp_path, scope, settings) as this:
        sandbox, office, made = this.sandbox, this.office, this.made
        sandbox.faults.add(*made.faults)
        first = office.night()
        assert (first.exit_code, first.waiting, first.stopped_by) == (0, 2, None)
        had_before_deleted = done(office.rows()) & made.deleted  # work begins while it is listed
        assert made.whole <= done(office.rows()) - had_before_deleted <= made.whole | made.arriving
        assert office.watermark() == this.oldest_unfinished()

        this.finish_late_ones()
        later = replace(office, changes={**settings, "TQM_LOOKBACK_DAYS": "7"})
        second = later.night()
        assert (second.exit_code, second.waiting) == (0, 0)
        assert {one.record_id for one in second.records} >= made.late
        assert second.window and office.watermark() == second.window.end

        paid_for = Counter(sandbox.ledger.calls)
        third = later.night()
        assert (third.exit_code, third.due) == (0, 0)
        new_calls = set(sandbox.ledger.calls - paid_for)
        assert new_calls <= {"corp_records", "records"}

        everything = made.whole | made.arriving | made.late | had_before_deleted
        rows = office.rows()
        assert done(rows) == everything
        assert rows.keys() - everything <= made.closed | made.deleted | this.twins()
        listed_and_gone = (made.deleted - had_before_deleted) & rows.keys()
        gone = {"gone"} if listed_and_gone else set()
        assert {rows[name].skip_reason for name in rows.keys() - everything} == {
            "no_download",
            *gone,
        }
        assert_polite(sandbox)
        assert_paid_once(this, everything)
        assert_fetched_once(sandbox, downloader)


def test_nights_right_after_one_another_keep_the_documented_rates(
    short_media: Path, tmp_path: Path
) -> None:
    """300 calls a minute, 10 of the company's list, 3 of a tier 0 chat account."""
    lessons = company(*(lesson(number, tone(short_media, number)) for number in range(3)))
    with Sandbox(lessons, limits=Limits()) as sandbox:
        office = Office(sandbox, tmp_path, changes=SHORT_IS_FINE)
        codes = [office.night().exit_code for _ in range(5)]
        assert codes == [0] * 5
        assert len(done(office.rows())) == 3
        assert sandbox.ledger.calls["corp_records"] <= 10
        assert sandbox.ledger.calls["chat"] == 3
        assert_polite(sandbox)


KILLS = 3


def test_runs_killed_at_any_moment_lose_nothing_and_pay_at_most_for_the_call_on_its_way(
    short_media: Path, tmp_path: Path, chance: Random
) -> None:
    numbers = range(6)
    lessons = company(*(lesson(number, tone(short_media, number)) for number in numbers))
    one_at_a_time = {"ASR_CONCURRENCY": "1", "LLM_CONCURRENCY": "1", "JOBS": "4"}
    with Sandbox(lessons, limits=ROOMY) as sandbox:
        office = Office(sandbox, tmp_path, changes={**SHORT_IS_FINE, **one_at_a_time})
        moments = [chance.randint(1, 15) for _ in range(KILLS)]
        for calls in moments:
            kill_after(calls, office)
        ended = meeting("run", "--since", "7d", "--json", env=office.environment)
        assert ended.code == 0, (moments, ended.err)
        again = meeting("run", "--since", "7d", "--json", env=office.environment)
        assert (again.code, again.document["due"]) == (0, 0)

        assert done(office.rows()) == {record_id(number) for number in numbers}
        assert [name for name in office.files() if ".part" in name] == []
        assert_polite(sandbox)
        bursts, chats = sandbox.ledger.bursts, sandbox.ledger.chats
        assert bursts.keys() == {(number, place) for number in numbers for place in BURSTS}
        assert sum(bursts.values()) <= len(bursts) + KILLS * len(BURSTS)
        assert len(chats) == len(numbers)
        assert sum(chats.values()) <= len(chats) + KILLS


def kill_after(calls: int, office: Office) -> None:
    """Start a run and kill -9 it after so many calls for links, media, speech or chat."""
    kinds = ("addresses", "media", "transcriptions", "chat")
    calls += sum(office.sandbox.ledger.calls[kind] for kind in kinds)
    command = [sys.executable, "-m", "meeting_pipeline", "run", "--since", "7d"]
    with subprocess.Popen(
        command, env={**os.environ, **office.environment}, stderr=subprocess.DEVNULL
    ) as run:
        while run.poll() is None:
            if sum(office.sandbox.ledger.calls[kind] for kind in kinds) >= calls:
                run.kill()
            time.sleep(0.005)
