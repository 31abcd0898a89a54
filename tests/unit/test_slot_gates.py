"""Gates: as many as there are slots, in the order they came, and nobody once they are closed."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from meeting_pipeline.domain.timing import GateUse, Resource, StageTime, StageWork, Timing
from meeting_pipeline.errors import Stopped
from meeting_pipeline.run.gates import Gates, SlotGate

PATIENCE_S = 20.0


class Clock:
    """Stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def waiting(gate: SlotGate, count: int) -> None:
    """Return once so many wait there."""
    deadline = threading.Event()
    threading.Timer(PATIENCE_S, deadline.set).start()
    while gate.use().waiting != count:
        assert not deadline.wait(0.001), "nobody came to wait"


@settings(max_examples=25, deadline=None)
@given(slots=st.integers(1, 4), visitors=st.integers(1, 12))
def test_never_more_at_once_than_there_are_slots(slots: int, visitors: int) -> None:
    gate = Gates({Resource.ASR: slots})[Resource.ASR]
    inside, most, lock = 0, 0, threading.Lock()

    def visit(_: int) -> None:
        nonlocal inside, most
        with gate.slot():
            with lock:
                inside += 1
                most = max(most, inside)
            with lock:
                inside -= 1

    with ThreadPoolExecutor(visitors) as pool:
        list(pool.map(visit, range(3 * visitors)))

    assert most <= slots
    assert (gate.use().entries, gate.use().used, gate.use().waiting) == (3 * visitors, 0, 0)


def test_who_came_first_is_let_in_first() -> None:
    gate = Gates({Resource.LLM: 1})[Resource.LLM]
    order: list[int] = []

    def visit(number: int) -> None:
        with gate.slot():
            order.append(number)

    with ThreadPoolExecutor(8) as pool, gate.slot():
        for number in range(8):
            pool.submit(visit, number)
            waiting(gate, number + 1)
    assert order == list(range(8))


def test_closing_sends_everybody_away_who_waits_and_lets_who_is_inside_finish() -> None:
    gates = Gates({Resource.ASR: 1})
    with ThreadPoolExecutor(1) as pool, gates[Resource.ASR].slot():
        late = pool.submit(lambda: gates[Resource.ASR].slot().__enter__())
        waiting(gates[Resource.ASR], 1)
        gates.close()
        with pytest.raises(Stopped):
            late.result(PATIENCE_S)
    with pytest.raises(Stopped), gates[Resource.ASR].slot():
        pass
    with pytest.raises(Stopped):
        gates.check_open()


def test_a_gate_knows_how_long_it_was_busy_and_a_thread_how_long_it_waited() -> None:
    clock = Clock()
    gates = Gates({Resource.CPU: 2}, clock)
    cpu = gates[Resource.CPU]
    with cpu.slot():
        clock.now += 3
        with cpu.slot():
            clock.now += 4
            assert cpu.use().used == 2
    use = cpu.use()
    assert (use.busy_s, use.bound_s, use.occupancy(14)) == (11, 5.5, 5.5 / 14)
    assert gates.waited_s() == 0


def test_waiting_is_counted_for_the_thread_that_waits() -> None:
    clock = Clock()
    gates = Gates({Resource.CPU: 1}, clock)

    def visit() -> float:
        with gates[Resource.CPU].slot():
            return gates.waited_s()

    with ThreadPoolExecutor(1) as pool:
        with gates[Resource.CPU].slot():
            late = pool.submit(visit)
            waiting(gates[Resource.CPU], 1)
            clock.now += 5
        assert late.result(PATIENCE_S) == 5
    assert gates.waited_s() == 0
    assert gates[Resource.CPU].use().waited_s == 5


def test_the_lower_bound_is_the_busiest_resource_or_the_longest_record() -> None:
    gates = (
        GateUse(Resource.DOWNLOAD, 4, busy_s=40.0, entries=10),
        GateUse(Resource.ASR, 2, busy_s=60.0, entries=10),
    )
    timing = Timing(33.0, {}, gates, longest_record_s=12.0)
    assert (timing.lower_bound_s, timing.slowest, timing.ratio) == (30.0, Resource.ASR, 1.1)
    assert Timing(33.0, {}, gates, longest_record_s=31.0).lower_bound_s == 31.0
    assert (Timing().ratio, Timing().slowest, Timing().lower_bound_s) == (None, None, 0.0)


def test_work_of_a_stage_adds_up() -> None:
    total = StageTime() + StageWork(2.0, 1.0, 10) + StageWork(3.0, 0.5)
    assert total == StageTime(2, 5.0, 1.5, 10)
