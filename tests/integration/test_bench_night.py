"""The benchmark's instrument: tiny nights through its server, and its sums. No time is judged."""

import asyncio
import importlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from bench.common import programs
from bench.nights.contenders import CONTENDERS, Arena, Server
from bench.nights.paid import Service
from bench.nights.plan import Fate, Night, lower_bound, terms
from bench.nights.wire import Answer

TINY = Night(records=3, clip_s=32.0, clip_bytes=500_000, asr_s=0.05, llm_low_s=0.02, llm_high_s=0.1)


@pytest.fixture
def arena(tmp_path: Path) -> Iterator[Arena]:
    work = tmp_path / "work"
    work.mkdir()
    with Server(tmp_path / "clips", TINY) as server:
        yield Arena(server.url, work, None)


@pytest.mark.parametrize("name", ["night", "poison", "startup", "download", "growth", "__main__"])
def test_a_benchmark_can_be_imported_without_running(name: str) -> None:
    assert callable(importlib.import_module(f"bench.{name}").main)


def test_a_tiny_night_is_done_without_breaking_a_rule(arena: Arena) -> None:
    outcome = arena.run(CONTENDERS["ours"], TINY)

    assert (outcome.cost.code, outcome.done, outcome.failed) == (0, 3, 0)
    assert outcome.report["violations"] == []
    assert outcome.refused == 0
    assert outcome.report["answered"] == {"asr": 3, "llm": 3}
    assert outcome.report["media_bytes"] >= 3 * TINY.clip_bytes
    assert outcome.cost.own_cpu_s > 0
    assert outcome.cost.peak_rss_mb > 0


def test_each_night_begins_with_empty_counters(arena: Arena) -> None:
    arena.run(CONTENDERS["ours"], TINY)

    outcome = arena.run(CONTENDERS["ours-1"], replace(TINY, records=1))

    assert outcome.done == 1
    assert outcome.report["answered"] == {"asr": 1, "llm": 1}


def test_a_paid_service_refuses_what_is_beyond_its_slots() -> None:
    service = Service(slots=2, rpm=100, times=[0.01])

    async def three_at_once() -> list[Answer]:
        return await asyncio.gather(*(service.call(lambda: Answer(200)) for _ in range(3)))

    statuses = [answer.status for answer in asyncio.run(three_at_once())]

    assert statuses == [200, 200, 429]
    assert (service.answered, service.refused, service.most) == (2, 1, 2)


def test_a_night_with_faults_has_poison_and_passing_trouble_in_every_twentieth_record() -> None:
    fates = Night(records=120, faults=True).fates()

    assert sum(fate is not Fate.GOOD for fate in fates) == 12
    assert Night(records=120, faults=True).good == 114


def test_the_bound_is_the_busiest_resource_with_what_must_come_before_and_after() -> None:
    slow_line = terms(replace(Night(), megabits=30.0), audio_cpu_s=0.2, cores=2)
    slow_speech = terms(replace(Night(), asr_slots=1), audio_cpu_s=0.2, cores=2)

    assert lower_bound(slow_line).name == "net"
    assert lower_bound(slow_line).seconds == pytest.approx(326.4 + 0.2 + 0.76 + 0.4, abs=0.1)
    assert lower_bound(slow_speech).name == "asr"
    assert lower_bound(slow_speech).seconds > 95


def test_the_plain_sum_is_a_run_of_every_stage_of_every_record(arena: Arena) -> None:
    outcome = arena.run(CONTENDERS["bare-1"], TINY)

    assert (outcome.cost.code, outcome.done) == (0, 3)
    assert outcome.report["violations"] == []
    assert outcome.report["answered"] == {"asr": 3, "llm": 3}
    assert outcome.report["media_bytes"] >= 3 * TINY.clip_bytes
    assert outcome.cost.children_cpu_s > 0, "no sound was extracted"


@pytest.mark.parametrize("name", ["night", "poison", "growth"])
def test_a_benchmark_names_the_package_that_is_missing(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(programs, "SYSTEM_FOLDERS", "")
    monkeypatch.setattr(sys, "argv", [name])

    with pytest.raises(SystemExit) as ended:
        importlib.import_module(f"bench.{name}").main()

    assert ended.value.code == programs.EXIT_MISSING
    assert "Install: apt-get install " in capsys.readouterr().err
