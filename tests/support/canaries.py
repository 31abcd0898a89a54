"""Twelve secrets that every fault night is given, and who looks for them where none belongs.

Ten have one value in every night; each signed link has a token of its own, and so has every aria2c.
"""

import json
import os
import re
import select
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import MappingProxyType

from meeting_pipeline.sandbox.openai_api import Keys
from meeting_pipeline.sandbox.tencent_gate import EXAMPLE
from tests.support.mariadb import MariaDb

ACCOUNT, DB_PASS = "canary", "canary-DB-pass-7311"
_NOTIFY_PASS, _NOTIFY_PATH = "canarynotifypass7315", "canarynotifypath7316"
_PROXY_PASS, _FTP_PASS = "canary-proxy-pass-7317", "canary-ftp-proxy-7318"
_FOREIGN = "canary-somebody-elses-7319"

ENVIRONMENT = MappingProxyType(
    {
        "DB_PASS": DB_PASS,
        "NOTIFY_URLS": f"json://me:{_NOTIFY_PASS}@127.0.0.1:9/{_NOTIFY_PATH}",
        "HTTPS_PROXY": f"http://me:{_PROXY_PASS}@127.0.0.1:9",
        "FTP_PROXY": f"http://me:{_FTP_PASS}@127.0.0.1:9",
        "FOREIGN_API_TOKEN": _FOREIGN,
    }
)
"""What a night is given beside the sandbox's keys."""

VALUES: Mapping[str, str] = MappingProxyType(
    {
        "TQM_SECRET_ID": EXAMPLE.secret_id,
        "TQM_SECRET_KEY": EXAMPLE.secret_key,
        "ASR_API_KEY": Keys().asr,
        "KIMI_API_KEY": Keys().chat,
        "DB_PASS": DB_PASS,
        "the password of NOTIFY_URLS": _NOTIFY_PASS,
        "the token of NOTIFY_URLS": _NOTIFY_PATH,
        "the password of HTTPS_PROXY": _PROXY_PASS,
        "the password of FTP_PROXY": _FTP_PASS,
        "FOREIGN_API_TOKEN": _FOREIGN,
    }
)
_PATTERNS = MappingProxyType(
    {
        "a signed link": re.compile(rb"token=[\w-]{20,}"),
        "aria2's password": re.compile(rb"(?:rpc-secret|all-proxy-passwd)=\w"),
    }
)
KINDS = (*VALUES, *_PATTERNS)
_BELONG_IN = (".env",)
_EVERY_S = 0.01
_A_READ = 1 << 14


def make_account(server: MariaDb, name: str, limits: str = "") -> None:
    """Who may do everything with the tables of `meeting`, with the password that nights are given.

    limits: as `WITH MAX_USER_CONNECTIONS 1`.
    """
    account = f"{name}@'127.0.0.1'"
    server.execute(f"CREATE OR REPLACE USER {account} IDENTIFIED BY '{DB_PASS}' {limits}")
    server.execute(f"GRANT ALL ON meeting.* TO {account}")


def at(server: MariaDb) -> dict[str, str]:
    """The settings that lead a night to `meeting` on that server."""
    return {
        "DB_HOST": "127.0.0.1",
        "DB_PORT": str(server.port),
        "DB_USER": ACCOUNT,
        "DB_NAME": "meeting",
    }


def found_in(content: bytes) -> list[str]:
    """Which of KINDS are in there."""
    fixed = [name for name, value in VALUES.items() if value.encode() in content]
    return fixed + [name for name, pattern in _PATTERNS.items() if pattern.search(content)]


def found_in_files(folder: Path) -> Iterator[str]:
    """ "KIND in PATH" for every file below; a settings file may have them."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink() and path.name not in _BELONG_IN:
            for kind in found_in(_without_holes(path)):
                yield f"{kind} in {path.relative_to(folder)}"


def _without_holes(path: Path) -> bytes:
    """What was ever written to a file: hours of silence may be one hole."""
    with path.open("rb") as stream:
        size = os.fstat(stream.fileno()).st_size
        parts, end = [], 0
        while end < size:
            try:
                start = os.lseek(stream.fileno(), end, os.SEEK_DATA)
            except OSError:  # nothing but a hole from here on
                break
            end = os.lseek(stream.fileno(), start, os.SEEK_HOLE)
            parts.append(os.pread(stream.fileno(), end - start, start))
    return b"\0".join(parts)


class CommandLines:
    """What the list of processes has shown of all our children, read by a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def found(self) -> list[str]:
        """ "KIND in the command line of PROGRAM", since the last time."""
        assert self._process.stdin and self._process.stdout
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        found: list[str] = json.loads(self._process.stdout.readline())
        return found


@contextmanager
def watched_command_lines() -> Iterator[CommandLines]:
    """They are read every 10 ms while the block runs."""
    command = [sys.executable, "-P", "-m", __name__, str(os.getpid())]
    here = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=here
    ) as process:
        lines = CommandLines(process)
        assert lines.found() == [], "it has begun"
        yield lines
        assert process.stdin
        process.stdin.close()


class _Shown:
    """What the list of processes shows of the family of `pid`, read again and again at little cost.

    A process is opened when it is first seen, and asked for its words every time: it may become
    another program. Whose parent ended before it was seen belongs to who took it in.
    """

    def __init__(self, pid: int) -> None:
        self._known: set[int] = set()
        self._opened: dict[int, int] = {}
        self._family = {pid}

    def read(self) -> Iterator[str]:
        """The command line of each that is there now."""
        there = {int(one.name) for one in os.scandir("/proc") if one.name.isdecimal()}
        for pid in self._known - there:
            self._forget(pid)
        self._meet({pid: _parent(pid) for pid in there - self._known})
        self._known = there
        for pid, descriptor in [*self._opened.items()]:
            try:
                yield _line(descriptor)
            except ProcessLookupError:
                self._forget(pid)

    def _meet(self, parents: Mapping[int, int | None]) -> None:
        ours = {pid for pid, parent in parents.items() if parent in self._family}
        for pid in ours - {os.getpid()}:
            with suppress(OSError):
                self._opened[pid] = os.open(f"/proc/{pid}/cmdline", os.O_RDONLY)
                self._family.add(pid)
        if ours:
            self._meet({pid: parent for pid, parent in parents.items() if pid not in ours})

    def _forget(self, pid: int) -> None:
        self._known.discard(pid)  # so that another with its number is met
        if pid in self._opened:
            os.close(self._opened.pop(pid))
            self._family.discard(pid)


def _line(descriptor: int) -> str:
    words, at = os.pread(descriptor, _A_READ, 0), _A_READ
    while len(words) == at:
        words, at = words + os.pread(descriptor, _A_READ, at), at + _A_READ
    return words.replace(b"\0", b" ").decode("utf-8", "replace")


def _parent(pid: int) -> int | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    return int(stat.rpartition(b")")[2].split()[1])


def _watch(pid: int) -> None:
    """Tell what was found for every line that comes in, until none comes any more."""
    seen: set[str] = set()
    shown = _Shown(pid)
    while True:
        seen.update(shown.read())
        asked, _, _ = select.select([sys.stdin], [], [], _EVERY_S)
        if asked:
            if not sys.stdin.readline():
                return
            sys.stdout.write(json.dumps(sorted(_found_in_lines(seen))) + "\n")
            sys.stdout.flush()
            seen = set()


def _found_in_lines(lines: Iterable[str]) -> Iterator[str]:
    for line in lines:
        for kind in found_in(line.encode()):
            yield f"{kind} in the command line of {line.split(' ')[0]}"


if __name__ == "__main__":
    _watch(int(sys.argv[1]))
