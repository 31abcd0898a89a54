"""The contenders: this program, and shell pipelines as people write them."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

from bench.nights.paid import CHAT_MODEL, KEYS
from bench.nights.plan import Night
from bench.nights.processes import Cost, run
from meeting_pipeline.sandbox.tencent_gate import EXAMPLE
from tests.support.mariadb import MariaDb

ROOT = Path(__file__).resolve().parent.parent.parent
SCRIPT = ROOT / "bench" / "shell_record.sh"
_STAGES = "stages"


class Kind(StrEnum):
    """Whose program it is: ours, the stages and nothing else, or a shell script."""

    OURS = "ours"
    BARE = "bare"
    SHELL = "shell"


@dataclass(frozen=True)
class Contender:
    """kind: whose program. jobs: records at once, None for the program's own choice.

    faults: the night has trouble. mariadb: our rows lie in a server.
    """

    name: str
    kind: Kind = Kind.OURS
    jobs: int | None = None
    faults: bool = False
    mariadb: bool = False

    @property
    def one_by_one(self) -> bool:
        """Whether one record follows the other."""
        return self.jobs == 1


CONTENDERS = {
    one.name: one
    for one in (
        Contender("ours"),
        Contender("ours-mariadb", mariadb=True),
        Contender("ours-faults", faults=True),
        Contender("ours-1", jobs=1),
        Contender("ours-start"),
        Contender("bare-1", Kind.BARE, jobs=1),
        Contender("shell-1", Kind.SHELL, jobs=1),
        Contender("shell-8", Kind.SHELL, jobs=8),
        Contender("shell-15", Kind.SHELL, jobs=15),
    )
}


@dataclass(frozen=True)
class Outcome:
    """One run of a contender. done: records with all they should have; report: the server's.

    stages_cpu_s: what our stages took of the CPU of our own process.
    """

    contender: Contender
    night: Night
    cost: Cost
    done: int
    report: Mapping[str, Any]
    stages_cpu_s: float = 0.0

    @property
    def seconds(self) -> float:
        return self.cost.seconds

    @property
    def refused(self) -> int:
        """Calls the server had to refuse."""
        return sum(self.report["refused"].values())

    @property
    def failed(self) -> int:
        """Records that should be done and are not."""
        return self.night.good - self.done


class Arena:
    """Runs contenders against one server, each in a fresh folder below `folder`."""

    def __init__(self, url: str, folder: Path, database: MariaDb | None) -> None:
        self.url, self._folder, self._database = url, folder, database
        self._runs = 0
        self._starts = {Kind.OURS: self._ours, Kind.BARE: self._bare, Kind.SHELL: self._shell}
        self.cores = len(os.sched_getaffinity(0))

    def run(self, contender: Contender, night: Night) -> Outcome:
        """One run from nothing to the end of the process."""
        self._control("reset", night.as_json())
        self._runs += 1
        folder = self._folder / f"{self._runs}-{contender.name}"
        folder.mkdir()
        cost, done = self._starts[contender.kind](contender, folder)
        report = self._control("report")
        stages = folder / _STAGES
        stages_cpu_s = float(stages.read_text()) if stages.exists() else 0.0
        shutil.rmtree(folder, ignore_errors=True)
        return Outcome(contender, night, cost, done, report, stages_cpu_s)

    def _control(self, what: str, body: str = "") -> Mapping[str, Any]:
        request = Request(f"{self.url}/control/{what}", data=body.encode() or None)
        with urlopen(request) as answer:
            report: Mapping[str, Any] = json.loads(answer.read())
        return report

    def _ours(self, contender: Contender, folder: Path) -> tuple[Cost, int]:
        meeting = [sys.executable, "-m", "bench.nights.watched"]
        environment = self._settings(contender, folder)
        # tables are made once in the life of an installation, like those of the scripts
        subprocess.run(
            [*meeting, "db", "upgrade"],
            env=environment,
            cwd=folder,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        command = [*meeting, "run", "--since", "7d", "--json"]
        if contender.jobs:
            command += ["--jobs", str(contender.jobs)]
        out, err = folder / "report.json", folder / "log"
        cost = run(command, environment, folder, out, err)
        keep = os.environ.get("BENCH_KEEP_LOGS")
        if keep:
            shutil.copy(err, Path(keep) / f"{folder.name}.log")
            shutil.copy(out, Path(keep) / f"{folder.name}.json")
        if not out.stat().st_size:
            raise SystemExit(f"{contender.name} printed nothing: {err.read_text()[-2000:]}")
        return cost, int(json.loads(out.read_text())["done"])

    def _settings(self, contender: Contender, folder: Path) -> dict[str, str]:
        settings = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(ROOT),
            "DATA_DIR": str(folder / "data"),
            "BENCH_STAGES": str(folder / _STAGES),
            **account(self.url, Night()),
        }
        if contender.mariadb:
            assert self._database
            name = f"night_{self._runs}"
            self._database.execute(f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
            settings |= {"DB_HOST": "127.0.0.1", "DB_PORT": str(self._database.port)}
            settings |= {"DB_USER": "root", "DB_NAME": name}
        return settings

    def _bare(self, contender: Contender, folder: Path) -> tuple[Cost, int]:
        command = [sys.executable, "-m", "bench.nights.bare", self.url, str(folder)]
        environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}
        out, err = folder / "out", folder / "err"
        cost = run(command, environment, folder, out, err)
        if cost.code:
            raise SystemExit(f"{contender.name} failed: {err.read_text()[-2000:]}")
        return cost, int(out.read_text())

    def _shell(self, contender: Contender, folder: Path) -> tuple[Cost, int]:
        assert self._database
        self._database.execute("CREATE DATABASE IF NOT EXISTS shell CHARACTER SET utf8mb4")
        self._database.execute(
            "CREATE OR REPLACE TABLE shell.records "
            "(id VARCHAR(64) PRIMARY KEY, transcript LONGTEXT, summary MEDIUMTEXT)"
        )
        environment = {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "BASE": self.url,
            "ASR_KEY": KEYS.asr,
            "CHAT_KEY": KEYS.chat,
            "SOCKET": str(self._database.socket),
            "WORK": str(folder),
        }
        line = f"curl -sf $BASE/plain/records | xargs -P{contender.jobs} -n2 {SCRIPT}"
        command = ["bash", "-c", line]
        cost = run(command, environment, folder, folder / "out", folder / "err")
        ((done,),) = self._database.execute(
            "SELECT COUNT(*) FROM shell.records WHERE transcript <> '' AND summary <> ''"
        )
        return cost, int(done)


def account(url: str, night: Night) -> dict[str, str]:
    """The settings that point the program at the server, with the limits that it has."""
    return {
        "MEETING_SOURCE": "tencent",
        "TQM_SECRET_ID": EXAMPLE.secret_id,
        "TQM_SECRET_KEY": EXAMPLE.secret_key,
        "ENTERPRISE_ID": EXAMPLE.enterprise_id,
        "APP_ID": EXAMPLE.app_id,
        "TQM_OPERATOR_ID": "admin",
        "TQM_BASE_URL": url,
        "TQM_PER_MINUTE": str(night.tencent_rpm),
        "TQM_CORP_PER_MINUTE": str(night.tencent_rpm),
        "ALLOW_PRIVATE_HOSTS": "1",
        "ALLOWED_DOWNLOAD_HOSTS": "127.0.0.1",
        "ASR_BASE_URL": f"{url}/ai/v1",
        "ASR_API_KEY": KEYS.asr,
        "ASR_MODEL": KEYS.asr_model,
        "ASR_CONCURRENCY": str(night.asr_slots),
        "ASR_RPM": str(night.asr_rpm),
        "LLM_BACKEND": "kimi",
        "KIMI_BASE_URL": f"{url}/ai/v1",
        "KIMI_API_KEY": KEYS.chat,
        "KIMI_MODEL": CHAT_MODEL,
        "LLM_CONCURRENCY": str(night.llm_slots),
        "LLM_RPM": str(night.llm_rpm),
    }


_KEPT_MEMORY = "glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=8589934592"
"""Uploads of a megabyte would allocate fresh pages each time, while their slot is held."""


class Server:
    """The night server in its own process."""

    def __init__(self, clips: Path, night: Night) -> None:
        words = [str(clips), str(night.records), str(night.clip_s), str(night.clip_bytes)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bench.nights.server", *words],
            env={**os.environ, "PYTHONPATH": str(ROOT), "GLIBC_TUNABLES": _KEPT_MEMORY},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("the night server did not start")
        self.url = str(json.loads(line)["url"])

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()


def order(names: list[str], rounds: int) -> list[str]:
    """Return the turns A B, then B A, then A B, so that no contender always comes first."""
    return [name for turn in range(rounds) for name in (names if turn % 2 == 0 else names[::-1])]


def load() -> str:
    """The load average, for people."""
    return ", ".join(f"{one:.1f}" for one in os.getloadavg())
