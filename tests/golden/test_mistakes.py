"""What the program answers to mistakes (`mistakes.py`): exit code and message of each.

`expected/mistakes/answers.txt` is the table of all of them, `busy.txt` what is said while another
run is at work.
"""

import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from meeting_pipeline.sandbox.faults import Fault, Kind
from meeting_pipeline.sandbox.limits import ROOMY
from meeting_pipeline.sandbox.samples import FOLDER as SAMPLES
from meeting_pipeline.sandbox.server import Sandbox
from tests.golden import mistakes
from tests.golden.mistakes import Mistake
from tests.support.golden_files import GoldenFiles
from tests.support.operator_terminal import PATIENCE_S, Operator
from tests.support.steady_text import Steady

pytestmark = pytest.mark.timeout(900)  # seconds on a busy machine; 20 on an idle one

LESSON = "TM-20260110100000-445999972-recording-1"
FOLDER = {
    "MEETING_SOURCE": "folder",
    "MEETING_FOLDER": "recordings",
    "SETTLE_S": "0",
    "JOBS": "1",
    "LLM_BACKEND": "extractive",
}


def test_answers_to_mistakes_stay_as_they_are(golden: GoldenFiles, tmp_path: Path) -> None:
    with Sandbox(limits=ROOMY) as sandbox:
        template = desk_with_a_recording(tmp_path / "template", sandbox)
        answers = [answer(template, one, sandbox) for one in mistakes.EVERY]
    golden.hold("mistakes", {"answers.txt": "\n".join(answers)})


def test_answers_while_a_run_is_at_work_stay_as_they_are(
    golden: GoldenFiles, tmp_path: Path
) -> None:
    with Sandbox(limits=ROOMY) as sandbox:
        sandbox.faults.add(Fault(Kind.STALL, "transcriptions", amount=3_600))
        operator = desk_with_a_recording(tmp_path / "desk", sandbox)
        speech = {**given(sandbox, mistakes.SPEECH), **mistakes.HEARD}
        with at_work(operator, f"run {mistakes.OF_THE_DAY}", speech) as run:
            names = {f"pid {run.pid} on {socket.gethostname()}": "pid # on #"}
            beside = Operator(operator.desk, Steady(names))
            for line in ("cron", "run --json", "cleanup", "erase --student stu_chen --yes"):
                beside.types(line, into="busy")
            beside.types("doctor --repair", into="busy")
            beside.types("status", into="busy")
    golden.hold("while_a_run_is_at_work", beside.texts())


def desk_with_a_recording(folder: Path, sandbox: Sandbox) -> Operator:
    """One recording is known, and nothing was done about it yet."""
    (folder / "recordings").mkdir(parents=True)
    for suffix in (".m4a", ".json"):
        shutil.copy(SAMPLES / f"{LESSON}{suffix}", folder / "recordings")
    port = urlsplit(sandbox.ai_url).port
    operator = Operator(folder, Steady({f":{port}": ":model", str(folder.parent): "<here>"}))
    operator.has_settings(FOLDER)
    assert operator.run("fetch --since 2026-01-01 --until 2026-01-31", {}).code == 0
    return operator


def answer(template: Operator, mistake: Mistake, sandbox: Sandbox) -> str:
    """What it comes to at a desk of its own, as a paragraph of the table."""
    desk = template.desk.parent / "desk"
    shutil.copytree(template.desk, desk)
    try:
        mistake.at_desk(desk)
        operator = Operator(desk, template.steady)
        ended = operator.run(mistake.line, {**given(sandbox, mistake.services), **mistake.settings})
    finally:
        shutil.rmtree(desk)
    return f"# {mistake.name}\n{operator.transcript(mistake.line, ended, mistake.settings)}"


def given(sandbox: Sandbox, services: Sequence[str]) -> dict[str, str]:
    """The settings of the sandbox whose names begin like that."""
    settings = sandbox.environment().items()
    return {name: value for name, value in settings if name.startswith(tuple(services))}


@contextmanager
def at_work(
    operator: Operator, line: str, settings: dict[str, str]
) -> Iterator["subprocess.Popen[str]"]:
    """A run that waits for the speech service until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-m", "meeting_pipeline", *line.split()],
        env={**operator.environment(), **settings},
        cwd=operator.desk,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as run:
        assert run.stderr
        said = iter(run.stderr.readline, "")
        assert any("transcribe starts" in text for text in said), "the run ended too soon"
        yield run
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=PATIENCE_S)
