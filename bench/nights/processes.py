"""Running a contender and seeing what it cost: its own CPU, that of its children, its memory."""

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_LOOK_S = 0.2
_TICKS = os.sysconf("SC_CLK_TCK")
_LONGEST_S = 1_800.0


@dataclass(frozen=True)
class Cost:
    """seconds: wall. own_cpu_s: of the process with all its threads; children_cpu_s: of what it
    started and waited for. others_cpu_s: of everybody else on the machine meanwhile.
    peak_rss_mb: VmHWM. code: how it ended.
    """

    seconds: float
    own_cpu_s: float
    children_cpu_s: float
    others_cpu_s: float
    peak_rss_mb: float
    code: int


def run(
    command: Sequence[str], environment: Mapping[str, str], folder: Path, out: Path, err: Path
) -> Cost:
    """Run it to its end in this folder, with exactly this environment."""
    began, busy = time.monotonic(), _busy_s()
    with out.open("wb") as to_out, err.open("wb") as to_err:
        process = subprocess.Popen(
            command,
            env=dict(environment),
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=to_out,
            stderr=to_err,
            start_new_session=True,
        )
    peak = _Peak(process.pid)
    # a process that has ended keeps its times until it is waited for
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    seconds = time.monotonic() - began
    own, children = _cpu_times(process.pid)
    others = max(0.0, _busy_s() - busy - own - children)
    code = process.wait(timeout=_LONGEST_S)
    return Cost(seconds, own, children, others, peak.stop(), code)


def _busy_s() -> float:
    """CPU seconds that all cores have worked since the machine started."""
    words = Path("/proc/stat").read_text().splitlines()[0].split()[1:]
    user, nice, system, _idle, _wait, irq, soft_irq = (int(word) for word in words[:7])
    return (user + nice + system + irq + soft_irq) / _TICKS


def _cpu_times(pid: int) -> tuple[float, float]:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    user, system, children_user, children_system = (int(word) / _TICKS for word in fields[11:15])
    return user + system, children_user + children_system


class _Peak:
    """Looks at VmHWM until told to stop: it is gone when the process is."""

    def __init__(self, pid: int) -> None:
        self._status = Path(f"/proc/{pid}/status")
        self._peak_mb, self._ended = 0.0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def stop(self) -> float:
        """Megabytes at the highest."""
        self._ended.set()
        self._thread.join()
        return self._peak_mb

    def _watch(self) -> None:
        while not self._ended.wait(_LOOK_S):
            for line in self._status.read_text().splitlines():
                if line.startswith("VmHWM:"):
                    self._peak_mb = max(self._peak_mb, int(line.split()[1]) / 1_024)
