"""A ResizableSemaphore admits as many as it was told last."""

from concurrent.futures import ThreadPoolExecutor
from threading import Event

from meeting_pipeline.adapters.processes.resizable_semaphore import ResizableSemaphore


def test_one_waits_until_there_are_more_turns() -> None:
    slots, inside, leave = ResizableSemaphore(1), Event(), Event()

    def compute() -> None:
        with slots:
            inside.set()
            leave.wait(10)

    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(compute)
        assert inside.wait(10)
        inside.clear()
        second = threads.submit(compute)
        assert not inside.is_set()
        slots.resize(2)
        assert inside.wait(10)
        leave.set()
        first.result(10)
        second.result(10)


def test_a_turn_is_given_back_after_an_error() -> None:
    slots = ResizableSemaphore(1)
    for _ in range(2):
        try:
            with slots:
                raise ValueError
        except ValueError:
            continue
    with slots:
        pass
