"""`meeting` as processes of their own that are watched, signalled and killed while they work."""

import json
import os
import select
import signal
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE_S = 60.0


@dataclass(frozen=True)
class Started:
    """One process; out, err: the files that its streams go to."""

    pid: int
    out: Path
    err: Path

    def wait(self, seconds: float = PATIENCE_S) -> int:
        """Its exit code, or minus the signal that ended it; too late is an error."""
        watch = os.pidfd_open(self.pid)
        try:
            ready, _, _ = select.select([watch], [], [], seconds)
            assert ready, f"still running after {seconds} s: {self.err.read_text('utf-8')}"
        finally:
            os.close(watch)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])

    def says(self, words: str) -> None:
        """Wait until standard error has these words."""
        self._until(lambda: words in self.err.read_text("utf-8"))

    def has_child(self, name: str) -> None:
        """Wait until a program of that name is among its children and theirs."""
        self._until(lambda: any(name in command_line(child) for child in family(self.pid)))

    def connects_to(self, port: int) -> None:
        """Wait until it has asked for a connection to this port of IPv4 and has no answer."""
        ours = _sockets(os.getpid())  # a fork has them, too
        self._until(lambda: bool(_unanswered(self.pid, port) & _sockets(self.pid) - ours))

    def _until(self, is_so: Callable[[], bool]) -> None:
        watch = os.pidfd_open(self.pid)
        try:
            while not is_so():
                ended, _, _ = select.select([watch], [], [], 0.02)
                assert not ended, self.err.read_text("utf-8")
        finally:
            os.close(watch)

    @property
    def report(self) -> dict[str, Any]:
        """Standard output as the one JSON document it must be."""
        document: dict[str, Any] = json.loads(self.out.read_text("utf-8"))
        return document

    def send(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)


class Starter:
    """Forks this process, which has imported everything, so that ten starts take no time."""

    def __init__(self, folder: Path) -> None:
        import tests.support.imports_of_commands  # noqa: F401 - forked commands have it

        self._folder = folder
        self._all: list[Started] = []
        folder.mkdir(exist_ok=True)

    def start(
        self,
        words: Sequence[str],
        env: Mapping[str, str],
        after: int | None = None,
        ignoring: Collection[signal.Signals] = (),
    ) -> Started:
        """`meeting WORDS` with these settings.

        after: it begins when there is a byte for it. ignoring: as `nohup` has it.
        """
        name = str(len(self._all))
        out, err = self._folder / f"{name}.out", self._folder / f"{name}.err"
        out.touch()
        err.touch()
        pid = os.fork()
        if pid == 0:
            _become(words, env, (out, err), after, ignoring)
        self._all.append(Started(pid, out, err))
        return self._all[-1]

    def end(self) -> None:
        """Leave nobody behind."""
        for one in self._all:
            try:
                os.kill(one.pid, signal.SIGKILL)
                os.waitpid(one.pid, 0)
            except (ProcessLookupError, ChildProcessError):
                continue


@contextmanager
def starting(folder: Path) -> Iterator[Starter]:
    """A starter whose processes are gone afterwards."""
    starter = Starter(folder)
    try:
        yield starter
    finally:
        starter.end()


def family(pid: int) -> list[int]:
    """The children of a process and theirs."""
    return [one for child in _children(pid) for one in (child, *family(child))]


def command_line(pid: int) -> str:
    """What the list of processes shows of it; "" for one that is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8")
    except OSError:
        return ""


def _sockets(pid: int) -> set[str]:
    """The inodes of the sockets that a process has open."""
    found: set[str] = set()
    for one in Path(f"/proc/{pid}/fd").iterdir():
        with suppress(OSError):  # closed meanwhile
            found.add(one.readlink().name.removeprefix("socket:[").removesuffix("]"))
    return found


def _unanswered(pid: int, port: int) -> set[str]:
    """The inodes of the sockets whose connection to a port was asked for (state SYN_SENT)."""
    rows = [line.split() for line in Path(f"/proc/{pid}/net/tcp").read_text("ascii").splitlines()]
    return {row[9] for row in rows[1:] if row[2].endswith(f":{port:04X}") and row[3] == "02"}


def _children(pid: int) -> list[int]:
    """Of all its threads; one that ends meanwhile has none."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def until_gone(pid: int) -> None:
    """Wait for the end of a process that is not our child."""
    try:
        watch = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        ready, _, _ = select.select([watch], [], [], PATIENCE_S)
        assert ready, f"process {pid} is still there"
    finally:
        os.close(watch)


def _become(
    words: Sequence[str],
    env: Mapping[str, str],
    streams: tuple[Path, Path],
    after: int | None,
    ignoring: Collection[signal.Signals],
) -> None:
    """Never returns: this process is `meeting` now."""
    code = 99
    try:
        for descriptor, file in enumerate(streams, 1):
            os.dup2(os.open(file, os.O_WRONLY | os.O_APPEND), descriptor)
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN if number in ignoring else signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        os.environ.update(env)
        if after is not None:
            os.read(after, 1)
        from meeting_pipeline.cli.app import run_program

        code = run_program(list(words))
        sys.stdout.flush()
    finally:
        os._exit(code)
