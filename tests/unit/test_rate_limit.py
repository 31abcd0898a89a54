"""A rate is kept, whatever the delays, the threads, the processes and the restarts."""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting_pipeline.adapters.http.rate_limit import RateLimit
from meeting_pipeline.errors import FatalError, RetryableError, Stopped
from tests.support.clocks import FakeTime


def limit(
    passing: FakeTime,
    per_minute: int | None = 10,
    *,
    tokens_per_minute: int | None = None,
    history: Path | None = None,
) -> RateLimit:
    return RateLimit(
        per_minute,
        tokens_per_minute=tokens_per_minute,
        history=history,
        stop=passing,
        clock=passing.clock,
    )


def most_in_a_minute(arrivals: list[float]) -> int:
    return max(sum(start <= one < start + 60 for one in arrivals) for start in arrivals)


@settings(max_examples=100, deadline=None)
@given(
    delays=st.lists(
        st.tuples(st.floats(0, 5), st.floats(0, 3), st.floats(0, 20)), min_size=11, max_size=60
    )
)
def test_no_minute_sees_more_however_long_requests_are_on_their_way(
    delays: list[tuple[float, float, float]],
) -> None:
    passing = FakeTime()
    rate = limit(passing)
    arrivals = []
    for travel_s, answer_s, pause_s in delays:
        with rate.slot():
            arrivals.append(passing.now + travel_s)
            passing.now += travel_s + answer_s
        passing.now += pause_s
    assert most_in_a_minute(arrivals) <= 10


def test_calls_within_the_limit_do_not_wait() -> None:
    passing = FakeTime()
    rate = limit(passing)
    for _ in range(10):
        with rate.slot():
            pass
    assert passing.slept == []
    with rate.slot():
        pass
    assert passing.slept == [60.5]


def test_a_slow_answer_does_not_slow_the_rate_down() -> None:
    passing = FakeTime()
    rate = limit(passing, per_minute=1)
    with rate.slot():
        passing.now += 50
    with rate.slot():
        pass
    assert passing.slept == [pytest.approx(15.5)]


def test_tokens_are_limited_too_and_one_call_above_the_limit_goes_alone() -> None:
    passing = FakeTime()
    rate = limit(passing, None, tokens_per_minute=1000)
    for tokens in (600, 400):
        with rate.slot(tokens):
            pass
    assert passing.slept == []
    with rate.slot(5000):
        pass
    assert passing.slept == [60.5]
    with rate.slot(1):
        pass
    assert passing.slept == [60.5, 60.5]


def test_row_07_a_cool_down_holds_for_everybody() -> None:
    passing = FakeTime()
    rate = limit(passing)
    rate.cool_down(30)
    rate.cool_down(10)
    with rate.slot():
        pass
    assert passing.slept == [30]


def test_a_long_cool_down_is_an_error_that_says_how_long() -> None:
    passing = FakeTime()
    rate = limit(passing)
    rate.cool_down(3600)
    with pytest.raises(RetryableError) as error, rate.slot():
        pass
    assert (error.value.code, error.value.retry_after_s) == ("cooling_down", 3600)


def test_the_next_process_knows_the_last_minute(tmp_path: Path) -> None:
    passing, history = FakeTime(), tmp_path / "速率" / "rate.jsonl"
    for _ in range(10):
        with limit(passing, history=history).slot():
            pass
    with limit(passing, history=history).slot():
        pass
    assert passing.slept == [60.5]
    limit(passing, history=history).cool_down(20)
    with limit(passing, history=history).slot():
        pass
    assert passing.slept == [60.5, 20]


def test_a_call_that_was_killed_counts(tmp_path: Path) -> None:
    history = tmp_path / "rate.jsonl"
    script = (
        "import os, threading, pathlib\n"
        "from meeting_pipeline.adapters.http.rate_limit import RateLimit\n"
        f"rate = RateLimit(1, history=pathlib.Path({str(history)!r}), stop=threading.Event())\n"
        "with rate.slot():\n    os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 9
    passing = FakeTime(time.monotonic())
    with limit(passing, 1, history=history).slot():
        pass
    assert len(passing.slept) == 1 and passing.slept[0] > 55


def test_a_history_from_before_the_machine_restarted_does_not_count(tmp_path: Path) -> None:
    history, passing = tmp_path / "rate.jsonl", FakeTime(500_000.0)
    rate = limit(passing, 1, history=history)
    with rate.slot():
        rate.cool_down(50)
    passing.now = 30.0
    with limit(passing, 1, history=history).slot():
        pass
    passing.now = 500_020.0  # by and by the clock comes there again
    with limit(passing, 1, history=history).slot():
        pass
    assert passing.slept == []


CALL = b"[7, 99.0, 0]\n"


@pytest.mark.parametrize(
    "damage",
    [
        b"",
        b"\n",
        b"{\n",
        b"{}\n",
        b"[]\n",
        b"[1]\n",
        b"[1, 2, 3, 4]\n",
        b'["one", 2, 3]\n',
        b"[8, Infinity, 1]\n",
        b"[0, 1" + b"0" * 400 + b"]\n",
        b"[" * 100_000,
        b"[8, 99.0, ",
        b"[8, 99.0, 0]",
        "半".encode()[:2],
    ],
)
def test_a_history_with_damage_is_mended_and_the_rest_of_it_counts(
    tmp_path: Path, damage: bytes
) -> None:
    history, passing = tmp_path / "rate.jsonl", FakeTime(100.0)
    history.write_bytes(CALL + damage)
    for _ in range(2):
        with limit(passing, 3, history=history).slot():
            pass
    assert passing.slept == []
    lines = [json.loads(line) for line in history.read_bytes().splitlines()]
    assert [7, 99.0, 0] in lines
    with limit(passing, 3, history=history).slot():
        pass
    assert passing.slept == [59.5]


def test_a_history_stays_small(tmp_path: Path) -> None:
    history, passing = tmp_path / "rate.jsonl", FakeTime()
    rate = limit(passing, history=history)
    for _ in range(500):
        with rate.slot():
            passing.now += 7
    assert len(history.read_bytes().splitlines()) < 300
    for _ in range(10):
        with limit(passing, history=history).slot():
            pass
    assert passing.slept


def test_two_at_the_same_time_see_each_others_calls(tmp_path: Path) -> None:
    history, passing = tmp_path / "rate.jsonl", FakeTime()
    one, other = (limit(passing, history=history) for _ in range(2))
    for rate in (one, other) * 5:
        with rate.slot():
            pass
    assert passing.slept == []
    with one.slot():
        pass
    assert passing.slept == [60.5]


def test_a_history_that_cannot_be_written_is_fatal(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(FatalError) as error:
        limit(FakeTime(), history=tmp_path / "file" / "rate.jsonl").cool_down(1)
    assert error.value.code == "rates_not_written"


def test_a_stopped_run_waits_for_nothing() -> None:
    passing = FakeTime()
    rate = limit(passing, per_minute=1)
    with rate.slot():
        pass
    passing.set()
    with pytest.raises(Stopped), rate.slot():
        pass


def test_stopping_ends_a_wait_at_once() -> None:
    stop, waiting = threading.Event(), threading.Event()
    rate = RateLimit(1, stop=stop)
    ended: list[BaseException] = []

    def second() -> None:
        waiting.set()
        try:
            with rate.slot():
                pass
        except Stopped as error:
            ended.append(error)

    with rate.slot():
        pass
    thread = threading.Thread(target=second)
    thread.start()
    assert waiting.wait(10)
    stop.set()
    thread.join(10)
    assert not thread.is_alive() and len(ended) == 1


@pytest.mark.slow
def test_many_threads_together_keep_the_rate(tmp_path: Path) -> None:
    stop, arrivals, guard = threading.Event(), list[float](), threading.Lock()
    rate = RateLimit(5, history=tmp_path / "rate.jsonl", stop=stop, window_s=0.5)

    def work() -> None:
        for _ in range(3):
            with rate.slot(), guard:
                arrivals.append(time.monotonic())

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(arrivals) == 15
    assert max(sum(one <= other < one + 0.5 for other in arrivals) for one in arrivals) <= 5
