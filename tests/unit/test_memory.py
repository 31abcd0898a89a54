"""What the program does so that a long night takes no more memory than a short one."""

import ctypes
import subprocess
import sys

from meeting_pipeline.domain.stages import Outcome, RecordOutcome
from meeting_pipeline.run.observers.spare_memory import SpareMemory

DONE = RecordOutcome(1, "test", "1", "辅导", Outcome.DONE)
HOLES = """
import ctypes
from pathlib import Path
from meeting_pipeline.runtime.memory import give_back, share_one_arena

def resident_kb():
    return int(Path("/proc/self/status").read_text().partition("VmRSS:")[2].split()[0])

share_one_arena()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
taken = [libc.malloc(size) for _ in range(400) for size in (100_000, 100)]
for address in taken:
    ctypes.memset(address, 1, 100)
for address in taken[::2]:
    ctypes.memset(address, 1, 100_000)
    libc.free(ctypes.c_void_p(address))
before = resident_kb()
give_back()
print(before - resident_kb())
"""


def test_free_memory_between_what_stays_goes_back_to_the_system() -> None:
    run = subprocess.run([sys.executable, "-c", HOLES], capture_output=True, text=True, check=True)
    if hasattr(ctypes.CDLL(None), "malloc_trim"):
        assert int(run.stdout) > 30_000, "of 40 MB in holes"


def test_it_is_given_back_now_and_then_and_not_after_each_record() -> None:
    times = iter((100.0, 100.5, 101.0, 102.1, 102.1, 102.2, 104.0, 104.2, 104.2))
    given: list[str] = []
    memory = SpareMemory(lambda: given.append("back"), lambda: next(times))
    counts = []
    for _ in range(6):
        memory.record_finished(DONE)
        counts.append(len(given))
    assert counts == [0, 0, 1, 1, 1, 2]
