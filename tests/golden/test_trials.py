"""The two commands that need no account: `meeting demo` and `meeting sandbox`.

The demo with local recognition takes too long here; `tests/integration/test_readme.py` runs it.
"""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.command import Ended
from tests.support.golden_files import GoldenFiles
from tests.support.operator_terminal import PATIENCE_S, Operator
from tests.support.steady_text import Steady

LAST = "LLM_TPM="
ADDRESSES = {"tmapi": "TQM_BASE_URL", "model": "KIMI_BASE_URL"}


def test_the_demo_stays_as_it_is(golden: GoldenFiles, tmp_path: Path) -> None:
    operator, line = Operator(tmp_path, Steady({})), "demo --source tencent"
    ended = operator.run(line, {})
    without_log = Ended(ended.code, ended.out, "")  # several records at once: lines in any order
    golden.hold("demo", {"demo.txt": operator.transcript(line, without_log, {})})


def test_the_sandbox_stays_as_it_is(golden: GoldenFiles, tmp_path: Path) -> None:
    line = "sandbox --scope user"
    operator = Operator(tmp_path, Steady({}))
    with (
        interruptible(),
        subprocess.Popen(
            [sys.executable, "-m", "meeting_pipeline", *line.split()],
            env=operator.environment(),
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        ) as running,
    ):
        assert running.stdout
        settings = [running.stdout.readline()]
        while settings[-1] and not settings[-1].startswith(LAST):
            settings.append(running.stdout.readline())
        running.send_signal(signal.SIGINT)
        # what comes on standard output now: Ctrl-C in the middle of writing has it written twice
        _, report = running.communicate(timeout=PATIENCE_S)
    operator = Operator(tmp_path, Steady(ports("".join(settings))))
    ended = Ended(running.returncode, "".join(settings), report)
    golden.hold("sandbox", {"sandbox.txt": operator.transcript(line, ended, {})})


@contextmanager
def interruptible() -> Iterator[None]:
    """Processes started meanwhile end by Ctrl-C, even where these tests run in the background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def ports(settings: str) -> dict[str, str]:
    """The ports in what the sandbox prints, by what they are."""
    given = dict(line.split("=", 1) for line in settings.splitlines())
    return {
        f":{urlsplit(given[setting].strip(chr(39))).port}": f":{name}"
        for name, setting in ADDRESSES.items()
    }
